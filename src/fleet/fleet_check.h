/* fleet_finish, with the place of the problem for those who know where it was written. */
#pragma once

#include "fleet/fleet_schema.h"

struct fleet_fault {
    enum fleet_kind kind;
    const char *name; /* of the object; borrowed from the fleet. NULL: no object is to blame */
    const char *key;  /* NULL: the object as a whole */
    size_t item;      /* of the key's list */
};

int fleet_check(struct fleet *fleet, struct fleet_fault *fault, struct error *err);
