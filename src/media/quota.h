/* What one walk may use: memory for its buffers, and bytes unpacked (against bombs). Shared by all its
 * streams. */
#pragma once

#include "media/media.h"

#include <stddef.h>

/* Below MEDIA_MEMORY_MAX by what the libraries allocate by themselves (libarchive, zlib tables). */
#define QUOTA_MEMORY_MAX (56u << 20)

struct quota {
    size_t memory;     /* bytes in use */
    uint64_t unpacked; /* bytes so far, of everything that unpacks */
    bool threads;      /* one of the streams unpacks on several cores */
    struct media_limits limits;
};

/* Reserves memory that a library is going to allocate. Every reserve has its quota_release. */
int quota_reserve(struct quota *q, size_t size, const char *where, struct error *err);
void quota_release(struct quota *q, size_t size);

/* Zeroed memory, reserved. NULL with the error set. Free with quota_free and the same size. */
void *quota_alloc(struct quota *q, size_t size, const char *where, struct error *err);
void quota_free(struct quota *q, void *p, size_t size);

/* Counts bytes that came out of something; `own` is the count of this entry or compression alone. */
int quota_unpacked(struct quota *q, uint64_t *own, size_t size, const char *where, struct error *err);
