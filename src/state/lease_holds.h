/*
 * Which addresses each machine holds as the database has it, so that a new lease finds the machine's earlier
 * one without an index on disk: of all that a lease costs, that index would be most. A machine may be said to
 * hold what it holds no more, never the other way round. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lease_hold {
    uint64_t machine; /* key; 0 where the table is empty: no machine has that address */
    uint32_t ip;
};

struct lease_holds {
    bool is_known;            /* false: to be filled from the database first */
    uint64_t secret;          /* strangers choose their hardware addresses */
    size_t count;             /* in use */
    size_t count_read;        /* when it was filled */
    size_t capacity;          /* a power of two, or 0 */
    struct lease_hold *holds; /* owned; a machine's stand in one run from its slot on */
};

void lease_holds_fini(struct lease_holds *all); /* empty, not known, and fit for use */

/* False when memory runs out. What is there already is not added twice. */
bool lease_holds_add(struct lease_holds *all, uint64_t machine, uint32_t ip);

/* An address that the machine holds beside `ip`, borrowed so that the caller can put another in its place;
 * NULL for none. `after` is NULL or what was returned before. */
struct lease_hold *lease_holds_other(const struct lease_holds *all, uint64_t machine, uint32_t ip,
                                     struct lease_hold *after);

/* Most of it is of machines whose address another one has: time to fill it again. */
bool lease_holds_is_stale(const struct lease_holds *all);
