#include "serve/dhcp_network.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

bool dhcp_network_holds(const struct fleet_network *network, uint32_t ip)
{
    return ((ip ^ network->subnet) & ip4_mask(network->prefix)) == 0;
}

static bool on_interface(const struct dhcp_interface *interface, uint32_t ip)
{
    return ((ip ^ interface->ip) & ip4_mask(interface->prefix)) == 0;
}

static const struct fleet_network *network_of_interface(const struct fleet *fleet,
                                                        const struct dhcp_interface *interface,
                                                        struct fleet_network *derived)
{
    const struct fleet_network *found = fleet_network_of(fleet, interface->ip);
    if (found && (!found->interface || text_equal(found->interface, interface->name)))
        return found;
    for (size_t i = 0; i < fleet->network_count; i++)
        if (text_equal(fleet->networks[i].interface, interface->name))
            return &fleet->networks[i];
    memset(derived, 0, sizeof *derived);
    derived->subnet = interface->ip & ip4_mask(interface->prefix);
    derived->prefix = interface->prefix;
    derived->lease_seconds = FLEET_LEASE_SECONDS;
    return derived;
}

/* The address that decides, or 0 when it is the interface. */
static uint32_t deciding_address(const struct dhcp_packet *packet, const struct dhcp_message *request)
{
    uint32_t subnet = 0;
    if (packet->pxe)
        return packet->source_ip; /* it has its address */
    if (dhcp_get_relay_u32(request, DHCP_RELAY_LINK, &subnet))
        return subnet;
    if (dhcp_get_u32(request, DHCP_OPTION_SUBNET, &subnet))
        return subnet;
    if (request->giaddr)
        return request->giaddr;
    /* Renewing is unicast, so it may come from behind a router without a relay's help. */
    if (!packet->broadcast && request->ciaddr && packet->source_ip == request->ciaddr)
        return request->ciaddr;
    return 0;
}

const struct fleet_network *dhcp_network_choose(const struct dhcp_packet *packet,
                                                const struct dhcp_message *request,
                                                struct fleet_network *derived, char *why, size_t why_size)
{
    uint32_t address = deciding_address(packet, request);
    if (address == 0 || on_interface(packet->interface, address))
        return network_of_interface(packet->fleet, packet->interface, derived);
    const struct fleet_network *found = fleet_network_of(packet->fleet, address);
    if (!found) {
        char text[IP4_TEXT_SIZE];
        snprintf(why, why_size,
                 "no network of the fleet holds %s (%s): add one to the fleet file and apply it",
                 ip4_format(address, text), request->giaddr ? "named by a relay" : "named by the client");
    }
    return found;
}
