/*
 * Images that are being booted: their manifests and open descriptors of their files. An image that is taken
 * out of the store, or replaced, goes on for the machines that were promised it; one that nobody asked for in
 * a while is let go.
 */
#pragma once

#include "plan/plan.h"
#include "serve/boot_file.h"
#include "store/store.h"

#define IMAGE_CACHE_MAX     64      /* images held open at once */
#define IMAGE_CACHE_IDLE_MS 3600000 /* a boot that takes longer than this between two files is over */

struct image_cache;

struct cached_image {
    struct digest manifest;
    char id[PLAN_IMAGE_ID + 1];
    struct image *image;
    int64_t used_ms;
    struct boot_file **files; /* beside image->files; one reference is ours */
};

/* images_fd: the store's images folder, borrowed for the call. */
int image_cache_new(int images_fd, struct image_cache **out, struct error *err);
void image_cache_free(struct image_cache *cache);

/*
 * By a name or by a manifest's id (12 hex digits). Every file is opened at the
 * first use. Borrowed until the next call. err->code is ENOENT when there is none.
 */
int image_cache_by_name(struct image_cache *cache, const char *name, int64_t now_ms,
                        const struct cached_image **out, struct error *err);
int image_cache_by_id(struct image_cache *cache, const char *id, int64_t now_ms,
                      const struct cached_image **out, struct error *err);

/* Which loader images the store has: bits 1 << enum plan_loader. Cheap: looked up again when the store
 * changed. */
unsigned image_cache_loaders(struct image_cache *cache);

/* Lets go of images that were not used for IMAGE_CACHE_IDLE_MS. */
void image_cache_sweep(struct image_cache *cache, int64_t now_ms);
