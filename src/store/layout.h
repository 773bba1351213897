/* The folder itself: opening it, its lock, the paths in it, blobs read whole. */
#pragma once

#include "base/buf.h"
#include "base/hash.h"
#include "store/store.h"

#define LAYOUT_BLOBS         "blobs/sha256"
#define LAYOUT_INDEX         "index.json"
#define LAYOUT_LOCK          ".lock"
#define LAYOUT_STAGING       ".staging-"
#define LAYOUT_BLOB_PATH_MAX 96

struct store {
    int images_fd;
    bool writable;
};

/* "blobs/sha256/<hex>" */
const char *layout_blob_path(const struct digest *digest, char out[static LAYOUT_BLOB_PATH_MAX]);

/* Waits for the one writer's lock; closing *fd_out gives it back. An error for a read-only store. */
int layout_lock(struct store *store, int *fd_out, struct error *err);

/* A small blob (manifest, config) whole; its digest is checked. */
int layout_read_blob(struct store *store, const struct digest *digest, size_t limit, struct buf *out,
                     struct error *err);

/* Hashes what is left to read of fd. `step` (may be NULL) hears of each piece's bytes. */
int layout_hash_fd(int fd, struct digest *out, void *ctx, void (*step)(void *ctx, size_t size),
                   struct error *err);
