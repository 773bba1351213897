#include "serve/dhcp_sighting.h"

void dhcp_sighting_put(struct lease_table *sightings, const struct dhcp_addresses *addresses,
                       const struct dhcp_place *place, uint32_t ip)
{
    struct lease heard = {.mac = place->mac,
                          .ip = ip,
                          .state = LEASE_HEARD,
                          .start_ms = place->now_ms,
                          .expires_ms = place->now_ms + DHCP_SIGHTING_MS};
    if (!dhcp_address_usable(addresses, place->network, ip))
        return;
    const struct lease *before =
        lease_table_by_mac(sightings, &place->mac, place->network->subnet, place->network->prefix);
    if (before && before->ip != ip)
        lease_table_remove(sightings, before->ip);
    lease_table_put(sightings, &heard, place->now_ms);
}

const struct lease *dhcp_sighting_by_ip(const struct lease_table *sightings, uint32_t ip, int64_t now_ms)
{
    const struct lease *heard = lease_table_by_ip(sightings, ip);
    return heard && heard->expires_ms > now_ms ? heard : NULL;
}
