#include "proc/image_cache.h"

#include "base/cleanup.h"

#include <errno.h>
#include <string.h>

struct image_cache {
    struct store *store;
    size_t count;
    struct cached_image images[IMAGE_CACHE_MAX];
    uint64_t names_generation; /* of the store, when `names` was read; 0: never */
    int64_t names_checked_ms;  /* when it was last compared */
    struct store_entry *names; /* owned, sorted by name */
    size_t name_count;
    uint64_t loaders_generation; /* of the store, when `loaders` was looked up */
    unsigned loaders;
};

static void cached_image_fini(struct cached_image *c)
{
    for (size_t i = 0; c->files && i < c->image->file_count; i++)
        boot_file_unref(c->files[i]);
    free(c->files);
    image_free(c->image);
}

int image_cache_new(int images_fd, struct image_cache **out, struct error *err)
{
    cleanup_free struct image_cache *cache = calloc(1, sizeof *cache);
    if (!cache)
        return error_errno(err, ENOMEM, "open the store");
    if (store_open_images(images_fd, &cache->store, err) < 0)
        return -1;
    *out = TAKE_PTR(cache);
    return 0;
}

void image_cache_free(struct image_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < cache->count; i++)
        cached_image_fini(&cache->images[i]);
    free(cache->names);
    store_close(cache->store);
    free(cache);
}

static void cache_drop(struct image_cache *cache, size_t at)
{
    cached_image_fini(&cache->images[at]);
    cache->images[at] = cache->images[--cache->count];
}

static int open_files(struct image_cache *cache, struct cached_image *c, struct error *err)
{
    c->files = calloc(c->image->file_count + 1, sizeof *c->files);
    if (!c->files)
        return error_errno(err, ENOMEM, "open an image");
    for (size_t i = 0; i < c->image->file_count; i++) {
        const struct image_file *file = &c->image->files[i];
        int fd;
        if (store_file_open(cache->store, file, &fd, err) < 0)
            return -1;
        c->files[i] = boot_file_from_fd(fd, file->size);
        if (!c->files[i])
            return error_errno(err, ENOMEM, "open %s", file->name);
        boot_file_tag(c->files[i], &file->digest);
    }
    return 0;
}

static int cache_load(struct image_cache *cache, const struct digest *manifest, int64_t now_ms,
                      const struct cached_image **out, struct error *err)
{
    struct cached_image c = {.manifest = *manifest, .used_ms = now_ms};
    plan_image_id(manifest, c.id);
    if (store_load(cache->store, manifest, &c.image, err) < 0)
        return -1;
    if (open_files(cache, &c, err) < 0) {
        cached_image_fini(&c);
        return -1;
    }
    if (cache->count == IMAGE_CACHE_MAX) {
        size_t oldest = 0;
        for (size_t i = 1; i < cache->count; i++)
            if (cache->images[i].used_ms < cache->images[oldest].used_ms)
                oldest = i;
        cache_drop(cache, oldest);
    }
    cache->images[cache->count] = c;
    *out = &cache->images[cache->count++];
    return 0;
}

static struct cached_image *cache_find(struct image_cache *cache, const char *id)
{
    for (size_t i = 0; i < cache->count; i++)
        if (strcmp(cache->images[i].id, id) == 0)
            return &cache->images[i];
    return NULL;
}

int image_cache_by_id(struct image_cache *cache, const char *id, int64_t now_ms,
                      const struct cached_image **out, struct error *err)
{
    struct cached_image *c = cache_find(cache, id);
    if (c) {
        c->used_ms = now_ms;
        *out = c;
        return 0;
    }
    struct store_entry entry;
    char found[PLAN_IMAGE_ID + 1];
    if (store_find(cache->store, id, &entry, err) < 0)
        return -1;
    plan_image_id(&entry.manifest, found);
    if (strcmp(found, id) !=
        0) /* it is the name of an image: not found again under its id, it would fill us */
        return error_errno(err, ENOENT, "image %s", id);
    return cache_load(cache, &entry.manifest, now_ms, out, err);
}

static int compare_name(const void *name, const void *entry)
{
    return strcmp(name, ((const struct store_entry *)entry)->name);
}

/* Reads the index, if it is another one. In one and the same millisecond it is not looked at again. */
static int names_refresh(struct image_cache *cache, int64_t now_ms, struct error *err)
{
    if (cache->names_generation && cache->names_checked_ms == now_ms)
        return 0;
    uint64_t generation = store_generation(cache->store);
    cache->names_checked_ms = now_ms;
    if (generation && generation == cache->names_generation)
        return 0;
    free(cache->names);
    cache->names = NULL;
    cache->name_count = 0;
    cache->names_generation = 0;
    if (store_list(cache->store, &cache->names, &cache->name_count, err) < 0)
        return -1;
    cache->names_generation = generation;
    return 0;
}

/* As store_find, but the index is read once only until it changes. */
static int find_by_name(struct image_cache *cache, const char *name, int64_t now_ms, struct store_entry *out,
                        struct error *err)
{
    if (names_refresh(cache, now_ms, err) < 0)
        return -1;
    const struct store_entry *found =
        bsearch(name, cache->names, cache->name_count, sizeof *found, compare_name);
    if (!found) /* it may be the start of a digest; if not, it says so */
        return store_find(cache->store, name, out, err);
    *out = *found;
    return 0;
}

int image_cache_by_name(struct image_cache *cache, const char *name, int64_t now_ms,
                        const struct cached_image **out, struct error *err)
{
    struct store_entry entry;
    char id[PLAN_IMAGE_ID + 1];
    if (find_by_name(cache, name, now_ms, &entry, err) < 0)
        return -1;
    plan_image_id(&entry.manifest, id);
    struct cached_image *c = cache_find(cache, id);
    if (!c)
        return cache_load(cache, &entry.manifest, now_ms, out, err);
    c->used_ms = now_ms;
    *out = c;
    return 0;
}

unsigned image_cache_loaders(struct image_cache *cache)
{
    uint64_t generation = store_generation(cache->store);
    if (cache->loaders && cache->loaders_generation == generation)
        return cache->loaders;
    cache->loaders = 0;
    cache->loaders_generation = generation;
    for (enum plan_loader i = PLAN_LOADER_NONE + 1; i < PLAN_LOADERS; i++) {
        struct store_entry entry;
        struct error ignored;
        if (store_find(cache->store, plan_loader_name(i), &entry, &ignored) == 0)
            cache->loaders |= 1u << i;
    }
    return cache->loaders;
}

void image_cache_sweep(struct image_cache *cache, int64_t now_ms)
{
    for (size_t i = cache->count; i-- > 0;)
        if (now_ms - cache->images[i].used_ms > IMAGE_CACHE_IDLE_MS)
            cache_drop(cache, i);
}
