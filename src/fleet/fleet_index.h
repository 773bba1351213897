/* The fleet's hash tables: nodes by name (kept at every change), by MAC and IP (built by fleet_finish). */
#pragma once

#include "fleet/fleet.h"

#define FLEET_NO_NODE UINT32_MAX

/* Positions of nodes, found by open addressing. Slot 0: free; else position + 1. */
struct fleet_table {
    uint32_t *slot;
    size_t mask; /* slots - 1; a power of two */
    size_t used;
};

struct fleet_index {
    size_t node_capacity;
    struct fleet_table by_name, by_mac, by_ip;
    uint32_t *by_subnet; /* positions of networks, by their subnets; they do not overlap */
    bool finished;
};

struct fleet_index *fleet_index_new(void);
void fleet_index_free(struct fleet_index *index);

/* The position of the node, or FLEET_NO_NODE. */
uint32_t fleet_index_name(const struct fleet *fleet, const char *name);

/* After a node was put at the end; before a node is taken out or moved. */
int fleet_index_add_name(struct fleet *fleet, uint32_t position, struct error *err);
void fleet_index_drop_name(struct fleet *fleet, uint32_t position);

/* Two nodes with one MAC or one IP. */
struct fleet_clash {
    uint32_t first, second; /* positions; FLEET_NO_NODE: there is none */
    size_t mac;             /* index in second's macs; FLEET_MACS_MAX: it is the IP */
};

/* Sorts the nodes and builds all tables. The networks are known to be sound. */
int fleet_index_build(struct fleet *fleet, struct fleet_clash *clash, struct error *err);

/* rack2 before rack10; a total order. */
int fleet_name_compare(const char *a, const char *b);
