/* gzip (RFC 1952) by zlib, which checks header, CRC32 and ISIZE. libarchive's own filter checks neither. */
#include "media/unpack.h"

#include <limits.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

#define GZIP_MEMORY (48u << 10) /* zlib.h: (1 << windowBits) + about 7 KiB, rounded up */

static bool gzip_start(void *state)
{
    z_stream *z = state;
    *z = (z_stream){0};
    return inflateInit2(z, 16 + MAX_WBITS) == Z_OK;
}

static void gzip_stop(void *state)
{
    inflateEnd(state);
}

static enum unpack_step gzip_step(void *state, struct slice *in, uint8_t *to, size_t *size, const char **why)
{
    z_stream *z = state;
    size_t offered = in->size < UINT_MAX ? in->size : UINT_MAX;
    z->next_in = in->data;
    z->avail_in = (uInt)offered;
    z->next_out = to;
    z->avail_out = (uInt)*size;
    int result = inflate(z, Z_NO_FLUSH);
    in->data += offered - z->avail_in;
    in->size -= offered - z->avail_in;
    *size -= z->avail_out;
    if (result == Z_STREAM_END)
        return UNPACK_END;
    if (result == Z_OK || result == Z_BUF_ERROR)
        return UNPACK_MORE;
    *why = z->msg ? z->msg : zError(result);
    return UNPACK_FAILED;
}

struct stream *gzip_open(struct stream *in, struct error *err)
{
    static const struct codec codec = {
        .name = "gzip",
        .memory = GZIP_MEMORY,
        .magic = "\x1f\x8b",
        .magic_size = 2,
        .state_size = sizeof(z_stream),
        .start = gzip_start,
        .step = gzip_step,
        .stop = gzip_stop,
    };
    return unpack_open(in, &codec, err);
}
