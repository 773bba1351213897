/*
 * Changes by words, as `node set NAME key=value ...` sends them. The keys are those of the YAML
 * (fleet_schema.h): "mac", "ip", "image", "profile", "ssh", "welcome", ... An empty value unsets. Lists take
 * commas:
 *   dns=10.77.0.1,10.77.0.2          datastores=vms=nas:/srv/vms,iso=nas:/srv/iso:ro  (fleet_datastore.h)
 *   authorized_keys=LINE,LINE        (or lines; a comma counts only in front of a key's type)
 * With a range of nodes, mac, ip and hostname take a range of as many values ("10.77.0.[11-42]"); a single ip
 * counts up from node to node. What is set is checked; the whole is checked by fleet_finish, which the caller
 * runs when all words are in.
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
