#include "proc/overlay_images.h"

/* A free place, or the one that was not used for the longest time. */
static size_t place_for_next(struct overlay_images *images)
{
    if (images->count < OVERLAY_IMAGES_MAX)
        return images->count++;
    size_t oldest = 0;
    for (size_t i = 1; i < images->count; i++)
        if (images->at[i].used < images->at[oldest].used)
            oldest = i;
    image_free(images->at[oldest].image);
    return oldest;
}

int overlay_images_get(struct overlay_images *images, struct store *store, const struct digest *manifest,
                       const struct image **out, struct error *err)
{
    size_t i = 0;
    while (i < images->count && !digest_equal(&images->at[i].manifest, manifest))
        i++;
    if (i == images->count) {
        struct image *image;
        if (store_load(store, manifest, &image, err) < 0)
            return -1;
        i = place_for_next(images);
        images->at[i].manifest = *manifest;
        images->at[i].image = image;
    }
    images->at[i].used = ++images->turn;
    *out = images->at[i].image;
    return 0;
}

void overlay_images_fini(struct overlay_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        image_free(images->at[i].image);
    *images = (struct overlay_images){0};
}
