#include "serve/dhcp_address.h"

#include "serve/dhcp_network.h"

#include <stdio.h>

#define FULL_MS 1000 /* a flood of MACs costs one search of a full pool in this time */

bool dhcp_address_usable(const struct dhcp_addresses *a, const struct fleet_network *network, uint32_t ip)
{
    uint32_t host = ~ip4_mask(network->prefix);
    if (ip == 0 || !dhcp_network_holds(network, ip) || ip == network->gateway)
        return false;
    if (network->prefix < 31 && ((ip & host) == 0 || (ip & host) == host))
        return false;
    for (size_t i = 0; i < a->own_count; i++)
        if (a->own[i] == ip)
            return false;
    return true;
}

static bool same_node(const struct dhcp_place *place, const struct mac *mac)
{
    return place->node && fleet_node_by_mac(place->fleet, mac) == place->node;
}

/* Nobody else holds it. */
static bool address_free(const struct dhcp_addresses *a, const struct dhcp_place *place, uint32_t ip,
                         bool take_over)
{
    const struct lease *lease = lease_table_by_ip(a->leases, ip);
    if (lease && lease_is_held(lease, place->now_ms)) {
        if (lease->state == LEASE_DECLINED)
            return false;
        if (!mac_equal(&lease->mac, &place->mac) && !(take_over && same_node(place, &lease->mac)))
            return false;
    }
    const struct lease *offer = lease_table_by_ip(a->offers, ip);
    return !offer || !lease_is_held(offer, place->now_ms) || mac_equal(&offer->mac, &place->mac);
}

bool dhcp_address_reserved(const struct dhcp_place *place, uint32_t ip)
{
    return place->node && place->node->ip == ip;
}

static bool reservation_here(const struct dhcp_addresses *a, const struct dhcp_place *place)
{
    return place->node && dhcp_address_usable(a, place->network, place->node->ip);
}

struct pool_check {
    const struct dhcp_addresses *a;
    const struct dhcp_place *place;
};

/* In the pool and nobody's reservation, whoever holds it. */
static bool pool_allows(const void *ctx, uint32_t ip)
{
    const struct pool_check *check = ctx;
    const struct fleet_network *network = check->place->network;
    return network->pool_first && ip >= network->pool_first && ip <= network->pool_last &&
           dhcp_address_usable(check->a, network, ip) && !fleet_node_by_ip(check->place->fleet, ip) &&
           address_free(check->a, check->place, ip, false);
}

/* What the machine has or is offered in this network now, or else had; NULL: nothing it could have again. */
static const struct lease *pool_record(const struct dhcp_addresses *a, const struct pool_check *check)
{
    const struct dhcp_place *place = check->place;
    const struct fleet_network *network = place->network;
    const struct lease *had = lease_table_by_mac(a->leases, &place->mac, network->subnet, network->prefix);
    if (had && pool_allows(check, had->ip))
        return had;
    const struct lease *offer = lease_table_by_mac(a->offers, &place->mac, network->subnet, network->prefix);
    return offer && pool_allows(check, offer->ip) ? offer : NULL;
}

bool dhcp_address_right(const struct dhcp_addresses *a, const struct dhcp_place *place, uint32_t ip,
                        bool take_over)
{
    struct pool_check check = {a, place};
    if (reservation_here(a, place) && address_free(a, place, place->node->ip, take_over))
        return ip == place->node->ip;
    const struct lease *record = pool_record(a, &check);
    if (record && lease_is_held(record, place->now_ms))
        return ip == record->ip; /* one address a machine and network */
    return pool_allows(&check, ip);
}

/* A new machine's address. */
static uint32_t pool_pick(struct dhcp_addresses *a, const struct pool_check *check)
{
    const struct dhcp_place *place = check->place;
    uint32_t first = place->network->pool_first;
    int64_t left_ms = a->full_until_ms - place->now_ms;
    if (a->full_pool == first && left_ms > 0 && left_ms <= FULL_MS)
        return 0;
    uint32_t ip = lease_table_pick(a->leases, &place->mac, first, place->network->pool_last, place->now_ms,
                                   pool_allows, check);
    if (!ip) {
        a->full_pool = first;
        a->full_until_ms = place->now_ms + FULL_MS;
    }
    return ip;
}

uint32_t dhcp_address_choose(struct dhcp_addresses *a, const struct dhcp_place *place, uint32_t asked)
{
    const struct fleet_network *network = place->network;
    struct pool_check check = {a, place};
    if (reservation_here(a, place) && address_free(a, place, place->node->ip, true))
        return place->node->ip;
    if (!network->pool_first)
        return 0;
    const struct lease *record = pool_record(a, &check);
    if (record)
        return record->ip;
    if (asked && pool_allows(&check, asked))
        return asked;
    return pool_pick(a, &check);
}

void dhcp_address_why(const struct dhcp_addresses *a, const struct dhcp_place *place, char *out, size_t size)
{
    const struct fleet_network *network = place->network;
    char ip[IP4_TEXT_SIZE], subnet[IP4_TEXT_SIZE], mac[MAC_TEXT_SIZE];
    ip4_format(network->subnet, subnet);
    if (place->node && place->node->ip && reservation_here(a, place)) {
        const struct lease *lease = lease_table_by_ip(a->leases, place->node->ip);
        ip4_format(place->node->ip, ip);
        if (lease && lease->state == LEASE_DECLINED)
            snprintf(out, size, "no address: somebody else answered at %s; find it, or wait ten minutes", ip);
        else
            snprintf(out, size, "no address: %s is leased to %s until it gives it back", ip,
                     lease ? mac_format(&lease->mac, mac) : "another machine");
    } else if (network->pool_first) {
        snprintf(out, size, "no address: the pool of %s/%u is used up; make it larger", subnet,
                 network->prefix);
    } else if (place->node && place->node->ip) {
        snprintf(out, size, "no address: %s is not one for a host of %s/%u, where the machine asks",
                 ip4_format(place->node->ip, ip), subnet, network->prefix);
    } else {
        snprintf(out, size, "no address: %s/%u has no pool; bootherd node set %s --ip ADDR", subnet,
                 network->prefix, place->node ? place->node->name : "NAME");
    }
}

bool dhcp_address_is_ours(const struct dhcp_addresses *a, const struct dhcp_place *place)
{
    const struct fleet_network *network = place->network;
    return network->pool_first || reservation_here(a, place) ||
           lease_table_by_mac(a->leases, &place->mac, network->subnet, network->prefix);
}

bool dhcp_address_hold(struct dhcp_addresses *a, const struct dhcp_place *place, uint32_t ip)
{
    struct lease offer = {.mac = place->mac,
                          .ip = ip,
                          .state = LEASE_OFFERED,
                          .start_ms = place->now_ms,
                          .expires_ms = place->now_ms + DHCP_OFFER_MS};
    return dhcp_address_reserved(place, ip) || lease_table_put(a->offers, &offer, place->now_ms);
}

void dhcp_address_unhold(struct dhcp_addresses *a, const struct mac *mac, uint32_t ip)
{
    const struct lease *offer = lease_table_by_ip(a->offers, ip);
    if (offer && mac_equal(&offer->mac, mac))
        lease_table_remove(a->offers, ip);
}
