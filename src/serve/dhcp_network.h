/* Where a DHCP client stands: its network of the fleet, or one made of the interface's own address. */
#pragma once

#include "serve/dhcp_machine.h"

/*
 * By the relay's link selection (RFC 3527), subnet selection (RFC 3011), the relay's address, the address a
 * routed renewal comes from, and else by the interface. `derived` is room for a network that the fleet does
 * not name: no pool, no gateway. NULL: none fits, `why` (at least 128 bytes) says what to do.
 */
const struct fleet_network *dhcp_network_choose(const struct dhcp_packet *packet,
                                                const struct dhcp_message *request,
                                                struct fleet_network *derived, char *why, size_t why_size);

bool dhcp_network_holds(const struct fleet_network *network, uint32_t ip);
