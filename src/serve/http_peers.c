#include "serve/http_peers.h"

#include <assert.h>
#include <stdlib.h>

/* Open addressing with linear probing, at most half full, so that a probe always ends. */
struct slot {
    uint32_t ip;
    unsigned count; /* 0: free */
};

struct http_peers {
    unsigned connections_max, per_address_max, connections;
    uint32_t mask; /* slots - 1, a power of two */
    struct slot slots[];
};

struct http_peers *http_peers_new(unsigned connections_max, unsigned per_address_max)
{
    uint32_t slots = 2;
    while (slots < 2 * connections_max)
        slots *= 2;
    struct http_peers *peers = calloc(1, sizeof *peers + slots * sizeof peers->slots[0]);
    if (!peers)
        return NULL;
    peers->connections_max = connections_max;
    peers->per_address_max = per_address_max;
    peers->mask = slots - 1;
    return peers;
}

void http_peers_free(struct http_peers *peers)
{
    free(peers);
}

/* Neighbours in a network spread over all slots: Knuth's multiplicative hash. */
static uint32_t home_of(const struct http_peers *peers, uint32_t ip)
{
    return (uint32_t)(ip * 2654435761u >> 8) & peers->mask;
}

/* The address's slot, or the free one where it belongs. */
static uint32_t find(const struct http_peers *peers, uint32_t ip)
{
    uint32_t at = home_of(peers, ip);
    while (peers->slots[at].count && peers->slots[at].ip != ip)
        at = (at + 1) & peers->mask;
    return at;
}

bool http_peers_enter(struct http_peers *peers, uint32_t ip)
{
    struct slot *slot = &peers->slots[find(peers, ip)];
    if (peers->connections == peers->connections_max || slot->count == peers->per_address_max)
        return false;
    slot->ip = ip;
    slot->count++;
    peers->connections++;
    return true;
}

void http_peers_leave(struct http_peers *peers, uint32_t ip)
{
    uint32_t hole = find(peers, ip);
    assert(peers->slots[hole].count);
    peers->connections--;
    if (--peers->slots[hole].count)
        return;
    /* Those behind the hole that were pushed past it move up. */
    for (uint32_t at = (hole + 1) & peers->mask; peers->slots[at].count; at = (at + 1) & peers->mask) {
        uint32_t home = home_of(peers, peers->slots[at].ip);
        if (((at - home) & peers->mask) < ((at - hole) & peers->mask))
            continue;
        peers->slots[hole] = peers->slots[at];
        peers->slots[at].count = 0;
        hole = at;
    }
}

unsigned http_peers_count(const struct http_peers *peers)
{
    return peers->connections;
}
