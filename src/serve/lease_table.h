/*
 * Leases in memory: one record an address, found by address and by hardware address at once.
 *
 * A machine may hold several addresses (one MAC on two VLANs is two leases), an address never has two
 * machines. Records that ended are kept, since a machine likes its old address back; they give way, least
 * recently used first, when the table is full. Times are wall clock milliseconds.
 */
#pragma once

#include "fleet/fleet.h"
#include "serve/lease.h"

#include <stddef.h>

#define LEASE_TABLE_MAX (FLEET_NODES_MAX + 65536u) /* every node, and a large pool */

struct lease_table;

/* seed: random, so that nobody can choose MACs that fall into one bucket. NULL when memory runs out. */
struct lease_table *lease_table_new(size_t limit, uint64_t seed);
void lease_table_free(struct lease_table *table); /* NULL is fine */
size_t lease_table_count(const struct lease_table *table);

/* Bound, offered or declined, and not over: the address is not free. What was only heard may always go. */
bool lease_is_held(const struct lease *lease, int64_t now_ms);

/* What was put last for the address, over or not. Borrowed until the next put or remove. NULL: nothing. */
const struct lease *lease_table_by_ip(const struct lease_table *table, uint32_t ip);

/* What the machine has or had within base/prefix, put last; declined addresses do not count. */
const struct lease *lease_table_by_mac(const struct lease_table *table, const struct mac *mac, uint32_t base,
                                       unsigned prefix);

/* Adds or replaces the record of lease->ip. False: no room, since all that is there is held (or no memory).
 */
bool lease_table_put(struct lease_table *table, const struct lease *lease, int64_t now_ms);
void lease_table_remove(struct lease_table *table, uint32_t ip);

/* The wall clock went back by `back_ms`: holds that only this process knows of must not last longer for it.
 */
void lease_table_set_back(struct lease_table *table, int64_t back_ms);

/* Whether a pool address is one that may be given out at all. */
typedef bool lease_allowed_fn(const void *ctx, uint32_t ip);

/*
 * A free address of first..last for the machine. Where the search starts is decided by the MAC alone, so that
 * a machine gets the same address even from an empty table. Never used ones come first, then, of the first
 * LEASE_PICK_CANDIDATES that were, the least recently used. 0: none is free.
 */
#define LEASE_PICK_CANDIDATES 1024u
uint32_t lease_table_pick(const struct lease_table *table, const struct mac *mac, uint32_t first,
                          uint32_t last, int64_t now_ms, lease_allowed_fn *allowed, const void *ctx);
