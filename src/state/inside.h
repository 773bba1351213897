/* What the files of state/ share. */
#pragma once

#include "state/db.h"
#include "state/state.h"

struct state {
    struct db *db;       /* owned */
    struct fleet *fleet; /* owned, finished; always what the database holds */
    uint64_t generation;
};

/* An address as the database keeps it: its text, or NULL for none. */
const char *inside_ip(uint32_t ip, char out[static IP4_TEXT_SIZE]);

/* state_fleet */
int state_fleet_load(struct state *state, struct error *err);
