/* How many connections each address has: one machine, or many behind a translator, never takes all. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct http_peers;

/* For at most connections_max at once, of which one address may have per_address_max. NULL: out of memory. */
struct http_peers *http_peers_new(unsigned connections_max, unsigned per_address_max);
void http_peers_free(struct http_peers *peers);

/* Counts a connection; false: the address has its share, or all are taken. */
bool http_peers_enter(struct http_peers *peers, uint32_t ip);
void http_peers_leave(struct http_peers *peers, uint32_t ip);
unsigned http_peers_count(const struct http_peers *peers); /* of all connections */
