#include "serve/lease_table.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define NONE          UINT32_MAX
#define RECORDS_START 64u
#define EVICT_LOOK    64u /* records looked at for one that may go: held ones collect at the old end */

/* Records live in one array and are linked by index: two hash chains and the order of use. A record on the
 * free list uses older/newer only. */
struct record {
    struct lease lease;
    uint32_t next_by_ip, next_by_mac;
    uint32_t older, newer;
};

struct lease_table {
    size_t limit;
    uint64_t seed;
    struct record *records;   /* owned; capacity is a power of two and the number of buckets */
    uint32_t *by_ip, *by_mac; /* owned; heads of the chains */
    uint32_t capacity, used;  /* used: records ever taken; beyond it all is untouched */
    uint32_t count;
    uint32_t free;           /* list of removed records, by `newer` */
    uint32_t oldest, newest; /* order of use */
};

/* Murmur3's finaliser: every input bit reaches every output bit. */
static uint64_t mix(uint64_t v)
{
    v ^= v >> 33;
    v *= 0xff51afd7ed558ccdu;
    v ^= v >> 33;
    v *= 0xc4ceb9fe1a85ec53u;
    return v ^ v >> 33;
}

static uint64_t mac_number(const struct mac *mac)
{
    uint64_t v = 0;
    for (size_t i = 0; i < MAC_SIZE; i++)
        v = v << 8 | mac->byte[i];
    return v;
}

static uint32_t *ip_bucket(const struct lease_table *t, uint32_t ip)
{
    return &t->by_ip[mix(ip ^ t->seed) & (t->capacity - 1)];
}

static uint32_t *mac_bucket(const struct lease_table *t, const struct mac *mac)
{
    return &t->by_mac[mix(mac_number(mac) ^ t->seed) & (t->capacity - 1)];
}

static void chain_in(struct lease_table *t, uint32_t at)
{
    struct record *r = &t->records[at];
    uint32_t *ip = ip_bucket(t, r->lease.ip);
    r->next_by_ip = *ip;
    *ip = at;
    uint32_t *mac = mac_bucket(t, &r->lease.mac);
    r->next_by_mac = *mac;
    *mac = at;
}

static void chain_out(struct lease_table *t, uint32_t at)
{
    struct record *r = &t->records[at];
    uint32_t *link = ip_bucket(t, r->lease.ip);
    while (*link != at)
        link = &t->records[*link].next_by_ip;
    *link = r->next_by_ip;
    link = mac_bucket(t, &r->lease.mac);
    while (*link != at)
        link = &t->records[*link].next_by_mac;
    *link = r->next_by_mac;
}

static void order_out(struct lease_table *t, uint32_t at)
{
    struct record *r = &t->records[at];
    *(r->older == NONE ? &t->oldest : &t->records[r->older].newer) = r->newer;
    *(r->newer == NONE ? &t->newest : &t->records[r->newer].older) = r->older;
}

static void order_newest(struct lease_table *t, uint32_t at)
{
    struct record *r = &t->records[at];
    r->older = t->newest;
    r->newer = NONE;
    *(t->newest == NONE ? &t->oldest : &t->records[t->newest].newer) = at;
    t->newest = at;
}

static bool table_grow(struct lease_table *t)
{
    uint32_t capacity = t->capacity ? t->capacity * 2 : RECORDS_START;
    struct record *records = realloc(t->records, capacity * sizeof *records);
    if (!records)
        return false;
    t->records = records;
    uint32_t *by_ip = malloc(capacity * sizeof *by_ip);
    uint32_t *by_mac = malloc(capacity * sizeof *by_mac);
    if (!by_ip || !by_mac) {
        free(by_ip);
        free(by_mac);
        return false;
    }
    free(t->by_ip);
    free(t->by_mac);
    t->by_ip = by_ip;
    t->by_mac = by_mac;
    t->capacity = capacity;
    memset(by_ip, 0xff, capacity * sizeof *by_ip);
    memset(by_mac, 0xff, capacity * sizeof *by_mac);
    /* From old to new, so that the newest is first in its chains again. */
    for (uint32_t at = t->oldest; at != NONE; at = t->records[at].newer)
        chain_in(t, at);
    return true;
}

struct lease_table *lease_table_new(size_t limit, uint64_t seed)
{
    struct lease_table *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->limit = limit;
    t->seed = seed;
    t->free = t->oldest = t->newest = NONE;
    if (!table_grow(t)) {
        lease_table_free(t);
        return NULL;
    }
    return t;
}

void lease_table_free(struct lease_table *t)
{
    if (!t)
        return;
    free(t->records);
    free(t->by_ip);
    free(t->by_mac);
    free(t);
}

size_t lease_table_count(const struct lease_table *t)
{
    return t->count;
}

bool lease_is_held(const struct lease *lease, int64_t now_ms)
{
    return lease->state != LEASE_RELEASED && lease->state != LEASE_HEARD && lease->expires_ms > now_ms;
}

static uint32_t find(const struct lease_table *t, uint32_t ip)
{
    uint32_t at = *ip_bucket(t, ip);
    while (at != NONE && t->records[at].lease.ip != ip)
        at = t->records[at].next_by_ip;
    return at;
}

const struct lease *lease_table_by_ip(const struct lease_table *t, uint32_t ip)
{
    uint32_t at = find(t, ip);
    return at == NONE ? NULL : &t->records[at].lease;
}

const struct lease *lease_table_by_mac(const struct lease_table *t, const struct mac *mac, uint32_t base,
                                       unsigned prefix)
{
    uint32_t mask = ip4_mask(prefix);
    for (uint32_t at = *mac_bucket(t, mac); at != NONE; at = t->records[at].next_by_mac) {
        const struct lease *lease = &t->records[at].lease;
        if (mac_equal(&lease->mac, mac) && ((lease->ip ^ base) & mask) == 0 && lease->state != LEASE_DECLINED)
            return lease;
    }
    return NULL;
}

static void record_remove(struct lease_table *t, uint32_t at)
{
    chain_out(t, at);
    order_out(t, at);
    t->records[at].newer = t->free;
    t->free = at;
    t->count--;
}

/* Makes room by dropping what ended longest ago. */
static bool evict(struct lease_table *t, int64_t now_ms)
{
    uint32_t at = t->oldest;
    for (unsigned i = 0; i < EVICT_LOOK && at != NONE; i++, at = t->records[at].newer) {
        if (!lease_is_held(&t->records[at].lease, now_ms)) {
            record_remove(t, at);
            return true;
        }
    }
    return false;
}

static uint32_t record_take(struct lease_table *t, int64_t now_ms)
{
    if (t->count >= t->limit && !evict(t, now_ms))
        return NONE;
    if (t->free == NONE && t->used == t->capacity && !table_grow(t))
        return NONE;
    uint32_t at = t->free;
    if (at == NONE)
        at = t->used++;
    else
        t->free = t->records[at].newer;
    t->count++;
    return at;
}

bool lease_table_put(struct lease_table *t, const struct lease *lease, int64_t now_ms)
{
    assert(lease->ip != 0);
    struct lease copy = *lease; /* may be a record of ours, which moves */
    uint32_t at = find(t, copy.ip);
    if (at != NONE) {
        chain_out(t, at);
        order_out(t, at);
    } else {
        at = record_take(t, now_ms);
    }
    if (at == NONE)
        return false;
    t->records[at].lease = copy;
    chain_in(t, at);
    order_newest(t, at);
    return true;
}

void lease_table_remove(struct lease_table *t, uint32_t ip)
{
    uint32_t at = find(t, ip);
    if (at != NONE)
        record_remove(t, at);
}

void lease_table_set_back(struct lease_table *t, int64_t back_ms)
{
    for (uint32_t at = t->oldest; at != NONE; at = t->records[at].newer) {
        struct lease *lease = &t->records[at].lease;
        if (lease->state == LEASE_OFFERED || lease->state == LEASE_DECLINED || lease->state == LEASE_HEARD)
            lease->expires_ms -= back_ms;
    }
}

uint32_t lease_table_pick(const struct lease_table *t, const struct mac *mac, uint32_t first, uint32_t last,
                          int64_t now_ms, lease_allowed_fn *allowed, const void *ctx)
{
    uint64_t size = (uint64_t)last - first + 1;
    uint64_t start = mix(mac_number(mac)) % size; /* without the seed: the same after a restart */
    const struct lease *best = NULL;
    for (uint64_t i = 0; i < size && !(best && i >= LEASE_PICK_CANDIDATES); i++) {
        uint32_t ip = first + (uint32_t)((start + i) % size);
        const struct lease *lease = lease_table_by_ip(t, ip);
        if (lease && (lease_is_held(lease, now_ms) || (best && lease->expires_ms >= best->expires_ms)))
            continue;
        if (!allowed(ctx, ip))
            continue;
        if (!lease)
            return ip;
        best = lease;
    }
    return best ? best->ip : 0;
}
