/*
 * Images that overlays were made for lately, by the digest of their manifests: a thousand machines that boot
 * at once share one or two. An image never changes, so what is here is never stale.
 */
#pragma once

#include "store/store.h"

#define OVERLAY_IMAGES_MAX 16

/* All zero: empty. */
struct overlay_images {
    struct {
        struct digest manifest;
        struct image *image; /* owned */
        uint64_t used;       /* turn of the last use */
    } at[OVERLAY_IMAGES_MAX];
    size_t count;
    uint64_t turn;
};

/* *out is borrowed until the next call. */
int overlay_images_get(struct overlay_images *images, struct store *store, const struct digest *manifest,
                       const struct image **out, struct error *err);
void overlay_images_fini(struct overlay_images *images);
