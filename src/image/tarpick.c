#include "image/tarpick.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "base/wire.h"

#include <string.h>
#include <zlib.h>

/* POSIX.1-1988 ustar header; the last 16 bytes are VMware's. */
#define BLOCK          512
#define AT_SIZE        124
#define AT_TYPE        156
#define AT_MAGIC       257
#define AT_PREFIX      345
#define AT_VISOR_DATA  0x1f0
#define NAME_SIZE      100
#define PREFIX_SIZE    155
#define GZIP_WINDOW    (15 + 16) /* zlib: gzip only */
#define UNPACKED_CHUNK 16384

static const char *const wanted[TARPICK_COUNT] = {
    [TARPICK_SHADOW] = "etc/shadow",
    [TARPICK_INETD] = "etc/inetd.conf",
};

struct target {
    bool known;
    uint64_t start, size; /* in the unpacked archive */
    struct buf bytes;
};

struct tarpick {
    z_stream z;
    bool over;            /* nothing more to learn */
    bool headers_over;    /* only data of known targets may follow */
    bool long_name;       /* the next header's name is in the data of this one */
    uint64_t at;          /* unpacked bytes so far */
    uint64_t next_header; /* where it starts */
    uint8_t header[BLOCK];
    struct target target[TARPICK_COUNT];
};

struct tarpick *tarpick_new(void)
{
    struct tarpick *p = calloc(1, sizeof *p);
    if (p && inflateInit2(&p->z, GZIP_WINDOW) != Z_OK) {
        free(p);
        return NULL;
    }
    return p;
}

void tarpick_free(struct tarpick *p)
{
    if (!p)
        return;
    inflateEnd(&p->z);
    for (size_t i = 0; i < TARPICK_COUNT; i++)
        buf_fini(&p->target[i].bytes);
    free(p);
}

static bool read_octal(const uint8_t *field, size_t size, uint64_t *out)
{
    uint64_t v = 0;
    size_t i = 0, digits = 0;
    while (i < size && field[i] == ' ')
        i++;
    for (; i < size && field[i] >= '0' && field[i] <= '7'; i++, digits++)
        v = v * 8 + (uint64_t)(field[i] - '0');
    bool ended = i == size || field[i] == 0 || field[i] == ' ';
    *out = v;
    return ended && (digits || field[0] == 0);
}

/* ustar has a prefix field; GNU ("ustar  ") and vmtar use its place for other things. */
static void read_name(const uint8_t *h, char out[static PREFIX_SIZE + NAME_SIZE + 2])
{
    const char *name = (const char *)h, *prefix = (const char *)h + AT_PREFIX;
    bool has_prefix = memcmp(h + AT_MAGIC, "ustar\0", 6) == 0 && *prefix;
    snprintf(out, PREFIX_SIZE + NAME_SIZE + 2, "%.*s%s%.*s", has_prefix ? PREFIX_SIZE : 0, prefix,
             has_prefix ? "/" : "", NAME_SIZE, name);
}

static struct target *find_target(struct tarpick *p, const uint8_t *h)
{
    char name[PREFIX_SIZE + NAME_SIZE + 2];
    read_name(h, name);
    const char *path = name;
    while (*path == '/' || (path[0] == '.' && path[1] == '/'))
        path++;
    for (size_t i = 0; i < TARPICK_COUNT; i++)
        if (strcmp(path, wanted[i]) == 0)
            return &p->target[i];
    return NULL;
}

static void set_target(struct target *t, uint64_t start, uint64_t size)
{
    buf_clear(&t->bytes); /* a later file of the same name replaces the earlier */
    t->known = size <= TARPICK_SIZE_MAX;
    t->start = start;
    t->size = size;
}

static bool is_zero(const uint8_t *h)
{
    return h[0] == 0 && memcmp(h, h + 1, BLOCK - 1) == 0;
}

/* The header is complete; p->at is where its data would start. */
static void read_header(struct tarpick *p)
{
    const uint8_t *h = p->header;
    bool visor = memcmp(h + AT_MAGIC, "visor  ", 7) == 0;
    uint64_t size;
    if (is_zero(h) || (!visor && memcmp(h + AT_MAGIC, "ustar", 5) != 0) ||
        !read_octal(h + AT_SIZE, 12, &size)) {
        p->headers_over = true;
        return;
    }
    char type = (char)h[AT_TYPE];
    bool regular = type == '0' || type == 0 || type == '7';
    struct wire_in far = wire_in(h + AT_VISOR_DATA, 4);
    uint64_t data = visor && regular ? wire_u32le(&far) : 0;
    struct target *t = regular && !p->long_name ? find_target(p, h) : NULL;
    if (t)
        set_target(t, data ? data : p->at, size);
    bool has_data = regular || strchr("LKxg", type);
    p->next_header = p->at + (has_data && !data ? (size + BLOCK - 1) / BLOCK * BLOCK : 0);
    p->long_name = type == 'L';
}

static bool target_complete(const struct target *t)
{
    return t->known && t->bytes.size == t->size;
}

static void feed_targets(struct tarpick *p, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < TARPICK_COUNT; i++) {
        struct target *t = &p->target[i];
        uint64_t from = t->start + t->bytes.size; /* the next byte it waits for */
        if (!t->known || target_complete(t) || from < p->at || from >= p->at + size)
            continue;
        size_t skip = (size_t)(from - p->at), left = size - skip;
        uint64_t missing = t->size - t->bytes.size;
        buf_append(&t->bytes, bytes + skip, missing < left ? (size_t)missing : left);
    }
}

/* Nothing more is awaited: no header, and no target whose data lies ahead. */
static bool all_seen(const struct tarpick *p)
{
    for (size_t i = 0; i < TARPICK_COUNT; i++) {
        const struct target *t = &p->target[i];
        if (t->known && !target_complete(t) && t->start + t->bytes.size >= p->at)
            return false;
    }
    return p->headers_over;
}

static void feed_archive(struct tarpick *p, const uint8_t *bytes, size_t size)
{
    while (size && !p->over) {
        size_t step = size;
        if (!p->headers_over && p->at >= p->next_header) {
            size_t have = (size_t)(p->at - p->next_header);
            step = size < BLOCK - have ? size : BLOCK - have;
            memcpy(p->header + have, bytes, step);
            p->at += step;
            if (have + step == BLOCK)
                read_header(p);
        } else {
            if (!p->headers_over && step > p->next_header - p->at)
                step = (size_t)(p->next_header - p->at);
            feed_targets(p, bytes, step);
            p->at += step;
        }
        bytes += step;
        size -= step;
        p->over = all_seen(p);
    }
}

void tarpick_add(struct tarpick *p, const void *bytes, size_t size)
{
    uint8_t unpacked[UNPACKED_CHUNK];
    p->z.next_in = (Bytef *)(uintptr_t)bytes; /* zlib never writes there */
    p->z.avail_in = (uInt)size;
    while (!p->over) {
        p->z.next_out = unpacked;
        p->z.avail_out = sizeof unpacked;
        int r = inflate(&p->z, Z_NO_FLUSH);
        feed_archive(p, unpacked, sizeof unpacked - p->z.avail_out);
        if (r != Z_OK && r != Z_BUF_ERROR)
            p->over = true; /* the end, or no gzip */
        if (p->z.avail_out || r == Z_BUF_ERROR)
            break;
    }
}

/* JSON and people want text: UTF-8 without control characters but line ends and tabs. */
static bool is_text(const char *text, size_t size)
{
    cleanup_free char *flat = malloc(size + 1), *printable = malloc(size + 1);
    if (!flat || !printable)
        return false;
    for (size_t i = 0; i < size; i++)
        flat[i] = text[i] == '\n' || text[i] == '\t' || text[i] == '\r' ? ' ' : text[i];
    flat[size] = 0;
    text_printable(flat, size, printable, size + 1);
    return memcmp(flat, printable, size + 1) == 0;
}

char *tarpick_take(const struct tarpick *p, enum tarpick_file file)
{
    const struct target *t = &p->target[file];
    if (!target_complete(t) || !t->size || t->bytes.failed)
        return NULL;
    char *text = malloc(t->bytes.size + 1);
    if (!text)
        return NULL;
    memcpy(text, t->bytes.data, t->bytes.size);
    text[t->bytes.size] = 0;
    if (!is_text(text, t->bytes.size)) {
        free(text);
        return NULL;
    }
    return text;
}
