/*
 * Configs that were rendered and may be asked for again: the same bytes for the same key, until the fleet
 * changes. Bounded; a config that makes room for others is rendered anew. No secrets are in them.
 */
#pragma once

#include "plan/plan.h"
#include "proc/boot_config.h"
#include "serve/boot_file.h"

#define CONFIG_CACHE_BYTES_MAX (32u << 20) /* 10,000 nodes' of 2 KiB, each in its own words */

struct config_cache;

/* All that a config's bytes follow from, but for the fleet and the store's files of this manifest. */
struct config_key {
    const struct fleet_node *node; /* of the fleet of now; not looked into */
    bool local;                    /* it starts from its own disk: no image */
    struct digest manifest;        /* of its image */
    enum boot_config config;
    enum plan_chain chain;
    struct mac mac;
    struct boot_asker asker;
};

struct config_cache *config_cache_new(void); /* NULL: out of memory */
void config_cache_free(struct config_cache *cache);

void config_cache_clear(struct config_cache *cache); /* the fleet changed */

/* Borrowed until the next call; NULL: not here. */
struct boot_file *config_cache_get(const struct config_cache *cache, const struct config_key *key);

/* Takes a reference of its own, if the file has a place here. */
void config_cache_put(struct config_cache *cache, const struct config_key *key, struct boot_file *file);
