/*
 * What machines were told to boot: the OFFER's answer is the ACK's, and a machine that asks again in the same
 * way is told the same. Planning it anew is ten times the work of all else that a DHCP packet takes.
 */
#pragma once

#include "plan/plan.h"
#include "serve/dhcp_host.h"

#define BOOT_CACHE_MAX 16384u /* machines; a power of two. Two that share a place push each other out */

struct boot_cache;

/* All that the answer follows from, but for the fleet and the image's files. Zeroed before it is filled: keys
 * are compared as bytes. */
struct boot_key {
    const struct fleet_node *node; /* of the fleet of now; not looked into */
    struct digest manifest;        /* of its image; zero with site.local */
    struct plan_site site;
    struct plan_client client;
};

struct boot_kept {
    struct boot_key key;
    struct dhcp_boot boot;
    enum plan_chain chain;
    bool is_ipxe; /* the boot file is an iPXE */
};

struct boot_cache *boot_cache_new(void); /* NULL when memory runs out */
void boot_cache_free(struct boot_cache *cache);
void boot_cache_clear(struct boot_cache *cache); /* the fleet changed */

/* The one of the key; with *is_new it is empty but for its key, and for the caller to fill. Borrowed until
 * the next call. */
struct boot_kept *boot_cache_get(struct boot_cache *cache, const struct boot_key *key, bool *is_new);
/* It could not be filled. */
void boot_cache_drop(struct boot_kept *kept);
