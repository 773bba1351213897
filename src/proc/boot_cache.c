#include "proc/boot_cache.h"

#include <stdlib.h>
#include <string.h>

/* Memory that is not touched before there are so many machines. */
struct boot_cache {
    struct boot_kept kept[BOOT_CACHE_MAX];
};

struct boot_cache *boot_cache_new(void)
{
    return calloc(1, sizeof(struct boot_cache));
}

void boot_cache_free(struct boot_cache *cache)
{
    free(cache);
}

void boot_cache_clear(struct boot_cache *cache)
{
    for (size_t i = 0; i < BOOT_CACHE_MAX; i++)
        if (cache->kept[i].key.node) /* others were not touched */
            boot_cache_drop(&cache->kept[i]);
}

static struct boot_kept *place_of(struct boot_cache *cache, const struct mac *mac)
{
    uint32_t sum = 2166136261u; /* FNV-1a */
    for (size_t i = 0; i < MAC_SIZE; i++)
        sum = (sum ^ mac->byte[i]) * 16777619u;
    return &cache->kept[sum % BOOT_CACHE_MAX];
}

struct boot_kept *boot_cache_get(struct boot_cache *cache, const struct boot_key *key, bool *is_new)
{
    struct boot_kept *kept = place_of(cache, &key->client.mac);
    *is_new = memcmp(&kept->key, key, sizeof *key) != 0;
    if (*is_new) {
        memset(kept, 0, sizeof *kept);
        memcpy(&kept->key, key, sizeof *key);
    }
    return kept;
}

void boot_cache_drop(struct boot_kept *kept)
{
    kept->key.node = NULL;
}
