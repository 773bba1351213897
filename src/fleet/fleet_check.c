#include "fleet/fleet_check.h"

#include "base/text.h"
#include "fleet/fleet_index.h"
#include "fleet/fleet_rules.h"
#include "fleet/fleet_types.h"
#include "fleet/policy.h"

#include <stdio.h>
#include <string.h>

struct check {
    const struct fleet *fleet;
    struct fleet_fault *fault;
    struct error *err;
};

/* Names the object and key at fault in front of the text that is set. Returns -1. */
static int blame(struct check *c, enum fleet_kind kind, const char *name, const char *key, size_t item)
{
    *c->fault = (struct fleet_fault){kind, name, key, item};
    if (key)
        error_wrap(c->err, "%s", key);
    return error_wrap(c->err, "%s %s", fleet_kind_name(kind), name);
}

/* The name and every key by its own rule. */
static int check_object(struct check *c, enum fleet_kind kind, const void *object)
{
    const char *name = *(char *const *)object;
    size_t count;
    const struct fleet_key *keys = fleet_keys(&count);
    if (!fleet_name_valid(name, c->err))
        return blame(c, kind, name, NULL, 0);
    for (size_t i = 0; i < count; i++) {
        const struct fleet_key *key = &keys[i];
        const void *base = fleet_base_const(kind, key, object);
        size_t item = 0;
        if (!(key->kinds & FLEET_BIT(kind)) || !key->check || !key->type->is_set(key, base))
            continue;
        if (key->check(key, base, &item, c->err) < 0)
            return blame(c, kind, name, key->name, item);
    }
    return 0;
}

/* --- networks --- */

static uint32_t last_of(const struct fleet_network *n)
{
    return n->subnet | ~ip4_mask(n->prefix);
}

static bool inside(const struct fleet_network *n, uint32_t ip)
{
    return ip > n->subnet && ip < last_of(n); /* neither the network's own address nor broadcast */
}

static const char *range_of(const struct fleet_network *n, char out[static 2 * IP4_TEXT_SIZE])
{
    char first[IP4_TEXT_SIZE], last[IP4_TEXT_SIZE];
    snprintf(out, 2 * IP4_TEXT_SIZE, "%s-%s", ip4_format(n->subnet + 1, first),
             ip4_format(last_of(n) - 1, last));
    return out;
}

static int check_pool(struct check *c, const struct fleet_network *n)
{
    char first[IP4_TEXT_SIZE], last[IP4_TEXT_SIZE], range[2 * IP4_TEXT_SIZE];
    ip4_format(n->pool_first, first);
    ip4_format(n->pool_last, last);
    if (n->pool_last < n->pool_first)
        error_set(c->err, "%s is above %s; write %s-%s", first, last, last, first);
    else if (!inside(n, n->pool_first) || !inside(n, n->pool_last))
        error_set(c->err, "%s-%s is not inside the subnet; write a part of %s", first, last,
                  range_of(n, range));
    else if (n->gateway >= n->pool_first && n->gateway <= n->pool_last)
        error_set(c->err, "the gateway is in %s-%s; leave it out of the pool", first, last);
    else
        return 0;
    return blame(c, FLEET_NETWORK, n->name, "pool", 0);
}

static int check_network(struct check *c, const struct fleet_network *n)
{
    char ip[IP4_TEXT_SIZE], range[2 * IP4_TEXT_SIZE];
    if (!n->prefix) {
        error_set(c->err, "no subnet; write one, as in subnet: 10.77.0.0/24");
        return blame(c, FLEET_NETWORK, n->name, NULL, 0);
    }
    if (check_object(c, FLEET_NETWORK, n) < 0)
        return -1;
    if (n->gateway && !inside(n, n->gateway)) {
        error_set(c->err, "%s is no machine's address in the subnet; write one of %s",
                  ip4_format(n->gateway, ip), range_of(n, range));
        return blame(c, FLEET_NETWORK, n->name, "gateway", 0);
    }
    if (!n->pool_first && n->pool_last) {
        error_set(c->err, "the first address is missing");
        return blame(c, FLEET_NETWORK, n->name, "pool", 0);
    }
    return n->pool_first ? check_pool(c, n) : 0;
}

static int check_overlaps(struct check *c)
{
    const struct fleet *f = c->fleet;
    for (size_t i = 1; i < f->network_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct fleet_network *a = &f->networks[j], *b = &f->networks[i];
            uint32_t mask = ip4_mask(a->prefix < b->prefix ? a->prefix : b->prefix);
            if ((a->subnet & mask) != (b->subnet & mask))
                continue;
            char left[IP4_TEXT_SIZE], right[IP4_TEXT_SIZE];
            error_set(c->err, "%s/%u overlaps %s/%u of network %s; make them apart",
                      ip4_format(b->subnet, right), b->prefix, ip4_format(a->subnet, left), a->prefix,
                      a->name);
            return blame(c, FLEET_NETWORK, b->name, "subnet", 0);
        }
    return 0;
}

/* --- nodes --- */

/* Which networks there are, as far as one message holds them. */
static void outside_networks(struct check *c, uint32_t ip)
{
    enum {
        SHOWN = 8
    };
    const struct fleet *f = c->fleet;
    struct buf list = BUF_INIT;
    char text[IP4_TEXT_SIZE];
    for (size_t i = 0; i < f->network_count && i < SHOWN; i++)
        buf_format(&list, "%s%s %s/%u", i ? ", " : "", f->networks[i].name,
                   ip4_format(f->networks[i].subnet, text), f->networks[i].prefix);
    if (f->network_count > SHOWN)
        buf_format(&list, " and %zu more", f->network_count - SHOWN);
    error_set(c->err, "%s is in no network; there is %s; change it or add its network", ip4_format(ip, text),
              buf_text(&list));
    buf_fini(&list);
}

static int check_ip(struct check *c, const struct fleet_node *n)
{
    char ip[IP4_TEXT_SIZE], range[2 * IP4_TEXT_SIZE];
    if (!n->ip || !c->fleet->network_count)
        return 0;
    const struct fleet_network *network = fleet_network_of(c->fleet, n->ip);
    ip4_format(n->ip, ip);
    if (!network)
        outside_networks(c, n->ip);
    else if (!inside(network, n->ip))
        error_set(c->err, "%s is the %s address of network %s; write one of %s", ip,
                  n->ip == network->subnet ? "network's own" : "broadcast", network->name,
                  range_of(network, range));
    else if (n->ip == network->gateway)
        error_set(c->err, "%s is the gateway of network %s; write another", ip, network->name);
    else
        return 0;
    return blame(c, FLEET_NODE, n->name, "ip", 0);
}

static int unknown_profile(struct check *c, const struct fleet_node *n)
{
    const struct fleet *f = c->fleet;
    const char *best = NULL;
    unsigned most = 2;
    for (size_t i = 0; i < f->profile_count; i++) {
        unsigned distance = text_distance(n->profile, f->profiles[i].name, most);
        if (distance <= most && (!best || distance < most)) {
            best = f->profiles[i].name;
            most = distance;
        }
    }
    if (best)
        error_set(c->err, "there is no profile '%s'; did you mean '%s'?", n->profile, best);
    else
        error_set(c->err, "there is no profile '%s'; add it, or leave the key out", n->profile);
    return blame(c, FLEET_NODE, n->name, "profile", 0);
}

static bool has_policy(const struct fleet_settings *s)
{
    return s->boot || s->between || s->days;
}

static int check_policy(struct check *c, const struct fleet_node *n, const struct fleet_profile *profile)
{
    if (!has_policy(&n->settings) && !(profile && has_policy(&profile->settings)))
        return 0;
    struct fleet_settings settings = fleet_effective(c->fleet, n);
    return policy_check(&settings, c->err) < 0 ? blame(c, FLEET_NODE, n->name, NULL, 0) : 0;
}

static int check_node(struct check *c, const struct fleet_node *n)
{
    if (check_object(c, FLEET_NODE, n) < 0 || check_ip(c, n) < 0)
        return -1;
    const struct fleet_profile *profile = n->profile ? fleet_profile_by_name(c->fleet, n->profile) : NULL;
    if (n->profile && !profile)
        return unknown_profile(c, n);
    if (check_policy(c, n, profile) < 0)
        return -1;
    if (!n->hostname && fleet_hostname_valid(n->name, FLEET_HOSTNAME_MAX, c->err) < 0) {
        error_wrap(c->err, "the name is no host name, so set hostname");
        return blame(c, FLEET_NODE, n->name, NULL, 0);
    }
    return 0;
}

static int report_clash(struct check *c, const struct fleet_clash *clash)
{
    const struct fleet_node *first = &c->fleet->nodes[clash->first];
    const struct fleet_node *second = &c->fleet->nodes[clash->second];
    bool ip = clash->mac == FLEET_MACS_MAX;
    char text[MAC_TEXT_SIZE > IP4_TEXT_SIZE ? MAC_TEXT_SIZE : IP4_TEXT_SIZE];
    if (ip)
        ip4_format(second->ip, text);
    else
        mac_format(&second->macs[clash->mac], text);
    error_set(c->err, "%s is node %s's; give each node its own", text, first->name);
    return blame(c, FLEET_NODE, second->name, ip ? "ip" : "mac", ip ? 0 : clash->mac);
}

int fleet_check(struct fleet *fleet, struct fleet_fault *fault, struct error *err)
{
    struct check c = {fleet, fault, err};
    struct fleet_clash clash;
    *fault = (struct fleet_fault){0};
    for (size_t i = 0; i < fleet->network_count; i++)
        if (check_network(&c, &fleet->networks[i]) < 0)
            return -1;
    if (check_overlaps(&c) < 0)
        return -1;
    for (size_t i = 0; i < fleet->profile_count; i++)
        if (check_object(&c, FLEET_PROFILE, &fleet->profiles[i]) < 0)
            return -1;
    if (fleet_index_build(fleet, &clash, err) < 0)
        return -1;
    if (clash.first != FLEET_NO_NODE)
        return report_clash(&c, &clash);
    for (size_t i = 0; i < fleet->node_count; i++)
        if (check_node(&c, &fleet->nodes[i]) < 0) {
            fleet->index->finished = false;
            return -1;
        }
    return 0;
}

int fleet_finish(struct fleet *fleet, struct error *err)
{
    struct fleet_fault fault;
    return fleet_check(fleet, &fault, err);
}
