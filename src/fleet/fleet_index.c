#include "fleet/fleet_index.h"

#include "base/cleanup.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN 16

/* FNV-1a. What is stored is the operator's own; strangers only look up, so a keyed hash is not needed. */
static size_t hash_bytes(const void *data, size_t size)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        h = (h ^ ((const uint8_t *)data)[i]) * 0x100000001b3u;
    return (size_t)(h ^ h >> 32);
}

static size_t hash_name(const char *name)
{
    return hash_bytes(name, strlen(name));
}

struct fleet_index *fleet_index_new(void)
{
    return calloc(1, sizeof(struct fleet_index));
}

static void table_fini(struct fleet_table *t)
{
    free(t->slot);
    *t = (struct fleet_table){0};
}

void fleet_index_free(struct fleet_index *index)
{
    if (!index)
        return;
    table_fini(&index->by_name);
    table_fini(&index->by_mac);
    table_fini(&index->by_ip);
    free(index->by_subnet);
    free(index);
}

/* Room for `count` at a load of at most one half. */
static int table_init(struct fleet_table *t, size_t count, struct error *err)
{
    size_t slots = SLOTS_MIN;
    while (slots < count * 2)
        slots *= 2;
    uint32_t *slot = calloc(slots, sizeof *slot);
    if (!slot)
        return error_set(err, "out of memory");
    table_fini(t);
    *t = (struct fleet_table){.slot = slot, .mask = slots - 1};
    return 0;
}

static void table_add(struct fleet_table *t, size_t hash, uint32_t position)
{
    size_t i = hash & t->mask;
    while (t->slot[i])
        i = (i + 1) & t->mask;
    t->slot[i] = position + 1;
    t->used++;
}

/* --- names --- */

/* The slot of the name, or the free one where the search ended. */
static size_t name_slot(const struct fleet *fleet, const char *name)
{
    const struct fleet_table *t = &fleet->index->by_name;
    size_t i = hash_name(name) & t->mask;
    while (t->slot[i] && strcmp(fleet->nodes[t->slot[i] - 1].name, name) != 0)
        i = (i + 1) & t->mask;
    return i;
}

uint32_t fleet_index_name(const struct fleet *fleet, const char *name)
{
    const struct fleet_table *t = &fleet->index->by_name;
    if (!t->used)
        return FLEET_NO_NODE;
    uint32_t slot = t->slot[name_slot(fleet, name)];
    return slot ? slot - 1 : FLEET_NO_NODE;
}

static int build_names(struct fleet *fleet, size_t capacity, struct error *err)
{
    struct fleet_table *t = &fleet->index->by_name;
    if (table_init(t, capacity, err) < 0)
        return -1;
    for (uint32_t i = 0; i < fleet->node_count; i++)
        table_add(t, hash_name(fleet->nodes[i].name), i);
    return 0;
}

int fleet_index_add_name(struct fleet *fleet, uint32_t position, struct error *err)
{
    struct fleet_table *t = &fleet->index->by_name;
    if (!t->slot || (t->used + 1) * 2 > t->mask + 1)
        return build_names(fleet, fleet->node_count * 2, err); /* holds the new one, too */
    table_add(t, hash_name(fleet->nodes[position].name), position);
    return 0;
}

/* Knuth 6.4, algorithm R: later entries of the same run move up, so that searches still find them. */
void fleet_index_drop_name(struct fleet *fleet, uint32_t position)
{
    struct fleet_table *t = &fleet->index->by_name;
    size_t hole = name_slot(fleet, fleet->nodes[position].name);
    for (size_t i = (hole + 1) & t->mask; t->slot[i]; i = (i + 1) & t->mask) {
        size_t home = hash_name(fleet->nodes[t->slot[i] - 1].name) & t->mask;
        if (((i - home) & t->mask) < ((i - hole) & t->mask))
            continue;
        t->slot[hole] = t->slot[i];
        hole = i;
    }
    t->slot[hole] = 0;
    t->used--;
}

/* --- order --- */

static int compare_numbers(const char **a, const char **b)
{
    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    size_t m = strspn(*a, "0123456789"), n = strspn(*b, "0123456789");
    if (m != n)
        return m < n ? -1 : 1;
    int order = strncmp(*a, *b, m);
    *a += m;
    *b += n;
    return order;
}

int fleet_name_compare(const char *a, const char *b)
{
    const char *x = a, *y = b;
    while (*x && *y) {
        if (isdigit((unsigned char)*x) && isdigit((unsigned char)*y)) {
            int order = compare_numbers(&x, &y);
            if (order)
                return order;
        } else if (*x != *y) {
            return (unsigned char)*x < (unsigned char)*y ? -1 : 1;
        } else {
            x++;
            y++;
        }
    }
    if (*x || *y)
        return *x ? 1 : -1;
    return strcmp(a, b); /* "a1" and "a01" */
}

static int by_name(const void *a, const void *b)
{
    return fleet_name_compare(((const struct fleet_node *)a)->name, ((const struct fleet_node *)b)->name);
}

static void sort_nodes(struct fleet *fleet)
{
    for (size_t i = 1; i < fleet->node_count; i++)
        if (by_name(&fleet->nodes[i - 1], &fleet->nodes[i]) > 0) {
            qsort(fleet->nodes, fleet->node_count, sizeof *fleet->nodes, by_name);
            return;
        }
}

static int by_subnet(const void *a, const void *b, void *fleet)
{
    const struct fleet_network *networks = ((const struct fleet *)fleet)->networks;
    uint32_t x = networks[*(const uint32_t *)a].subnet, y = networks[*(const uint32_t *)b].subnet;
    return x < y ? -1 : x > y;
}

static int build_subnets(struct fleet *fleet, struct error *err)
{
    uint32_t *order = calloc(fleet->network_count + 1, sizeof *order);
    if (!order)
        return error_set(err, "out of memory");
    for (uint32_t i = 0; i < fleet->network_count; i++)
        order[i] = i;
    qsort_r(order, fleet->network_count, sizeof *order, by_subnet, fleet);
    free(fleet->index->by_subnet);
    fleet->index->by_subnet = order;
    return 0;
}

/* --- MAC and IP --- */

static uint32_t find_mac(const struct fleet *fleet, const struct mac *mac)
{
    const struct fleet_table *t = &fleet->index->by_mac;
    for (size_t i = hash_bytes(mac->byte, MAC_SIZE) & t->mask; t->slot[i]; i = (i + 1) & t->mask) {
        const struct fleet_node *n = &fleet->nodes[t->slot[i] - 1];
        for (size_t m = 0; m < n->mac_count; m++)
            if (mac_equal(&n->macs[m], mac))
                return t->slot[i] - 1;
    }
    return FLEET_NO_NODE;
}

static uint32_t find_ip(const struct fleet *fleet, uint32_t ip)
{
    const struct fleet_table *t = &fleet->index->by_ip;
    for (size_t i = hash_bytes(&ip, sizeof ip) & t->mask; t->slot[i]; i = (i + 1) & t->mask)
        if (fleet->nodes[t->slot[i] - 1].ip == ip)
            return t->slot[i] - 1;
    return FLEET_NO_NODE;
}

/* All are looked for before the first is added: a search compares every card of the nodes it passes, and one
 * of the node itself is no clash. */
static bool add_addresses(struct fleet *fleet, uint32_t position, struct fleet_clash *clash)
{
    const struct fleet_node *n = &fleet->nodes[position];
    clash->second = position;
    for (clash->mac = 0; clash->mac < n->mac_count; clash->mac++) {
        clash->first = find_mac(fleet, &n->macs[clash->mac]);
        if (clash->first != FLEET_NO_NODE)
            return false;
    }
    for (size_t i = 0; i < n->mac_count; i++)
        table_add(&fleet->index->by_mac, hash_bytes(n->macs[i].byte, MAC_SIZE), position);
    if (!n->ip)
        return true;
    clash->mac = FLEET_MACS_MAX;
    clash->first = find_ip(fleet, n->ip);
    if (clash->first != FLEET_NO_NODE)
        return false;
    table_add(&fleet->index->by_ip, hash_bytes(&n->ip, sizeof n->ip), position);
    return true;
}

int fleet_index_build(struct fleet *fleet, struct fleet_clash *clash, struct error *err)
{
    size_t macs = 0;
    *clash = (struct fleet_clash){FLEET_NO_NODE, FLEET_NO_NODE, 0};
    sort_nodes(fleet);
    for (size_t i = 0; i < fleet->node_count; i++)
        macs += fleet->nodes[i].mac_count;
    if (build_names(fleet, fleet->node_count, err) < 0 || build_subnets(fleet, err) < 0 ||
        table_init(&fleet->index->by_mac, macs, err) < 0 ||
        table_init(&fleet->index->by_ip, fleet->node_count, err) < 0)
        return -1;
    for (uint32_t i = 0; i < fleet->node_count; i++)
        if (!add_addresses(fleet, i, clash))
            return 0;
    clash->first = FLEET_NO_NODE;
    fleet->index->finished = true;
    return 0;
}

/* --- lookups --- */

const struct fleet_node *fleet_node_by_name(const struct fleet *fleet, const char *name)
{
    uint32_t position = fleet_index_name(fleet, name);
    return position == FLEET_NO_NODE ? NULL : &fleet->nodes[position];
}

static bool has_mac(const struct fleet_node *n, const struct mac *mac)
{
    for (size_t i = 0; i < n->mac_count; i++)
        if (mac_equal(&n->macs[i], mac))
            return true;
    return false;
}

const struct fleet_node *fleet_node_by_mac(const struct fleet *fleet, const struct mac *mac)
{
    uint32_t position = FLEET_NO_NODE;
    if (fleet->index->finished)
        position = find_mac(fleet, mac);
    for (uint32_t i = 0; !fleet->index->finished && i < fleet->node_count; i++)
        if (has_mac(&fleet->nodes[i], mac))
            return &fleet->nodes[i];
    return position == FLEET_NO_NODE ? NULL : &fleet->nodes[position];
}

const struct fleet_node *fleet_node_by_ip(const struct fleet *fleet, uint32_t ip)
{
    uint32_t position = FLEET_NO_NODE;
    if (!ip)
        return NULL;
    if (fleet->index->finished)
        position = find_ip(fleet, ip);
    for (uint32_t i = 0; !fleet->index->finished && i < fleet->node_count; i++)
        if (fleet->nodes[i].ip == ip)
            return &fleet->nodes[i];
    return position == FLEET_NO_NODE ? NULL : &fleet->nodes[position];
}

static bool holds(const struct fleet_network *n, uint32_t ip)
{
    return n->prefix && (ip & ip4_mask(n->prefix)) == n->subnet;
}

/* The last subnet that starts at or below ip is the only one that can hold it. */
static const struct fleet_network *search_subnet(const struct fleet *fleet, uint32_t ip)
{
    size_t low = 0, high = fleet->network_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (fleet->networks[fleet->index->by_subnet[middle]].subnet <= ip)
            low = middle + 1;
        else
            high = middle;
    }
    const struct fleet_network *n = low ? &fleet->networks[fleet->index->by_subnet[low - 1]] : NULL;
    return n && holds(n, ip) ? n : NULL;
}

const struct fleet_network *fleet_network_of(const struct fleet *fleet, uint32_t ip)
{
    if (fleet->index->finished)
        return search_subnet(fleet, ip);
    const struct fleet_network *best = NULL;
    for (size_t i = 0; i < fleet->network_count; i++)
        if (holds(&fleet->networks[i], ip) && (!best || fleet->networks[i].prefix > best->prefix))
            best = &fleet->networks[i];
    return best;
}
