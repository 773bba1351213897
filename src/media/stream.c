#include "media/stream.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void stream_init(struct stream *s, const struct stream_ops *ops, struct quota *quota, const char *where,
                 uint64_t size)
{
    *s = (struct stream){.ops = ops, .quota = quota, .size = size};
    text_printable(where, strlen(where), s->where, sizeof s->where);
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    quota_free(s->quota, s->head, s->head_size);
    free(s->failed);
    s->ops->close(s);
}

/* Remembers the first error, so that every later call gives the same one. */
static int fail(struct stream *s, struct error *err)
{
    if (s->failed)
        *err = *s->failed;
    else if ((s->failed = malloc(sizeof *s->failed)))
        *s->failed = *err;
    return -1;
}

static int fill(struct stream *s, struct error *err)
{
    if (s->failed)
        return fail(s, err);
    if (s->now.size == 0) {
        s->now = s->later;
        s->later = (struct slice){0};
    }
    if (s->now.size || s->ended)
        return 0;
    if (s->ops->fill(s, &s->now, err) < 0) {
        s->now = (struct slice){0};
        return fail(s, err);
    }
    s->ended = s->now.size == 0;
    return 0;
}

int stream_look(struct stream *s, struct slice *out, struct error *err)
{
    if (fill(s, err) < 0)
        return -1;
    *out = s->now;
    return 0;
}

void stream_consume(struct stream *s, size_t size)
{
    if (size == 0)
        return; /* at the end there is no pointer to move */
    s->now.data += size;
    s->now.size -= size;
    s->offset += size;
}

static int gather(struct stream *s, size_t size, struct error *err)
{
    uint8_t *head = quota_alloc(s->quota, size, s->where, err);
    if (!head)
        return -1;
    size_t got = 0;
    while (got < size) {
        if (fill(s, err) < 0) {
            quota_free(s->quota, head, size);
            return -1;
        }
        if (s->now.size == 0)
            break;
        size_t n = s->now.size < size - got ? s->now.size : size - got;
        memcpy(head + got, s->now.data, n);
        s->now.data += n;
        s->now.size -= n;
        got += n;
    }
    s->later = s->now; /* what the last block held beyond; the earlier `later` was gathered first */
    quota_free(s->quota, s->head, s->head_size);
    s->head = head;
    s->head_size = size;
    s->now = (struct slice){head, got};
    return 0;
}

int stream_peek(struct stream *s, size_t size, struct slice *out, struct error *err)
{
    if (fill(s, err) < 0)
        return -1;
    if (s->now.size < size && !s->ended && gather(s, size, err) < 0)
        return -1;
    *out = (struct slice){s->now.data, s->now.size < size ? s->now.size : size};
    return 0;
}

int stream_read(struct stream *s, void *to, size_t size, size_t *got, struct error *err)
{
    uint8_t *at = to;
    for (*got = 0; *got < size;) {
        if (fill(s, err) < 0)
            return -1;
        if (s->now.size == 0)
            break;
        size_t n = s->now.size < size - *got ? s->now.size : size - *got;
        memcpy(at + *got, s->now.data, n);
        stream_consume(s, n);
        *got += n;
    }
    return 0;
}

int stream_exact(struct stream *s, void *to, size_t size, const char *what, struct error *err)
{
    size_t got;
    if (stream_read(s, to, size, &got, err) < 0)
        return -1;
    return got == size ? 0 : stream_cut_short(s, what, err);
}

int stream_skip(struct stream *s, uint64_t size, uint64_t *skipped, struct error *err)
{
    uint64_t done = 0;
    while (done < size) {
        if (s->now.size == 0 && s->later.size == 0 && !s->ended && !s->failed && s->ops->skip) {
            uint64_t n = 0;
            if (s->ops->skip(s, size - done, &n, err) < 0)
                return fail(s, err);
            s->offset += n;
            done += n;
            if (n)
                continue;
        }
        if (fill(s, err) < 0)
            return -1;
        if (s->now.size == 0)
            break;
        size_t n = s->now.size < size - done ? s->now.size : (size_t)(size - done);
        stream_consume(s, n);
        done += n;
    }
    if (skipped)
        *skipped = done;
    return 0;
}

int stream_drain(struct stream *s, struct error *err)
{
    return stream_skip(s, UINT64_MAX, NULL, err);
}

int stream_finish(struct stream *s, struct error *err)
{
    if (!s->ops->finish || s->failed)
        return stream_drain(s, err);
    return s->ops->finish(s, err) < 0 ? fail(s, err) : 0;
}

int stream_cut_short(const struct stream *s, const char *what, struct error *err)
{
    return error_set(err,
                     "%s: ends early, after %llu bytes, in %s: it is cut short; download or copy it again",
                     s->where, (unsigned long long)s->offset, what);
}

struct window {
    struct stream base;
    struct stream *of; /* borrowed */
    uint64_t left;
    size_t lent; /* bytes of `of` handed out by the last fill, not yet consumed there */
};

/* Bytes count as consumed in the outer stream only when the next ones are asked for: until then they are
 * borrowed from it. */
static void window_settle(struct window *w)
{
    stream_consume(w->of, w->lent);
    w->left -= w->lent;
    w->lent = 0;
}

static int window_fill(struct stream *s, struct slice *out, struct error *err)
{
    struct window *w = (struct window *)s;
    window_settle(w);
    *out = (struct slice){0};
    if (w->left == 0)
        return 0;
    if (stream_look(w->of, out, err) < 0)
        return -1;
    if (out->size > w->left)
        out->size = (size_t)w->left;
    w->lent = out->size;
    return 0;
}

static int window_skip(struct stream *s, uint64_t size, uint64_t *skipped, struct error *err)
{
    struct window *w = (struct window *)s;
    window_settle(w);
    if (stream_skip(w->of, size < w->left ? size : w->left, skipped, err) < 0)
        return -1;
    w->left -= *skipped;
    return 0;
}

static void window_close(struct stream *s)
{
    window_settle((struct window *)s);
    free(s);
}

struct stream *stream_window(struct stream *of, uint64_t size, const char *where, struct error *err)
{
    static const struct stream_ops ops = {window_fill, window_skip, NULL, window_close};
    struct window *w = calloc(1, sizeof *w);
    if (!w) {
        error_errno(err, ENOMEM, "%s", where);
        return NULL;
    }
    stream_init(&w->base, &ops, of->quota, where, size);
    w->of = of;
    w->left = size;
    return &w->base;
}

struct tee {
    struct stream base;
    struct stream *of; /* borrowed */
    int (*see)(void *ctx, const void *bytes, size_t size, struct error *err);
    void *ctx;
    size_t lent; /* as in struct window */
};

static int tee_fill(struct stream *s, struct slice *out, struct error *err)
{
    struct tee *t = (struct tee *)s;
    stream_consume(t->of, t->lent);
    t->lent = 0;
    if (stream_look(t->of, out, err) < 0)
        return -1;
    if (out->size && t->see(t->ctx, out->data, out->size, err) < 0)
        return -1;
    t->lent = out->size;
    return 0;
}

static void tee_close(struct stream *s)
{
    struct tee *t = (struct tee *)s;
    stream_consume(t->of, t->lent);
    free(t);
}

struct stream *stream_tee(struct stream *of,
                          int (*see)(void *ctx, const void *bytes, size_t size, struct error *err), void *ctx,
                          struct error *err)
{
    static const struct stream_ops ops = {tee_fill, NULL, NULL, tee_close};
    struct tee *t = calloc(1, sizeof *t);
    if (!t) {
        error_errno(err, ENOMEM, "%s", of->where);
        return NULL;
    }
    stream_init(&t->base, &ops, of->quota, of->where, of->size);
    t->of = of;
    t->see = see;
    t->ctx = ctx;
    return &t->base;
}
