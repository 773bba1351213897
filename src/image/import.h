/*
 * Import: a medium in, an image out, its files given to a sink as they stream by. Called by the import
 * process, and by `image inspect` with a sink that only counts.
 */
#pragma once

#include "image/image.h"
#include "media/media.h"

/*
 * Where file bytes go. `begin` is told the name for messages only; the sink computes the digest. Every begun
 * file ends in `finish` or `discard`. Several files may be open at once.
 */
struct image_sink {
    void *ctx;
    int (*begin)(void *ctx, const char *name, void **file, struct error *err);
    int (*write)(void *ctx, void *file, const void *bytes, size_t size, struct error *err);
    int (*finish)(void *ctx, void *file, struct digest *digest, uint64_t *size, struct error *err);
    void (*discard)(void *ctx, void *file);
};

/* What inspect prints besides the image itself. The listener may be NULL, and so may each of its callbacks.
 */
struct image_listener {
    void *ctx;
    /* Has disk images read to their end, where an import otherwise stops behind what it needs. */
    void (*table)(void *ctx, const char *where, const struct media_table *table);
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void (*note)(void *ctx, const char *text); /* one line: a choice made, something skipped and why */
};

/*
 * fd: a regular file or a directory, borrowed. On success *out is owned by the caller and every file in it
 * was finished in the sink (files that lost, such as those of the other bootbank, were discarded).
 */
int image_import(int fd, const char *source_name, const struct image_sink *sink,
                 const struct image_listener *listener, struct image **out, struct error *err);

/* A sink that hashes and keeps nothing. No state: one instance serves all. */
extern const struct image_sink image_sink_null;
