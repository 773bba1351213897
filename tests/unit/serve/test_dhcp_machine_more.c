/* Relays, endings, sharing, strangers, limits and bad input. */
#include "dhcp_rig.h"

static const char pool_mac[] = "02:00:00:00:00:01"; /* nobody's */

static struct rig_client client(const char *mac, enum dhcp_type type)
{
    return (struct rig_client){.type = type, .mac = rig_mac(mac)};
}

static void get_address(struct rig *rig, const char *mac, uint32_t ip)
{
    struct rig_client c = client(mac, DHCP_DISCOVER);
    assert_true(rig_say(rig, &c));
    assert_int_equal(rig->reply.yiaddr, ip);
    c.type = DHCP_REQUEST;
    c.requested = ip;
    c.server = RIG_OUR_IP;
    rig_acked(rig, &c, ip);
}

static void relayed(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = client(pool_mac, DHCP_DISCOVER);
    c.giaddr = c.source_ip = RIG_IP(9, 1);
    c.unicast = true;
    c.circuit = "port7";
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), DHCP_OFFER);
    uint32_t ip = rig.reply.yiaddr;
    assert_in_range(ip, RIG_IP(9, 50), RIG_IP(9, 59));
    assert_int_equal(rig.actions.send.way, DHCP_WAY_ROUTED);
    assert_int_equal(rig.actions.send.ip, RIG_IP(9, 1));
    assert_int_equal(rig.actions.send.port, 67);
    assert_int_equal(rig.reply.giaddr, RIG_IP(9, 1));
    assert_memory_equal(rig.reply.option[DHCP_OPTION_RELAY].data, "\x01\x05port7", 7);
    /* A NAK by a relay has the broadcast flag: RFC 2131, section 4.3.2. */
    c.type = DHCP_REQUEST;
    c.requested = RIG_POOL;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), DHCP_NAK);
    assert_int_equal(rig.reply.flags, DHCP_FLAG_BROADCAST);
    assert_int_equal(rig.actions.send.ip, RIG_IP(9, 1));
    assert_memory_equal(rig.reply.option[DHCP_OPTION_RELAY].data, "\x01\x05port7", 7);
    c.requested = ip;
    rig_acked(&rig, &c, ip);
    /* It renews through a router, without the relay. */
    struct rig_client renew = {
        .type = DHCP_REQUEST, .mac = c.mac, .ciaddr = ip, .source_ip = ip, .unicast = true};
    rig_acked(&rig, &renew, ip);
    assert_int_equal(rig.actions.send.ip, ip);
    renew.unicast = false; /* heard by all on our wire, so it stands here, where the address is wrong */
    assert_true(rig_say(&rig, &renew));
    assert_int_equal(rig_reply_type(&rig), DHCP_NAK);
    assert_int_equal(rig.actions.send.way, DHCP_WAY_BROADCAST);
    renew.unicast = true;
    renew.ciaddr = renew.source_ip = ip ^ 1;
    assert_true(rig_say(&rig, &renew));
    assert_int_equal(rig_reply_type(&rig), DHCP_NAK);
    assert_int_equal(rig.actions.send.way, DHCP_WAY_ROUTED); /* a broadcast would not get there */
    /* A relay that no network holds. */
    c.type = DHCP_DISCOVER;
    c.giaddr = 0x0a090001;
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_send);
    assert_non_null(strstr(rig.actions.note, "10.9.0.1"));
    rig_fini(&rig);
}

/* RFC 3527 and 3011: the subnet is named apart from the relay's own address. */
static void subnet_named(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = client(pool_mac, DHCP_DISCOVER);
    c.giaddr = RIG_IP(0, 250);
    c.link = RIG_IP(9, 0);
    assert_true(rig_say(&rig, &c));
    assert_in_range(rig.reply.yiaddr, RIG_IP(9, 50), RIG_IP(9, 59));
    assert_int_equal(rig.actions.send.ip, RIG_IP(0, 250)); /* the relay is where it is */
    c.link = 0;
    assert_true(rig_say(&rig, &c));
    assert_in_range(rig.reply.yiaddr, RIG_POOL, RIG_POOL + 9);
    c.giaddr = 0;
    c.subnet = RIG_IP(9, 0);
    assert_true(rig_say(&rig, &c));
    assert_in_range(rig.reply.yiaddr, RIG_IP(9, 50), RIG_IP(9, 59));
    assert_memory_equal(rig.reply.option[DHCP_OPTION_SUBNET].data, "\x0a\x4d\x09\x00", 4);
    rig_fini(&rig);
}

static void released(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    get_address(&rig, "52:54:00:77:01:03", RIG_IP(0, 131));
    struct rig_client c = client("52:54:00:77:01:03", DHCP_RELEASE);
    c.ciaddr = RIG_IP(0, 131);
    c.server = RIG_IP(0, 2);
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_commit); /* another server's */
    c.server = RIG_OUR_IP;
    c.mac = rig_mac(pool_mac);
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_commit); /* another machine's */
    c.mac = rig_mac("52:54:00:77:01:03");
    assert_true(rig_say(&rig, &c));
    assert_true(rig.actions.has_commit);
    assert_false(rig.actions.has_send);
    assert_int_equal(rig.actions.lease.state, LEASE_RELEASED);
    assert_non_null(rig_told(&rig, BOOT_EVENT_RELEASE));
    assert_null(dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 131), rig.now_ms));
    rig_commit(&rig, true);
    assert_false(rig.actions.has_send);
    rig_fini(&rig);
}

static void declined(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    get_address(&rig, "52:54:00:77:01:03", RIG_IP(0, 131));
    struct rig_client c = client("52:54:00:77:01:03", DHCP_DECLINE);
    c.server = RIG_OUR_IP;
    assert_false(rig_say(&rig, &c)); /* which address? */
    c.requested = RIG_IP(0, 12);
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_commit); /* not its own */
    c.requested = RIG_IP(0, 131);
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.actions.lease.state, LEASE_DECLINED);
    assert_non_null(strstr(rig_told(&rig, BOOT_EVENT_DECLINE)->text, "10.77.0.131"));
    assert_null(dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 131), rig.now_ms));
    /* For ten minutes it gets one of the pool, and then its own again. */
    struct rig_client discover = client("52:54:00:77:01:03", DHCP_DISCOVER);
    rig.now_ms += DHCP_DECLINE_MS - 1;
    assert_true(rig_say(&rig, &discover));
    assert_in_range(rig.reply.yiaddr, RIG_POOL, RIG_POOL + 9);
    rig.now_ms += 2;
    assert_true(rig_say(&rig, &discover));
    assert_int_equal(rig.reply.yiaddr, RIG_IP(0, 131));
    rig_fini(&rig);
}

static void informed(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = client("52:54:00:77:01:03", DHCP_INFORM);
    c.ciaddr = RIG_IP(0, 77);
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), DHCP_ACK);
    assert_false(rig.actions.has_commit);
    assert_int_equal(rig.actions.send.way, DHCP_WAY_ROUTED);
    assert_int_equal(rig.actions.send.ip, RIG_IP(0, 77));
    assert_int_equal(rig.reply.yiaddr, 0);
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_LEASE)); /* RFC 2131, section 4.3.5 */
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_T1));
    assert_true(dhcp_has(&rig.reply, DHCP_OPTION_DNS));
    c.ciaddr = 0xc0a80001; /* not a mirror for other networks */
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_send);
    c.ciaddr = 0;
    assert_false(rig_say(&rig, &c));
    rig_fini(&rig);
}

/* A node's cards have its address one at a time: a boot takes it over, a renewal does not. */
static void shared_by_cards(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    get_address(&rig, "52:54:00:77:02:01", RIG_IP(0, 12));
    get_address(&rig, "52:54:00:77:02:02", RIG_IP(0, 12));
    struct rig_client renew = client("52:54:00:77:02:01", DHCP_REQUEST);
    renew.ciaddr = RIG_IP(0, 12);
    renew.unicast = true;
    assert_true(rig_say(&rig, &renew));
    assert_int_equal(rig_reply_type(&rig), DHCP_NAK);
    renew.mac = rig_mac("52:54:00:77:02:02");
    rig_acked(&rig, &renew, RIG_IP(0, 12));
    get_address(&rig, "52:54:00:77:02:01", RIG_IP(0, 12));
    rig_fini(&rig);
}

/* A reservation made while a stranger holds the address: its lease is kept, the node waits in the pool. */
static void reservation_held_by_another(void **state)
{
    struct rig rig;
    struct lease lease = {.mac = rig_mac(pool_mac),
                          .ip = RIG_IP(0, 131),
                          .state = LEASE_BOUND,
                          .start_ms = RIG_START_MS,
                          .expires_ms = RIG_START_MS + RIG_LEASE_MS};
    rig_init(&rig, NULL);
    dhcp_machine_load(rig.machine, &lease, rig.now_ms);
    struct rig_client c = client("52:54:00:77:01:03", DHCP_DISCOVER), renew = client(pool_mac, DHCP_REQUEST);
    assert_true(rig_say(&rig, &c));
    assert_in_range(rig.reply.yiaddr, RIG_POOL, RIG_POOL + 9);
    renew.ciaddr = RIG_IP(0, 131); /* it may not have it any longer */
    assert_true(rig_say(&rig, &renew));
    assert_int_equal(rig_reply_type(&rig), DHCP_NAK);
    rig.now_ms += RIG_LEASE_MS;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.reply.yiaddr, RIG_IP(0, 131));
    rig_fini(&rig);
}

static void loaded(void **state)
{
    struct rig rig;
    struct lease lease = {.mac = rig_mac(pool_mac),
                          .ip = RIG_POOL + 2,
                          .state = LEASE_BOUND,
                          .start_ms = RIG_START_MS - 5,
                          .expires_ms = RIG_START_MS + 1000};
    rig_init(&rig, NULL);
    dhcp_machine_load(rig.machine, &lease, rig.now_ms);
    lease.mac = rig_mac("02:00:00:00:00:09");
    lease.start_ms -= 1000; /* an older claim to the same address */
    dhcp_machine_load(rig.machine, &lease, rig.now_ms);
    struct rig_client c = client(pool_mac, DHCP_DISCOVER);
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.reply.yiaddr, RIG_POOL + 2);
    lease.ip = 0;
    dhcp_machine_load(rig.machine, &lease, rig.now_ms);
    rig_fini(&rig);
}

/* `node set` and `serve` are enough: the network is the interface's own. */
static void no_network_named(void **state)
{
    static const char fleet[] = "nodes:\n  r1:\n    mac: 02:00:00:00:00:11\n    ip: 10.88.0.14\n"
                                "  r2:\n    mac: 02:00:00:00:00:12\n    ip: 10.77.0.14\n"
                                "  r3:\n    mac: 02:00:00:00:00:13\n";
    struct rig rig;
    rig_init(&rig, fleet);
    struct rig_client c = client("02:00:00:00:00:11", DHCP_DISCOVER);
    c.interface = 1;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.reply.yiaddr, 0x0a58000e);
    assert_memory_equal(rig.reply.option[DHCP_OPTION_MASK].data, "\xff\xff\xff\x00", 4);
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_ROUTER));
    c.mac = rig_mac("02:00:00:00:00:12"); /* its address is for the other wire */
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_send);
    assert_non_null(strstr(rig_told(&rig, BOOT_EVENT_DISCOVER)->text, "10.88.0.0/24"));
    c.mac = rig_mac("02:00:00:00:00:13");
    assert_true(rig_say(&rig, &c));
    assert_non_null(strstr(rig_told(&rig, BOOT_EVENT_DISCOVER)->text, "bootherd node set r3 --ip"));
    /* Unknown: silence on the wire, and once a minute the command that changes it. */
    c.mac = rig_mac(pool_mac);
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_send);
    assert_string_equal(rig_told(&rig, BOOT_EVENT_UNKNOWN_MACHINE)->text,
                        "bootherd node set NAME --mac 02:00:00:00:00:01 --image IMAGE");
    rig.now_ms += 59000;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.actions.tell_count, 0);
    rig.now_ms += 1000;
    assert_true(rig_say(&rig, &c));
    assert_non_null(rig_told(&rig, BOOT_EVENT_UNKNOWN_MACHINE));
    rig.now_ms -= 3600000; /* a clock set back is no hour of silence */
    assert_true(rig_say(&rig, &c));
    assert_non_null(rig_told(&rig, BOOT_EVENT_UNKNOWN_MACHINE));
    rig_fini(&rig);
}

/* A network that names its interface is served there and nowhere else. */
static void network_names_interface(void **state)
{
    static const char fleet[] = "networks:\n"
                                "  here:\n    subnet: 10.77.0.0/24\n    interface: eth9\n"
                                "    pool: 10.77.0.100-10.77.0.109\n"
                                "  there:\n    subnet: 10.66.0.0/24\n    interface: eth1\n"
                                "    pool: 10.66.0.7-10.66.0.7\n";
    struct rig rig;
    rig_init(&rig, fleet);
    struct rig_client c = client(pool_mac, DHCP_DISCOVER);
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_send);
    c.interface = 1;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.reply.yiaddr, 0x0a420007);
    rig_fini(&rig);
}

/* Addresses no host may have: ours, the gateway's, the first and the last of the subnet. */
static void barred(void **state)
{
    static const char fleet[] =
        "networks:\n  lab:\n    subnet: 10.77.0.0/24\n    pool: 10.77.0.1-10.77.0.3\n";
    static const char nodes[] = "nodes:\n  r1:\n    mac: 02:00:00:00:00:11\n    ip: 10.88.0.1\n"
                                "  r2:\n    mac: 02:00:00:00:00:12\n    ip: 10.88.0.0\n"
                                "  r3:\n    mac: 02:00:00:00:00:13\n    ip: 10.88.0.255\n";
    struct rig rig;
    rig_init(&rig, fleet);
    rig.fleet->networks[0].gateway = RIG_IP(0, 2);
    for (unsigned i = 1; i <= 9; i++) {
        struct rig_client c = {.type = DHCP_DISCOVER, .mac = {{2, 7, 0, 0, 0, (uint8_t)i}}};
        assert_true(rig_say(&rig, &c));
        assert_int_equal(rig.actions.has_send, i == 1);
        assert_int_equal(rig.reply.yiaddr, i == 1 ? RIG_IP(0, 3) : 0);
    }
    rig_fini(&rig);
    rig_init(&rig, nodes);
    for (unsigned i = 1; i <= 3; i++) {
        struct rig_client c = {
            .type = DHCP_DISCOVER, .interface = 1, .mac = {{2, 0, 0, 0, 0, (uint8_t)(0x10 + i)}}};
        assert_true(rig_say(&rig, &c));
        assert_false(rig.actions.has_send);
        assert_non_null(rig_told(&rig, BOOT_EVENT_DISCOVER));
    }
    rig_fini(&rig);
}

/* An offer that was taken is a lease, and an offer no longer. */
static void memory_of_one(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = client(pool_mac, DHCP_DISCOVER);
    assert_true(rig_say(&rig, &c));
    get_address(&rig, pool_mac, rig.reply.yiaddr);
    assert_int_equal(dhcp_machine_size(rig.machine), 1);
    rig_fini(&rig);
}

static void flood(void **state)
{
    struct rig rig;
    unsigned told = 0, offers = 0;
    rig_init(&rig, NULL);
    for (unsigned i = 0; i < 20000; i++) {
        struct rig_client c = {.type = DHCP_DISCOVER, .interface = i & 1};
        c.mac = (struct mac){{2, 9, 0, 0, (uint8_t)(i >> 8), (uint8_t)i}};
        assert_true(rig_say(&rig, &c));
        told += rig.actions.tell_count;
        offers += rig.actions.has_send;
    }
    assert_int_equal(offers, 9); /* the pool, less the reservation in it */
    assert_int_equal(told, 10);  /* all in one second */
    assert_int_equal(dhcp_machine_size(rig.machine), 9);
    /* A node of ours is served all the same. */
    get_address(&rig, "52:54:00:77:01:03", RIG_IP(0, 131));
    rig_fini(&rig);
}

static void clock_goes_back(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    get_address(&rig, "52:54:00:77:01:03", RIG_IP(0, 131));
    struct rig_client a = client(pool_mac, DHCP_DISCOVER), b = client("02:00:00:00:00:02", DHCP_DISCOVER);
    assert_true(rig_say(&rig, &a));
    b.requested = rig.reply.yiaddr;
    rig.now_ms -= 365 * 24 * 3600000LL;
    assert_non_null(dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 131), rig.now_ms));
    assert_true(rig_say(&rig, &b));
    assert_int_not_equal(rig.reply.yiaddr, b.requested); /* still on offer to another */
    rig.now_ms += DHCP_OFFER_MS + 1;
    b.mac = rig_mac("02:00:00:00:00:03");
    assert_true(rig_say(&rig, &b));
    assert_int_equal(rig.reply.yiaddr, b.requested); /* but not for a year */
    rig_fini(&rig);
}

/* Each of these is told as malformed, and nothing else happens. */
static void malformed(void **state)
{
    struct rig rig;
    struct dhcp_sample good, bad;
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {0, 2},     /* a reply */
        {1, 32},    /* Infiniband */
        {2, 5},     /* a short address */
        {28, 0x01}, /* a group's address as chaddr */
        {236, 0},   /* no cookie */
        {240, 54},  /* no type, and a server identifier of one byte */
        {242, 2},   /* type OFFER */
        {242, 0},   /* no type there is */
        {242, 9},   /* nor there */
    };
    rig_init(&rig, NULL);
    dhcp_sample_read("ipxe-discover", &good);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        bad = good;
        bad.data[changes[i].at] = changes[i].value;
        if (rig_packet(&rig, bad.data, bad.size, 0, 0, false))
            fail_msg("byte %zu = %u was taken", changes[i].at, changes[i].value);
        assert_false(rig.actions.has_send || rig.actions.has_commit || rig.actions.tell_count);
    }
    assert_false(rig_packet(&rig, good.data, 0, 0, 0, false));
    assert_true(rig_packet(&rig, good.data, good.size, 0, 0, false));
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(relayed),
        cmocka_unit_test(subnet_named),
        cmocka_unit_test(released),
        cmocka_unit_test(declined),
        cmocka_unit_test(informed),
        cmocka_unit_test(shared_by_cards),
        cmocka_unit_test(reservation_held_by_another),
        cmocka_unit_test(loaded),
        cmocka_unit_test(no_network_named),
        cmocka_unit_test(flood),
        cmocka_unit_test(network_names_interface),
        cmocka_unit_test(barred),
        cmocka_unit_test(memory_of_one),
        cmocka_unit_test(clock_goes_back),
        cmocka_unit_test(malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
