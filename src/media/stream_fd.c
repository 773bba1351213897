/* A regular file as a stream. */
#include "media/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fd_stream {
    struct stream base;
    int fd;            /* borrowed */
    uint64_t position; /* of the next pread */
    uint8_t *block;    /* STREAM_BLOCK bytes, owned */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void *ctx;
};

static int fd_fill(struct stream *s, struct slice *out, struct error *err)
{
    struct fd_stream *f = (struct fd_stream *)s;
    ssize_t n;
    do
        n = pread(f->fd, f->block, STREAM_BLOCK, (off_t)f->position);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return error_errno(err, errno, "%s: cannot read at byte %llu", s->where,
                           (unsigned long long)f->position);
    f->position += (uint64_t)n;
    *out = (struct slice){f->block, (size_t)n};
    if (f->progress)
        f->progress(f->ctx, f->position, s->size);
    return 0;
}

static int fd_skip(struct stream *s, uint64_t size, uint64_t *skipped, struct error *err)
{
    struct fd_stream *f = (struct fd_stream *)s;
    uint64_t left = s->size > f->position ? s->size - f->position : 0;
    *skipped = size < left ? size : left;
    f->position += *skipped;
    if (f->progress)
        f->progress(f->ctx, f->position, s->size);
    return 0;
}

static void fd_close(struct stream *s)
{
    struct fd_stream *f = (struct fd_stream *)s;
    quota_free(s->quota, f->block, STREAM_BLOCK);
    free(f);
}

struct stream *stream_of_fd(int fd, struct quota *quota, const char *where,
                            void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
                            struct error *err)
{
    static const struct stream_ops ops = {fd_fill, fd_skip, NULL, fd_close};
    struct stat st;
    if (fstat(fd, &st) < 0) {
        error_errno(err, errno, "%s", where);
        return NULL;
    }
    struct fd_stream *f = calloc(1, sizeof *f);
    if (!f) {
        error_errno(err, ENOMEM, "%s", where);
        return NULL;
    }
    stream_init(&f->base, &ops, quota, where, (uint64_t)st.st_size);
    f->fd = fd;
    f->progress = progress;
    f->ctx = ctx;
    f->block = quota_alloc(quota, STREAM_BLOCK, where, err);
    if (f->block)
        return &f->base;
    free(f);
    return NULL;
}
