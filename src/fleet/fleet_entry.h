/* One entry of the operator's: a name or range and its keys. What YAML and `node set` have in common. */
#pragma once

#include "fleet/fleet_schema.h"

#include "fleet/range.h"

struct fleet_entry {
    enum fleet_kind kind;
    const char *file;        /* for messages */
    const struct yaml *name; /* of an object; for nodes a range */
    const struct yaml *map;  /* its keys; may be empty */
};

/*
 * Puts the entry's objects into the fleet. `change`: an object of that name is changed, keys with an empty
 * value (plain or quoted) are unset; else a name that is there already is an error.
 */
int fleet_entry_put(struct fleet *fleet, const struct fleet_entry *entry, bool change, struct error *err);
