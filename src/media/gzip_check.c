#include "media/gzip_check.h"

#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

#define CHECK_BLOCK (32u << 10) /* bytes unpacked at a time, and dropped */
#define UNPACKED_MAX                                                                                         \
    UINT32_MAX /* RFC 1952: ISIZE has 32 bits, and loaders allocate so much; stops bombs, too */

struct gzip_check {
    uint64_t size; /* bytes seen */
    uint8_t head[2];
    bool is_gzip;
    bool complete; /* the member ended with its checks passed */
    z_stream z;    /* initialised when is_gzip */
    uint64_t unpacked;
    uint8_t block[CHECK_BLOCK];
};

struct gzip_check *gzip_check_new(void)
{
    return calloc(1, sizeof(struct gzip_check));
}

void gzip_check_free(struct gzip_check *g)
{
    if (g && g->is_gzip)
        inflateEnd(&g->z);
    free(g);
}

static int check_bytes(struct gzip_check *g, const uint8_t *bytes, size_t size, struct error *err)
{
    while (size) {
        if (g->complete)
            return error_set(
                err,
                "has %zu bytes or more behind its gzip data; boot loaders read the length from the "
                "end of the file and would fail: repack it with gzip",
                size);
        uInt offered = size < UINT_MAX ? (uInt)size : UINT_MAX;
        g->z.next_in = bytes;
        g->z.avail_in = offered;
        int result;
        do {
            g->z.next_out = g->block;
            g->z.avail_out = sizeof g->block;
            result = inflate(&g->z, Z_NO_FLUSH);
            g->unpacked += sizeof g->block - g->z.avail_out;
        } while (result == Z_OK && g->z.avail_out == 0 && g->unpacked <= UNPACKED_MAX);
        if (g->unpacked > UNPACKED_MAX)
            return error_set(err,
                             "unpacks to more than 4 GiB, which no boot loader can load: it is no module");
        if (result == Z_STREAM_END)
            g->complete = true;
        else if (result != Z_OK && result != Z_BUF_ERROR)
            return error_set(err, "is damaged gzip data (%s); get the image again",
                             g->z.msg ? g->z.msg : zError(result));
        bytes += offered - g->z.avail_in;
        size -= offered - g->z.avail_in;
    }
    return 0;
}

static int start(struct gzip_check *g, struct error *err)
{
    if (g->head[0] != 0x1f || g->head[1] != 0x8b)
        return 0;
    if (inflateInit2(&g->z, 16 + MAX_WBITS) != Z_OK)
        return error_set(err, "cannot be checked: no memory");
    g->is_gzip = true;
    return check_bytes(g, g->head, sizeof g->head, err);
}

int gzip_check_add(struct gzip_check *g, const void *bytes, size_t size, struct error *err)
{
    const uint8_t *at = bytes;
    for (; size && g->size < sizeof g->head; size--) {
        g->head[g->size++] = *at++;
        if (g->size == sizeof g->head && start(g, err) < 0)
            return -1;
    }
    g->size += size;
    return g->is_gzip ? check_bytes(g, at, size, err) : 0;
}

bool gzip_check_complete(const struct gzip_check *g)
{
    return g->complete;
}

int gzip_check_end(struct gzip_check *g, bool *is_gzip, uint64_t *unpacked, struct error *err)
{
    *is_gzip = g->is_gzip;
    *unpacked = g->is_gzip ? g->unpacked : g->size;
    if (g->is_gzip && !g->complete)
        return error_set(err, "ends early: %llu bytes of gzip data without their end; get the image again",
                         (unsigned long long)g->size);
    return 0;
}
