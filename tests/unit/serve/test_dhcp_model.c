/*
 * Random clients, disks, clocks and fleets against what must hold whatever happens:
 *   an address has one holder among those who were told ACK and whose lease is not over;
 *   no ACK without a commit that went well, and one commit for the copies of a request;
 *   no address but the reservation, or one of the pool that is nobody's reservation, ours or the gateway's;
 *   in a network where another server gives the addresses none is offered, acknowledged, refused or
 * committed, and what is heard there is heard of that network alone; memory is bounded. Seeded: a failure
 * prints its seed and step.
 */
#include "dhcp_rig.h"

#define STEPS       6000
#define SEEDS       6
#define MACHINES    24u /* the first few are the fleet's */
#define TOKENS      64
#define ADDRESSES   65536u
#define PROXY_RELAY RIG_IP(5, 1)

struct model {
    struct rig rig;
    uint64_t random;
    unsigned seed, step;
    unsigned proxied; /* answers in the network that is another server's */
    struct {
        struct mac mac;
        int64_t until_ms; /* 0: nobody */
    } holder[ADDRESSES];  /* by the low half of the address: 10.77.x.y */
    struct {
        uint64_t token; /* 0: free */
        int64_t since_ms;
        bool dropped; /* the machine asked for something else meanwhile: no ACK for this one */
        struct lease lease;
    } waiting[TOKENS];
    struct {
        uint32_t ip; /* what it was offered or acknowledged last */
        uint32_t giaddr;
    } machine[MACHINES];
};

static unsigned rnd(struct model *m, unsigned below)
{
    m->random = m->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(m->random >> 33) % below;
}

#define check(m, condition)                                                                                  \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            fail_msg("seed %u, step %u: %s", (m)->seed, (m)->step, #condition);                              \
    } while (0)

static const char *const fleet_macs[] = {"52:54:00:77:01:03", "52:54:00:77:02:01", "52:54:00:77:02:02",
                                         "52:54:00:77:03:01", "52:54:00:77:01:08"};
#define FLEET_MACS (sizeof fleet_macs / sizeof fleet_macs[0])

static struct mac machine_mac(unsigned i)
{
    return i < FLEET_MACS ? rig_mac(fleet_macs[i]) : (struct mac){{2, 0, 0, 0, 1, (uint8_t)i}};
}

/* Whether the fleet lets this machine have this address at all; the fleet of dhcp_rig.c, in other words. */
static bool may_have(const struct mac *mac, uint32_t ip)
{
    static const struct {
        unsigned machine;
        uint32_t ip;
    } reserved[] = {{0, RIG_IP(0, 131)}, {1, RIG_IP(0, 12)}, {2, RIG_IP(0, 12)}, {4, RIG_IP(0, 105)}};
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        struct mac owner = machine_mac(reserved[i].machine);
        if (reserved[i].ip == ip && mac_equal(&owner, mac))
            return true;
    }
    if (ip == RIG_IP(0, 105))
        return false;
    return (ip >= RIG_POOL && ip <= RIG_POOL + 9) || (ip >= RIG_IP(9, 50) && ip <= RIG_IP(9, 59));
}

static bool same_node(const struct mac *a, const struct mac *b)
{
    struct mac one = machine_mac(1), two = machine_mac(2);
    return (mac_equal(a, &one) && mac_equal(b, &two)) || (mac_equal(a, &two) && mac_equal(b, &one));
}

static struct rig_client random_client(struct model *m, unsigned who)
{
    static const enum dhcp_type types[] = {DHCP_DISCOVER, DHCP_DISCOVER, DHCP_REQUEST,
                                           DHCP_REQUEST,  DHCP_REQUEST,  DHCP_REQUEST,
                                           DHCP_RELEASE,  DHCP_DECLINE,  DHCP_INFORM};
    uint32_t ip = m->machine[who].ip;
    struct rig_client c = {.type = types[rnd(m, sizeof types / sizeof types[0])], .mac = machine_mac(who)};
    if (rnd(m, 12) == 0) /* any address at all, often somebody's */
        ip = rnd(m, 2) ? RIG_POOL - 2 + rnd(m, 14) : m->machine[rnd(m, MACHINES)].ip;
    if (rnd(m, 8) == 0)
        m->machine[who].giaddr = rnd(m, 2) ? RIG_IP(9, 1) : 0;
    c.giaddr = m->machine[who].giaddr;
    c.rom = rnd(m, 2);
    c.flag_broadcast = rnd(m, 3) == 0;
    unsigned state = rnd(m, 3);
    if (c.type == DHCP_RELEASE || c.type == DHCP_INFORM || (c.type == DHCP_REQUEST && state == 0)) {
        c.ciaddr = c.source_ip = ip;
        c.unicast = rnd(m, 2);
        c.giaddr = 0;
    } else if (c.type != DHCP_DISCOVER || rnd(m, 2)) {
        c.requested = ip;
    }
    if ((c.type == DHCP_REQUEST && state == 1) || c.type == DHCP_DECLINE)
        c.server = rnd(m, 10) ? RIG_OUR_IP : RIG_IP(0, 2);
    return c;
}

/* Another server's client: its address there is none of ours. */
static struct rig_client random_proxied(struct model *m, unsigned who)
{
    struct rig_client c = random_client(m, who);
    uint32_t ip = rnd(m, 8) ? RIG_IP(5, 8 + rnd(m, 16)) : m->machine[who].ip;
    c.giaddr = PROXY_RELAY;
    c.server = c.server ? RIG_IP(5, 2) : 0;
    c.requested = c.requested ? ip : 0;
    c.ciaddr = c.ciaddr ? ip : 0;
    c.unicast = true;
    c.source_ip = PROXY_RELAY;
    if (rnd(m, 4) == 0) {
        c.giaddr = 0;
        c.ciaddr = c.source_ip = RIG_IP(5, 8 + rnd(m, 16));
        c.source_port = rnd(m, 2) ? 68 : 4011;
    }
    return c;
}

static void proxied_step(struct model *m)
{
    unsigned who = rnd(m, rnd(m, 2) ? MACHINES : FLEET_MACS);
    struct rig_client c = random_proxied(m, who);
    if (!rig_say(&m->rig, &c))
        return;
    unsigned type = rig_reply_type(&m->rig);
    check(m, !m->rig.actions.has_commit);
    check(m, type == 0 || (c.rom && who < FLEET_MACS));
    check(m, type == 0 || type == (c.source_port ? DHCP_ACK : DHCP_OFFER));
    check(m, m->rig.reply.yiaddr == 0 && !dhcp_has(&m->rig.reply, DHCP_OPTION_LEASE));
    m->proxied += type != 0;
    for (uint32_t i = 0; i < 256; i++) {
        const struct lease *heard = dhcp_machine_lease_by_ip(m->rig.machine, RIG_IP(5, i), m->rig.now_ms);
        check(m, !heard || (heard->state == LEASE_HEARD && i >= 8 && i < 24));
        const struct lease *ours = dhcp_machine_lease_by_ip(m->rig.machine, RIG_IP(0, i), m->rig.now_ms);
        check(m, !ours || ours->state == LEASE_BOUND);
    }
}

static void forget(struct model *m, const struct mac *mac)
{
    for (unsigned i = 0; i < TOKENS; i++)
        if (mac_equal(&m->waiting[i].lease.mac, mac))
            m->waiting[i].dropped = true;
}

static void took_commit(struct model *m, const struct rig_client *c)
{
    const struct lease *lease = &m->rig.actions.lease;
    check(m, mac_equal(&lease->mac, &c->mac));
    if (lease->state != LEASE_BOUND) {
        check(m, m->rig.actions.token == 0);
        check(m, lease->state == (c->type == DHCP_DECLINE ? LEASE_DECLINED : LEASE_RELEASED));
        if (mac_equal(&m->holder[lease->ip % ADDRESSES].mac, &c->mac))
            m->holder[lease->ip % ADDRESSES].until_ms = 0;
        forget(m, &c->mac);
        return;
    }
    check(m, c->type == DHCP_REQUEST && m->rig.actions.token != 0);
    check(m, may_have(&lease->mac, lease->ip));
    for (unsigned i = 0; i < TOKENS; i++) /* a copy is not committed twice */
        check(m, !(m->waiting[i].token && !m->waiting[i].dropped &&
                   mac_equal(&m->waiting[i].lease.mac, &c->mac) && m->waiting[i].lease.ip == lease->ip));
    forget(m, &c->mac);
    for (unsigned i = 0; i < TOKENS; i++) {
        if (m->waiting[i].token == 0) {
            m->waiting[i].token = m->rig.actions.token;
            m->waiting[i].lease = *lease;
            m->waiting[i].since_ms = m->rig.now_ms;
            m->waiting[i].dropped = false;
            return;
        }
    }
    fail_msg("more commits than the disk ever answers");
}

static void packet_step(struct model *m)
{
    unsigned who = rnd(m, MACHINES);
    struct rig_client c = random_client(m, who);
    if (!rig_say(&m->rig, &c))
        return;
    unsigned type = rig_reply_type(&m->rig);
    check(m,
          type == 0 || type == DHCP_OFFER || type == DHCP_NAK || (type == DHCP_ACK && c.type == DHCP_INFORM));
    if (type == DHCP_OFFER) {
        uint32_t ip = m->rig.reply.yiaddr;
        check(m, c.type == DHCP_DISCOVER && may_have(&c.mac, ip));
        check(m, m->holder[ip % ADDRESSES].until_ms <= m->rig.now_ms ||
                     mac_equal(&m->holder[ip % ADDRESSES].mac, &c.mac) ||
                     same_node(&m->holder[ip % ADDRESSES].mac, &c.mac));
        m->machine[who].ip = ip;
    }
    if (m->rig.actions.has_commit)
        took_commit(m, &c);
}

static void commit_step(struct model *m)
{
    unsigned i = rnd(m, TOKENS);
    bool ok = rnd(m, 8) != 0;
    for (unsigned k = 0; k < TOKENS && m->waiting[i].token == 0; k++)
        i = (i + 1) % TOKENS;
    uint64_t token = rnd(m, 8) ? m->waiting[i].token : 0;
    if (token == 0) /* a token nobody has */
        token = rnd(m, 2) ? 0 : rnd(m, 1u << 30);
    for (unsigned k = 0; k < TOKENS; k++)
        if (m->waiting[k].token == token)
            i = k;
    dhcp_machine_committed(m->rig.machine, token, ok, m->rig.now_ms, &m->rig.actions);
    struct lease *lease = &m->waiting[i].lease;
    check(m, !m->rig.actions.has_send ||
                 (ok && token && m->waiting[i].token == token && !m->waiting[i].dropped));
    if (m->rig.actions.has_send) {
        check(m, m->holder[lease->ip % ADDRESSES].until_ms <= m->rig.now_ms ||
                     mac_equal(&m->holder[lease->ip % ADDRESSES].mac, &lease->mac) ||
                     same_node(&m->holder[lease->ip % ADDRESSES].mac, &lease->mac));
        m->holder[lease->ip % ADDRESSES].mac = lease->mac;
        m->holder[lease->ip % ADDRESSES].until_ms = lease->expires_ms;
    }
    if (m->waiting[i].token == token)
        m->waiting[i].token = 0;
}

static void time_step(struct model *m)
{
    static const int64_t hops_ms[] = {1, 1000, 1000, 61000, 31000, 20 * 60000, 2 * 3600000};
    m->rig.now_ms += hops_ms[rnd(m, sizeof hops_ms / sizeof hops_ms[0])];
    if (rnd(m, 50) == 0)
        m->rig.now_ms -= 3600000; /* nobody who was told ACK loses by it */
    dhcp_machine_tick(m->rig.machine, m->rig.now_ms);
    for (unsigned i = 0; i < TOKENS; i++) { /* they ask again */
        int64_t age_ms = m->rig.now_ms - m->waiting[i].since_ms;
        if (age_ms < 0 || age_ms > DHCP_WAITING_MS)
            m->waiting[i].dropped = true;
    }
}

static void random_events(void **state)
{
    struct model *m = malloc(sizeof *m);
    unsigned acks = 0, proxied = 0;
    assert_non_null(m);
    for (unsigned seed = 1; seed <= SEEDS; seed++) {
        memset(m, 0, sizeof *m);
        m->seed = seed;
        m->random = seed;
        rig_init(&m->rig, NULL);
        for (m->step = 0; m->step < STEPS; m->step++) {
            unsigned kind = rnd(m, 20);
            if (kind < 8)
                packet_step(m);
            else if (kind < 11)
                proxied_step(m);
            else if (kind < 19)
                commit_step(m);
            else
                time_step(m);
            acks += m->rig.actions.has_send && kind >= 11 && kind < 19;
            check(m, dhcp_machine_size(m->rig.machine) <= 10 + 10 + 2 + 10 + 10 + 2 * MACHINES);
        }
        rig_fini(&m->rig);
        proxied += m->proxied;
    }
    assert_in_range(proxied, 300, 1000000);
    assert_in_range(acks, 1000, 1000000); /* it was not silence that held */
    free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(random_events)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
