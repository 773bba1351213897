/* Which address a machine may have: reservations, what it had, the pool. */
#pragma once

#include "fleet/fleet.h"
#include "serve/dhcp_machine.h"
#include "serve/lease_table.h"

/* Who may have what, so far. Offers are kept apart: they hold pool addresses and never displace a lease. */
struct dhcp_addresses {
    struct lease_table *leases; /* owned by the machine, as are the others */
    struct lease_table *offers;
    size_t own_count;
    uint32_t own[DHCP_INTERFACES_MAX]; /* our own addresses, never given out */
    uint32_t full_pool;                /* first address of the pool found used up last, */
    int64_t full_until_ms;             /* and until when it is not searched again: a search visits it all */
};

/* One machine in one network. */
struct dhcp_place {
    const struct fleet *fleet;
    const struct fleet_network *network;
    const struct fleet_node *node; /* NULL: nobody's MAC */
    struct mac mac;
    int64_t now_ms;
};

/* Could a host of the network have this address at all? It is not its gateway, nor one of ours. */
bool dhcp_address_usable(const struct dhcp_addresses *a, const struct fleet_network *network, uint32_t ip);

/*
 * Whether this machine may have this address, here and now. A node's cards share its address, one at a time:
 * with take_over (a boot) a card may take it from another one, without (a renewal) it may not.
 */
bool dhcp_address_right(const struct dhcp_addresses *a, const struct dhcp_place *place, uint32_t ip,
                        bool take_over);

/* The address for a DISCOVER (RFC 2131, section 4.3.1), `asked` being what the client would like. 0: none. */
uint32_t dhcp_address_choose(struct dhcp_addresses *a, const struct dhcp_place *place, uint32_t asked);

/* Why there is none, and what to do about it. */
void dhcp_address_why(const struct dhcp_addresses *a, const struct dhcp_place *place, char *out, size_t size);

/* Whether the address is the machine's by reservation rather than by the pool. */
bool dhcp_address_reserved(const struct dhcp_place *place, uint32_t ip);

/* Whether we decide what is right for this machine here: else other servers may, and we keep quiet. */
bool dhcp_address_is_ours(const struct dhcp_addresses *a, const struct dhcp_place *place);

/* Holds a pool address for the machine; false when too many are held. Reserved ones need no holding. */
bool dhcp_address_hold(struct dhcp_addresses *a, const struct dhcp_place *place, uint32_t ip);
void dhcp_address_unhold(struct dhcp_addresses *a, const struct mac *mac, uint32_t ip);
