#include "proc/config_cache.h"

#include <stdlib.h>
#include <string.h>

#define SETS 8192u /* a power of two; a key has its place in one */
#define WAYS 4u

struct entry {
    struct boot_file *file; /* one reference is ours; NULL: free */
    struct config_key key;
};

struct config_cache {
    size_t bytes;
    unsigned next_way; /* the one that makes room in a set that is full */
    struct entry sets[SETS][WAYS];
};

struct config_cache *config_cache_new(void)
{
    return calloc(1, sizeof(struct config_cache));
}

static void drop(struct config_cache *cache, struct entry *e)
{
    if (!e->file)
        return;
    cache->bytes -= e->file->size;
    boot_file_unref(e->file);
    e->file = NULL;
}

void config_cache_clear(struct config_cache *cache)
{
    for (size_t i = 0; cache->bytes && i < SETS; i++)
        for (size_t k = 0; k < WAYS; k++)
            drop(cache, &cache->sets[i][k]);
}

void config_cache_free(struct config_cache *cache)
{
    if (!cache)
        return;
    config_cache_clear(cache);
    free(cache);
}

static size_t set_of(const struct config_key *key)
{
    /* The hardware address tells machines apart, the rest tells a machine's few configs apart. */
    uint64_t mixed = 0;
    memcpy(&mixed, key->mac.byte, sizeof key->mac.byte);
    mixed ^= (uint64_t)key->config << 48 ^ (uint64_t)key->chain << 52 ^ (uint64_t)key->asker.via << 60;
    mixed ^= (uintptr_t)key->node;
    mixed *= 0x9e3779b97f4a7c15u; /* Knuth's multiplicative hash */
    return (size_t)(mixed >> 40) % SETS;
}

static bool equal(const struct config_key *a, const struct config_key *b)
{
    return a->node == b->node && a->local == b->local && a->config == b->config && a->chain == b->chain &&
           mac_equal(&a->mac, &b->mac) && a->asker.client_ip == b->asker.client_ip &&
           a->asker.server_ip == b->asker.server_ip && a->asker.via == b->asker.via &&
           digest_equal(&a->manifest, &b->manifest);
}

struct boot_file *config_cache_get(const struct config_cache *cache, const struct config_key *key)
{
    const struct entry *set = cache->sets[set_of(key)];
    for (size_t i = 0; i < WAYS; i++)
        if (set[i].file && equal(&set[i].key, key))
            return set[i].file;
    return NULL;
}

void config_cache_put(struct config_cache *cache, const struct config_key *key, struct boot_file *file)
{
    struct entry *set = cache->sets[set_of(key)], *place = NULL;
    for (size_t i = 0; i < WAYS; i++)
        if (!set[i].file || equal(&set[i].key, key))
            place = &set[i];
    if (!place)
        place = &set[cache->next_way++ % WAYS];
    drop(cache, place);
    if (file->size > CONFIG_CACHE_BYTES_MAX - cache->bytes)
        return;
    place->key = *key;
    place->file = boot_file_ref(file);
    cache->bytes += file->size;
}
