/* index.json: names to manifests. Entries that are not ours (another tool's images) are kept as they are. */
#pragma once

#include "store/layout.h"

#include <jansson.h>

/* *root is owned by the caller (json_decref): an object whose "manifests" is an array of objects. */
int index_read(struct store *store, json_t **root, struct error *err);
/* By one rename; the caller holds the lock. */
int index_write(struct store *store, const json_t *root, struct error *err);

/* Takes the name out, wherever it is. Whether it was there. */
bool index_drop(json_t *root, const char *name);
/* Makes the name mean this manifest and nothing else. */
int index_set(json_t *root, const char *name, const struct digest *manifest, uint64_t size,
              struct error *err);

/* The digest of one element of "manifests", of whatever kind. */
int index_digest(const json_t *item, struct digest *out);
