/*
 * Sightings: addresses that other servers gave, overheard in networks where we are a proxy.
 *
 * A lease of ours says who has an address, since we gave it to nobody else. A sighting only repeats what a
 * packet claimed: whoever can send in the network can claim any address for any MAC. So a sighting is worth
 * as much as the MAC in a DISCOVER, it lasts an hour (a boot, not an uptime), the newest claim to an address
 * counts, a machine has one address a network, and none is ever written to disk. Their state is LEASE_HEARD,
 * by which users can tell them from leases.
 */
#pragma once

#include "serve/dhcp_address.h"

#define DHCP_SIGHTING_MS   3600000
#define DHCP_SIGHTINGS_MAX 65536u /* the machines of a large site boot at once; older ones give way */

/* Takes nothing that is not a host's address in place->network, or is one of ours. */
void dhcp_sighting_put(struct lease_table *sightings, const struct dhcp_addresses *addresses,
                       const struct dhcp_place *place, uint32_t ip);

/* NULL: not heard of, or too long ago. Borrowed until the next put. */
const struct lease *dhcp_sighting_by_ip(const struct lease_table *sightings, uint32_t ip, int64_t now_ms);
