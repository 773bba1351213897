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

/* Where an object of that name is there already: */
enum fleet_entry_mode {
    FLEET_ENTRY_NEW,     /* it is an error */
    FLEET_ENTRY_CHANGE,  /* it is changed; keys with an empty value (plain or quoted) are unset */
    FLEET_ENTRY_REPLACE, /* the new one takes its place */
};

/* Puts the entry's objects into the fleet. */
int fleet_entry_put(struct fleet *fleet, const struct fleet_entry *entry, enum fleet_entry_mode mode,
                    struct error *err);
