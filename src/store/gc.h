/* Deletes blobs that nothing in the index leads to. */
#pragma once

#include "store/index.h"

/*
 * root: the index as it is on disk now; the caller holds the lock. *freed (may be NULL) is the bytes given
 * back. When a manifest in the index cannot be read, what it needs is unknown: nothing is deleted, an error
 * says so.
 */
int gc_collect(struct store *store, const json_t *root, uint64_t *freed, struct error *err);
