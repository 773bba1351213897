/*
 * Changes by words, as `node set NAME key=value ...` sends them. The same table as the YAML keys: "mac",
 * "ip", "image", "profile", "ssh", "welcome", "datastores", ... An empty value unsets. Lists take commas; a
 * range of nodes takes a range of values ("10.77.0.[11-42]") for mac and ip.
 */
#pragma once

#include "fleet/fleet.h"

struct fleet_word {
    const char *key;
    const char *value;
};

/* Creates or changes the nodes of a range in `fleet` (all or nothing is the caller's: work on a copy). */
int fleet_set_nodes(struct fleet *fleet, const char *range, const struct fleet_word *words, size_t count,
                    struct error *err);
int fleet_set_profile(struct fleet *fleet, const char *name, const struct fleet_word *words, size_t count,
                      struct error *err);
int fleet_set_network(struct fleet *fleet, const char *name, const struct fleet_word *words, size_t count,
                      struct error *err);
