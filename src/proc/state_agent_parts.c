#include "proc/state_agent_parts.h"

#include "fleet/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 1024u

struct waiting {
    char node[FLEET_NAME_MAX];
    struct vm_parts parts;
    size_t bytes; /* as counted */
    struct waiting *next_in_chain;
    struct waiting *newer, *older; /* by use */
};

struct state_agent_parts {
    size_t bytes;
    struct waiting *newest, *oldest;
    struct waiting *chains[CHAINS];
};

struct state_agent_parts *state_agent_parts_new(void)
{
    return calloc(1, sizeof(struct state_agent_parts));
}

/* Names of nodes are the operator's: nobody chooses them so that they collide. */
static struct waiting **chain_of(struct state_agent_parts *parts, const char *node)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *node; node++)
        hash = (hash ^ (uint8_t)*node) * 16777619u;
    return &parts->chains[hash % CHAINS];
}

static void unlink_use(struct state_agent_parts *parts, struct waiting *w)
{
    *(w->newer ? &w->newer->older : &parts->newest) = w->older;
    *(w->older ? &w->older->newer : &parts->oldest) = w->newer;
}

static void link_newest(struct state_agent_parts *parts, struct waiting *w)
{
    w->newer = NULL;
    w->older = parts->newest;
    *(parts->newest ? &parts->newest->newer : &parts->oldest) = w;
    parts->newest = w;
}

static struct waiting *find(struct state_agent_parts *parts, const char *node)
{
    struct waiting *w = *chain_of(parts, node);
    while (w && strcmp(w->node, node) != 0)
        w = w->next_in_chain;
    return w;
}

static void drop(struct state_agent_parts *parts, struct waiting *w)
{
    struct waiting **at = chain_of(parts, w->node);
    while (*at != w)
        at = &(*at)->next_in_chain;
    *at = w->next_in_chain;
    unlink_use(parts, w);
    parts->bytes -= w->bytes;
    vm_parts_fini(&w->parts);
    free(w);
}

static struct waiting *add(struct state_agent_parts *parts, const char *node)
{
    struct waiting *w = calloc(1, sizeof *w), **chain = chain_of(parts, node);
    if (!w)
        return NULL;
    snprintf(w->node, sizeof w->node, "%s", node);
    w->next_in_chain = *chain;
    *chain = w;
    link_newest(parts, w);
    return w;
}

/* Counts what it takes now, and makes room; the newest stays. */
static void count(struct state_agent_parts *parts, struct waiting *w)
{
    unlink_use(parts, w);
    link_newest(parts, w);
    parts->bytes -= w->bytes;
    w->bytes = sizeof *w + w->parts.bytes + w->parts.total * sizeof(struct buf);
    parts->bytes += w->bytes;
    while (parts->bytes > STATE_AGENT_PARTS_BYTES && parts->oldest != w)
        drop(parts, parts->oldest);
}

enum state_agent_part state_agent_parts_add(struct state_agent_parts *parts, const char *node, uint64_t seq,
                                            uint32_t number, uint32_t total, struct slice text,
                                            struct buf *whole, struct error *err)
{
    struct waiting *w = find(parts, node);
    bool is_begun = w && w->parts.have && w->parts.seq == seq && w->parts.total == total;
    if (!is_begun && number != 1)
        return STATE_AGENT_AGAIN;
    if (!w && !(w = add(parts, node))) {
        error_errno(err, ENOMEM, "a report");
        return STATE_AGENT_BAD;
    }
    int result = vm_parts_add(&w->parts, seq, number, total, text, whole, err);
    if (result == 0)
        count(parts, w);
    else
        drop(parts, w);
    return result == 0 ? STATE_AGENT_MORE : result > 0 ? STATE_AGENT_WHOLE : STATE_AGENT_BAD;
}

void state_agent_parts_free(struct state_agent_parts *parts)
{
    while (parts && parts->oldest)
        drop(parts, parts->oldest);
    free(parts);
}
