/* Answers that wait until their lease is on disk; found by token and by machine. */
#pragma once

#include "serve/dhcp_machine.h"

struct dhcp_waiting;

struct dhcp_answer {
    struct lease lease;
    struct dhcp_send send;
    bool tells;
    struct boot_event event;
};

struct dhcp_waiting *dhcp_waiting_new(void); /* NULL when memory runs out */
void dhcp_waiting_free(struct dhcp_waiting *w);

/*
 * The answer to this machine for this address that waits already, or NULL. A copy of the request replaces it,
 * rather than asking the disk twice. Borrowed.
 */
struct dhcp_answer *dhcp_waiting_find(struct dhcp_waiting *w, const struct mac *mac, uint32_t ip);

/* A new one, to be filled by the caller; NULL when DHCP_WAITING_MAX wait (or no memory). Borrowed. */
struct dhcp_answer *dhcp_waiting_add(struct dhcp_waiting *w, const struct mac *mac, uint32_t ip,
                                     int64_t now_ms, uint64_t *token);

/* The caller frees it. NULL: dropped meanwhile, or never there. */
struct dhcp_answer *dhcp_waiting_take(struct dhcp_waiting *w, uint64_t token);

/* Drops what waits for a machine (it asked for something else), and what has waited too long. */
void dhcp_waiting_drop(struct dhcp_waiting *w, const struct mac *mac);
void dhcp_waiting_tick(struct dhcp_waiting *w, int64_t now_ms);
size_t dhcp_waiting_count(const struct dhcp_waiting *w);
