/* What the files of state/ share. */
#pragma once

#include "state/db.h"
#include "state/lease_holds.h"
#include "state/state.h"

struct boots;
struct vm_hosts;

struct state {
    struct db *db;       /* owned */
    struct fleet *fleet; /* owned, finished; always what the database holds */
    uint64_t generation;
    struct lease_holds holds;
    struct boots *boots; /* owned: those that are going on, ahead of the database */
    int64_t last_boot;   /* the highest id that was given */
    int64_t unknown;     /* boots of no node's machines that the database has */
    int64_t round_ms;    /* when the last round of writing began; 0: none did */
    size_t round_leases; /* put since then */
    size_t prune_count, prune_capacity;
    uint64_t *prune;      /* owned: keys of machines with more boots than are kept */
    struct vm_hosts *vms; /* owned */
    struct buf text;      /* of what is being written */
};

/* An address as the database keeps it: its text, or NULL for none. */
const char *inside_ip(uint32_t ip, char out[static IP4_TEXT_SIZE]);

/* state_fleet */
int state_fleet_load(struct state *state, struct error *err);
