#include "fuzz_media.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_BLOCK 1000 /* bytes; no divisor of any sector */

const struct media_limits fuzz_limits = {4u << 20, 8u << 20};

static enum media_want want_all(void *ctx, const struct media_entry *e)
{
    struct error err;
    char clean[MEDIA_PATH_MAX];
    if (path_clean(e->path, clean, &err) < 0 || strcmp(clean, e->path) != 0)
        abort(); /* the promise of media.h */
    return MEDIA_OPEN_TAKE;
}

static int read_data(void *ctx, uint32_t id, const void *bytes, size_t size, struct error *err)
{
    static volatile uint8_t sink;
    const uint8_t *b = bytes;
    sink = b[0] ^ b[size - 1];
    return (void)sink, 0;
}

const struct media_visitor fuzz_visitor = {.want = want_all, .data = read_data};

struct memory_stream {
    struct stream base;
    const uint8_t *data;
    size_t left;
};

static int memory_fill(struct stream *s, struct slice *out, struct error *err)
{
    struct memory_stream *m = (struct memory_stream *)s;
    *out = (struct slice){m->data, m->left < FUZZ_BLOCK ? m->left : FUZZ_BLOCK};
    m->data += out->size;
    m->left -= out->size;
    return 0;
}

static void memory_close(struct stream *s)
{
    free(s);
}

struct stream *fuzz_stream(const uint8_t *data, size_t size, struct quota *quota)
{
    static const struct stream_ops ops = {memory_fill, NULL, NULL, memory_close};
    struct memory_stream *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    stream_init(&m->base, &ops, quota, "fuzz", size);
    m->data = data;
    m->left = size;
    return &m->base;
}

void fuzz_walk(const uint8_t *data, size_t size,
               int (*walk)(struct walk *w, const struct place *at, struct stream *s, struct error *err))
{
    struct walk w = {.quota.limits = fuzz_limits, .visitor = &fuzz_visitor};
    struct place at = {.where = "fuzz", .name = "fuzz"};
    struct error err = {0};
    struct stream *s = fuzz_stream(data, size, &w.quota);
    if (walk(&w, &at, s, &err) < 0 && strncmp(err.text, "fuzz", 4) != 0)
        abort(); /* every error says where */
    stream_close(s);
    if (w.quota.memory != 0)
        abort(); /* what was reserved is given back */
}
