/* Choosing the machines that a status tells of, and their stories one by one. */
#pragma once

#include "state/boot.h"

struct status_entry {
    const struct fleet_node *node; /* NULL: no node's machine */
    bool has_boot;                 /* false: never seen; boot and story are empty */
    struct boot boot;
    struct story story;
};

typedef int status_each_fn(void *ctx, const struct status_entry *entry, struct error *err);

struct status_visitor {
    void *ctx;
    status_each_fn *node;
    status_each_fn *unknown;
};

/*
 * range NULL: every node in the fleet's order, then every unknown machine. A range: its nodes in its order. A
 * MAC: the node that has it, or the unknown machine.
 */
int status_visit(struct state *state, const char *range, int64_t now_ms, const struct status_visitor *visitor,
                 struct error *err);

/* Whether the range asks for one machine, so that its story is told step by step. */
bool status_is_single(const char *range);

/* "bootherd node set NAME --mac 52:54:00:12:34:56 --image IMAGE", or "" for a machine whose MAC is not known.
 */
#define STATUS_ADD_MAX 80
const char *status_add_command(const struct boot *boot, char out[static STATUS_ADD_MAX]);
