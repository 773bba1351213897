/*
 * The store: images on disk as an OCI image layout below ROOT/images.
 *
 *   oci-layout  index.json  blobs/sha256/<hex>
 *
 * One manifest per image (artifactType application/vnd.bootherd.image.v1), a real OCI config with our own key
 * "bootherd" (family, product, version, load order, accounts), layers that are the boot files, raw
 * (application/vnd.bootherd.file.v1, title annotation). Names are org.opencontainers.image.ref.name in
 * index.json.
 *
 * Nothing is mutable but index.json, replaced by one rename. Files enter through a staging folder
 * (images/.staging-*) and are published under the store's lock (flock on images/.lock); a crash leaves at
 * most a staging folder, removed by the next publish. Readers take no lock: they open blobs by digest and
 * keep the descriptor, so a removal never breaks a transfer that runs.
 */
#pragma once

#include "base/error.h"
#include "image/image.h"
#include "image/import.h"

struct store;

/* root_fd: the --root folder, borrowed for the call. Creates images/ and its parts when missing and `create`
 * is set. */
int store_open(int root_fd, bool create, struct store **out, struct error *err);
/* The same for a descriptor of the images folder itself (what the net process holds; borrowed for the call),
 * read only. */
int store_open_images(int images_fd, struct store **out, struct error *err);
void store_close(struct store *store);

/* --- staging (used by the import process on a staging folder it was handed) --- */

struct store_staging;

/* Makes images/.staging-XXXXXX; *fd_out is the caller's, for handing to the import process. The folder is
 * locked while any copy of the descriptor is open: keep one until publish or drop, or another publish may
 * take the folder for a crash's remains. */
int store_staging_make(struct store *store, int *fd_out, char name_out[static 64], struct error *err);
/* A sink that writes blobs into the staging folder, named by digest when finished. staging_fd is borrowed. */
int store_staging_open(int staging_fd, struct store_staging **out, struct error *err);
void store_staging_close(struct store_staging *staging);
struct image_sink store_staging_sink(struct store_staging *staging);
/* Writes config and manifest blobs for the image; *manifest is the manifest's digest. Syncs every blob to
 * disk. */
int store_staging_seal(struct store_staging *staging, const struct image *image, struct digest *manifest,
                       struct error *err);

/*
 * Moves the staged blobs into the store and points `name` at the manifest, by one rename of index.json. A
 * name that exists is moved to the new manifest, and what only the old one used is collected. Every blob the
 * manifest names is looked at first: present, its size right and, if staged, its digest too (the process that
 * wrote it read hostile bytes). The staging folder is gone afterwards, on failure too.
 */
int store_publish(struct store *store, const char *staging_name, const char *name,
                  const struct digest *manifest, struct error *err);
void store_staging_drop(struct store *store, const char *staging_name);

/* --- reading --- */

struct store_entry {
    char name[IMAGE_NAME_MAX];
    struct digest manifest;
};

/* *entries is owned by the caller (free), sorted by name. */
int store_list(struct store *store, struct store_entry **entries, size_t *count, struct error *err);

/* ref: a name, or at least 12 hex digits of a manifest's digest. err->code is ENOENT when there is none. */
int store_find(struct store *store, const char *ref, struct store_entry *out, struct error *err);
/* code is ENOENT when a blob is gone: the image was removed since store_find. */
int store_load(struct store *store, const struct digest *manifest, struct image **out, struct error *err);

/* A read-only descriptor of a blob, owned by the caller. */
int store_blob_open(struct store *store, const struct digest *digest, int *fd_out, uint64_t *size,
                    struct error *err);

/* The same for a file of an image, which must have its size; its content is store_verify's business. */
int store_file_open(struct store *store, const struct image_file *file, int *fd_out, struct error *err);

/* Whether every file of the image could be opened so. */
int store_files_check(struct store *store, const struct image *image, struct error *err);

/* Changes whenever index.json was replaced; cheap (one fstatat). Readers that cache compare it. */
uint64_t store_generation(struct store *store);

/* --- keeping --- */

struct store_problem {
    char text[512]; /* what is wrong with which file of which image */
};

/* Re-hashes the blobs of one image (or of all: ref NULL), each blob once. `found` is called per problem;
 * returns their count or -1. */
int store_verify(struct store *store, const char *ref, void *ctx,
                 void (*found)(void *ctx, const struct store_problem *problem),
                 void (*progress)(void *ctx, uint64_t done, uint64_t total), struct error *err);

/* Takes the name out of the index, then deletes blobs that no image names. *freed is the bytes given back. */
int store_remove(struct store *store, const char *name, uint64_t *freed, struct error *err);

/* Writes the image's files by their names into a folder, which must be empty. Digests are checked on the way.
 */
int store_export(struct store *store, const char *ref, int dir_fd, struct error *err);
