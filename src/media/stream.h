/*
 * A forward-only source of bytes. Readers pull; nothing seeks back. A failed stream stays failed.
 *
 * `where` is the chain of containers that messages begin with. Errors are complete when they are made:
 * nobody wraps them on the way up, since a reader deep inside often meets the damage of an outer container.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "media/quota.h"

#include <stdbool.h>

#define STREAM_WHERE_MAX 512          /* longer chains are cut */
#define STREAM_BLOCK     (128u << 10) /* bytes per read and per unpacked block */

struct stream;

struct stream_ops {
    /* The next bytes, borrowed until the next call; size 0 at the end. */
    int (*fill)(struct stream *s, struct slice *out, struct error *err);
    /* Passes over up to `size` bytes behind those filled; says how many. NULL: the stream reads and drops. */
    int (*skip)(struct stream *s, uint64_t size, uint64_t *skipped, struct error *err);
    /* Nothing more is wanted: checks of the rest what can be checked without making its bytes. NULL: they are
     * made and dropped. */
    int (*finish)(struct stream *s, struct error *err);
    void (*close)(struct stream *s); /* frees what lies behind and the stream itself */
};

/* Base of every stream; the first member of its struct. */
struct stream {
    const struct stream_ops *ops;
    struct quota *quota; /* borrowed */
    uint64_t size;       /* total bytes, or MEDIA_SIZE_UNKNOWN */
    uint64_t offset;     /* bytes consumed */
    struct slice now;    /* filled, not consumed */
    struct slice later;  /* comes after `now`; used after a peek */
    uint8_t *head;       /* bytes gathered by stream_peek; owned */
    size_t head_size;
    bool ended;
    struct error *failed; /* owned copy of the first error; NULL while all is well */
    char where[STREAM_WHERE_MAX];
};

void stream_init(struct stream *s, const struct stream_ops *ops, struct quota *quota, const char *where,
                 uint64_t size);
void stream_close(struct stream *s); /* NULL is fine */

/* What is at hand without copying, at least one byte; empty at the end. Valid until the next call. */
int stream_look(struct stream *s, struct slice *out, struct error *err);
void stream_consume(struct stream *s, size_t size); /* at most what stream_look gave */

/* The next `size` bytes in one piece without consuming them; fewer only at the end. */
int stream_peek(struct stream *s, size_t size, struct slice *out, struct error *err);

/* Copies `size` bytes, fewer only at the end; says how many. */
int stream_read(struct stream *s, void *to, size_t size, size_t *got, struct error *err);

/* As stream_read, but the end is an error that calls the missing thing `what`. */
int stream_exact(struct stream *s, void *to, size_t size, const char *what, struct error *err);

/* Passes over `size` bytes, fewer only at the end. skipped may be NULL. */
int stream_skip(struct stream *s, uint64_t size, uint64_t *skipped, struct error *err);

/* Reads to the end, so that checksums there are checked. */
int stream_drain(struct stream *s, struct error *err);

/* The last call before closing, where the rest is not wanted. */
int stream_finish(struct stream *s, struct error *err);

/* The error for a stream that ends before `what` is complete. */
int stream_cut_short(const struct stream *s, const char *what, struct error *err);

/* A regular file. fd is borrowed and read by pread from offset 0; its size is taken now. `progress` may be
 * NULL. */
struct stream *stream_of_fd(int fd, struct quota *quota, const char *where,
                            void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
                            struct error *err);

/* The next `size` bytes of another stream, borrowed. Closing leaves that one somewhere within them, not
 * before what was read. */
struct stream *stream_window(struct stream *of, uint64_t size, const char *where, struct error *err);

/* Another stream's bytes, borrowed, each block shown to `see` once as it passes. No skipping. */
struct stream *stream_tee(struct stream *of,
                          int (*see)(void *ctx, const void *bytes, size_t size, struct error *err), void *ctx,
                          struct error *err);
