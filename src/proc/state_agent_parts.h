/*
 * Reports whose parts are on their way, a host each. Bounded: what has waited longest goes, and its agent is
 * told to begin again.
 */
#pragma once

#include "base/error.h"
#include "inventory/vm_report.h"

#define STATE_AGENT_PARTS_BYTES (64u << 20)

struct state_agent_parts;

struct state_agent_parts *state_agent_parts_new(void); /* NULL when memory runs out */
void state_agent_parts_free(struct state_agent_parts *parts);

enum state_agent_part {
    STATE_AGENT_WHOLE, /* *whole has the report */
    STATE_AGENT_MORE,
    STATE_AGENT_AGAIN, /* the parts before it are not here */
    STATE_AGENT_BAD,   /* *err says why */
};
enum state_agent_part state_agent_parts_add(struct state_agent_parts *parts, const char *node, uint64_t seq,
                                            uint32_t number, uint32_t total, struct slice text,
                                            struct buf *whole, struct error *err);
