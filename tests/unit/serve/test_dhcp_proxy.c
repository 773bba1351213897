/* A network where another server gives the addresses: what is said, to whom, and what is learnt. */
#include "serve/dhcp_sighting.h"

#include "dhcp_rig.h"

static const char proxy_fleet[] = "networks:\n"
                                  "  lab: {subnet: 10.77.0.0/24, gateway: 10.77.0.254, mode: proxy,\n"
                                  "        pool: 10.77.0.100-10.77.0.109}\n"
                                  "  far: {subnet: 10.77.9.0/24, gateway: 10.77.9.1, mode: proxy}\n"
                                  "  ours: {subnet: 10.88.0.0/24, pool: 10.88.0.100-10.88.0.109}\n"
                                  "nodes:\n"
                                  "  rack01: {mac: '52:54:00:77:01:03', ip: 10.77.0.131}\n"
                                  "  rack02: {mac: '52:54:00:77:02:01'}\n";
static const char bios[] = "PXEClient:Arch:00000:UNDI:002001";
static const char uefi[] = "PXEClient:Arch:00007:UNDI:003000";
static const char http[] = "HTTPClient:Arch:00016:UNDI:003000";

#define THEIR_SERVER RIG_IP(0, 2)
#define MACHINE_IP   RIG_IP(0, 146)

static struct rig_client machine(enum dhcp_type type, const char *class, unsigned arch)
{
    return (struct rig_client){
        .type = type, .mac = rig_mac("52:54:00:77:01:03"), .class = class, .arch = arch};
}

static struct rig_client selecting(const char *class, unsigned arch)
{
    struct rig_client c = machine(DHCP_REQUEST, class, arch);
    c.requested = MACHINE_IP;
    c.server = THEIR_SERVER;
    return c;
}

static struct rig_client at_4011(const char *class, unsigned arch, uint16_t port)
{
    struct rig_client c = machine(DHCP_REQUEST, class, arch);
    c.ciaddr = c.source_ip = MACHINE_IP;
    c.source_port = port;
    return c;
}

static const struct lease *heard(const struct rig *rig, uint32_t ip)
{
    const struct lease *lease = dhcp_machine_lease_by_ip(rig->machine, ip, rig->now_ms);
    if (lease)
        assert_int_equal(lease->state, LEASE_HEARD);
    return lease;
}

static void option_is(const struct rig *rig, enum dhcp_option code, const char *value, size_t size)
{
    assert_int_equal(rig->reply.option[code].size, size);
    assert_memory_equal(rig->reply.option[code].data, value, size);
}

static void silent(struct rig *rig, const struct rig_client *c)
{
    assert_true(rig_say(rig, c));
    assert_int_equal(rig_reply_type(rig), 0);
    assert_false(rig->actions.has_commit);
    assert_string_not_equal(rig->actions.note, "");
}

/* PXE 2.1, table 2-6: no address, no settings, for PXEClient, and the file. */
static void no_address_in(const struct rig *rig)
{
    static const enum dhcp_option theirs[] = {DHCP_OPTION_LEASE, DHCP_OPTION_T1,     DHCP_OPTION_T2,
                                              DHCP_OPTION_MASK,  DHCP_OPTION_ROUTER, DHCP_OPTION_HOSTNAME,
                                              DHCP_OPTION_DNS,   DHCP_OPTION_DOMAIN, DHCP_OPTION_BROADCAST};
    assert_int_equal(rig->reply.yiaddr, 0);
    assert_int_equal(rig->reply.siaddr, RIG_OUR_IP);
    for (size_t i = 0; i < sizeof theirs / sizeof theirs[0]; i++)
        assert_false(dhcp_has(&rig->reply, theirs[i]));
    assert_false(rig->actions.has_commit);
    option_is(rig, DHCP_OPTION_SERVER, "\12\115\0\1", 4);
}

static void offers(void **state)
{
    static const struct {
        const char *class;
        unsigned arch;
        bool ipxe;
        const char *vendor; /* option 43 */
    } firmware[] = {
        {bios, 0, false, "\6\1\10\377"}, {bios, 0, true, "\6\1\10\377"}, {uefi, 7, true, "\6\1\10\377"},
        {uefi, 7, false, NULL}, /* EDK2 would drop the offer */
        {uefi, 9, false, NULL},          {uefi, 11, false, NULL},        {http, 16, false, NULL},
    };
    struct rig rig;
    rig_init(&rig, proxy_fleet);
    for (size_t i = 0; i < sizeof firmware / sizeof firmware[0]; i++) {
        struct rig_client c = machine(DHCP_DISCOVER, firmware[i].class, firmware[i].arch);
        c.ipxe = firmware[i].ipxe;
        assert_true(rig_say(&rig, &c));
        assert_int_equal(rig_reply_type(&rig), DHCP_OFFER);
        no_address_in(&rig);
        assert_int_equal(rig.actions.send.way, DHCP_WAY_BROADCAST);
        assert_int_equal(rig.reply.flags, DHCP_FLAG_BROADCAST);
        option_is(&rig, DHCP_OPTION_CLASS, firmware[i].class, firmware[i].class == http ? 10 : 9);
        assert_int_equal(dhcp_has(&rig.reply, DHCP_OPTION_VENDOR), firmware[i].vendor != NULL);
        if (firmware[i].vendor)
            option_is(&rig, DHCP_OPTION_VENDOR, firmware[i].vendor, 4);
        assert_false(dhcp_has(&rig.reply, DHCP_OPTION_IPXE)); /* it must listen to us */
        assert_string_equal(rig.reply.file, "pxelinux.0");
        option_is(&rig, DHCP_OPTION_BOOT_FILE, "pxelinux.0", 11);
        assert_string_equal(rig_told(&rig, BOOT_EVENT_OFFER)->text,
                            "boot file only; another server gives the address");
        assert_int_equal(rig_told(&rig, BOOT_EVENT_OFFER)->ip, 0);
        assert_true(rig.ask.proxy && rig.ask_client.proxied);
        assert_int_equal(rig.ask.client_ip, 0);
        assert_int_equal(rig.ask.server_ip, RIG_OUR_IP);
    }
    assert_int_equal(rig.granted, 0);
    rig_fini(&rig);
}

static void who_gets_none(void **state)
{
    struct rig rig;
    struct rig_client c = machine(DHCP_DISCOVER, NULL, 0);
    rig_init(&rig, proxy_fleet);
    silent(&rig, &c); /* a booted system */
    assert_int_equal(rig.asks, 0);
    assert_int_equal(rig.actions.tell_count, 0);
    c = machine(DHCP_DISCOVER, uefi, 7); /* a stranger: told of, once */
    c.mac = rig_mac("02:00:00:00:00:09");
    silent(&rig, &c);
    assert_non_null(rig_told(&rig, BOOT_EVENT_UNKNOWN_MACHINE));
    silent(&rig, &c);
    assert_null(rig_told(&rig, BOOT_EVENT_UNKNOWN_MACHINE));
    c.source_port = 4011;
    c.type = DHCP_REQUEST;
    c.ciaddr = c.source_ip = MACHINE_IP;
    silent(&rig, &c);
    /* A node that cannot boot: no offer that leads nowhere, and the story says why. */
    rig.boot.file[0] = '\0';
    rig.boot.failed = true;
    snprintf(rig.boot.text, sizeof rig.boot.text, "no loader");
    c = machine(DHCP_DISCOVER, uefi, 7);
    silent(&rig, &c);
    assert_string_equal(rig_told(&rig, BOOT_EVENT_PLAN_FAILED)->text, "no loader");
    assert_non_null(rig_told(&rig, BOOT_EVENT_DISCOVER));
    assert_null(rig_told(&rig, BOOT_EVENT_OFFER));
    c = at_4011(uefi, 7, 4011);
    silent(&rig, &c);
    assert_string_equal(rig_told(&rig, BOOT_EVENT_PLAN_FAILED)->text, "no loader");
    rig_fini(&rig);
}

/* All that is between the machine and the server that gives it its address. */
static void not_ours_to_answer(void **state)
{
    static const enum dhcp_type types[] = {DHCP_REQUEST, DHCP_DECLINE, DHCP_RELEASE, DHCP_INFORM};
    struct rig rig;
    rig_init(&rig, proxy_fleet);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct rig_client c = machine(types[i], uefi, 7);
        c.requested = RIG_IP(0, 131); /* its reservation, and we are named: even so */
        c.server = RIG_OUR_IP;
        silent(&rig, &c);
        c.requested = RIG_IP(8, 131); /* of no network: no NAK */
        silent(&rig, &c);
        c.requested = c.server = 0;
        c.ciaddr = c.source_ip = RIG_IP(0, 131);
        c.unicast = true;
        silent(&rig, &c);
        assert_null(rig_told(&rig, BOOT_EVENT_RELEASE));
        assert_null(rig_told(&rig, BOOT_EVENT_DECLINE));
    }
    rig_fini(&rig);
}

/* PXE 2.1, section 2.2.5 and what is seen on the wire: UEFI asks from port 4011, iPXE from 68. */
static void asked_on_4011(void **state)
{
    struct rig rig;
    rig_init(&rig, proxy_fleet);
    for (unsigned round = 0; round < 3; round++) {
        struct rig_client c = round == 0 ? at_4011(uefi, 7, 4011) : at_4011("PXEClient", 0, 68);
        c.flag_broadcast = round > 0;
        c.type = round == 2 ? DHCP_INFORM : DHCP_REQUEST;
        assert_true(rig_say(&rig, &c));
        assert_int_equal(rig_reply_type(&rig), DHCP_ACK);
        no_address_in(&rig);
        assert_int_equal(rig.reply.ciaddr, MACHINE_IP);
        assert_int_equal(rig.reply.xid, 0xfeed);
        assert_int_equal(rig.actions.send.way, DHCP_WAY_ROUTED);
        assert_int_equal(rig.actions.send.ip, MACHINE_IP);
        assert_int_equal(rig.actions.send.port, round == 0 ? 4011 : 68);
        assert_int_equal(rig.actions.send.source_port, 4011);
        option_is(&rig, DHCP_OPTION_CLASS, "PXEClient", 9);
        assert_int_equal(dhcp_has(&rig.reply, DHCP_OPTION_VENDOR), round > 0);
        assert_string_equal(rig.reply.file, "pxelinux.0");
        assert_string_equal(rig_told(&rig, BOOT_EVENT_ACK)->text, "boot file pxelinux.0");
        assert_int_equal(rig_told(&rig, BOOT_EVENT_ACK)->ip, MACHINE_IP);
        assert_true(rig.ask.granted && rig.ask.proxy);
        assert_int_equal(rig.ask.client_ip, MACHINE_IP);
        assert_true(mac_equal(&heard(&rig, MACHINE_IP)->mac, &c.mac));
    }
    struct rig_client c = at_4011(uefi, 7, 4011);
    c.item = "\0\5\0\0"; /* a menu's item that it picked */
    assert_true(rig_say(&rig, &c));
    option_is(&rig, DHCP_OPTION_VENDOR, "\107\4\0\5\0\0\377", 7);
    rig_fini(&rig);
}

static void not_on_4011(void **state)
{
    struct rig rig;
    struct rig_client c = at_4011(uefi, 7, 4011);
    rig_init(&rig, proxy_fleet);
    c.source_ip = 0;
    assert_false(rig_say(&rig, &c)); /* nowhere to answer to */
    c = at_4011(uefi, 7, 4011);
    c.server = THEIR_SERVER;
    silent(&rig, &c);
    c = at_4011(uefi, 7, 4011);
    c.type = DHCP_DISCOVER;
    silent(&rig, &c);
    c = at_4011(NULL, 0, 4011);
    silent(&rig, &c);
    c = at_4011(uefi, 7, 4011);
    c.source_ip = 0x0a630001; /* 10.99.0.1: no network */
    c.ciaddr = 0;
    silent(&rig, &c);
    assert_null(heard(&rig, MACHINE_IP));
    rig_fini(&rig);
}

/* Where we give the addresses, port 4011 answers too: somebody else's option 60 may have sent it there. */
static void asked_on_4011_where_we_give(void **state)
{
    struct rig rig;
    struct rig_client c = at_4011(uefi, 7, 4011);
    rig_init(&rig, NULL);
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), DHCP_ACK);
    no_address_in(&rig);
    assert_false(rig.ask.proxy || rig.ask_client.proxied);
    assert_null(heard(&rig, MACHINE_IP)); /* here only a lease of ours counts */
    rig_fini(&rig);
}

/* The REQUEST to the other server says which address it will have. */
static void overheard(void **state)
{
    struct rig rig;
    struct rig_client c = selecting(bios, 0);
    rig_init(&rig, proxy_fleet);
    silent(&rig, &c);
    assert_true(mac_equal(&heard(&rig, MACHINE_IP)->mac, &c.mac));
    assert_int_equal(rig_told(&rig, BOOT_EVENT_REQUEST)->ip, MACHINE_IP);
    /* BIOS and iPXE boot by the offer: this is where they go on. UEFI asks on port 4011 first. */
    assert_int_equal(rig.granted, 1);
    assert_int_equal(rig.ask.client_ip, MACHINE_IP);
    c = selecting(uefi, 7);
    silent(&rig, &c);
    assert_int_equal(rig.granted, 1);
    c.requested = RIG_IP(0, 147); /* it has another one now */
    silent(&rig, &c);
    assert_null(heard(&rig, MACHINE_IP));
    assert_non_null(heard(&rig, RIG_IP(0, 147)));
    c = (struct rig_client){.type = DHCP_REQUEST,
                            .mac = rig_mac("02:00:00:00:00:05")}; /* the newest counts */
    c.requested = RIG_IP(0, 147);
    silent(&rig, &c);
    assert_true(mac_equal(&heard(&rig, RIG_IP(0, 147))->mac, &c.mac));
    rig.now_ms += DHCP_SIGHTING_MS - 1;
    assert_non_null(heard(&rig, RIG_IP(0, 147)));
    rig.now_ms += 1;
    assert_null(heard(&rig, RIG_IP(0, 147)));
    rig_fini(&rig);
}

static void booted_system_overheard(void **state)
{
    struct rig rig;
    struct rig_client c = selecting(NULL, 0);
    rig_init(&rig, proxy_fleet);
    silent(&rig, &c);
    assert_int_equal(rig_told(&rig, BOOT_EVENT_BOOTED)->ip, MACHINE_IP);
    assert_string_equal(rig_told(&rig, BOOT_EVENT_BOOTED)->text, "booted system");
    assert_int_equal(rig.asks, 0);
    c.requested = c.server = 0; /* rebinding: it goes on having it */
    c.ciaddr = RIG_IP(0, 148);
    silent(&rig, &c);
    assert_int_equal(rig.actions.tell_count, 0);
    assert_non_null(heard(&rig, RIG_IP(0, 148)));
    rig_fini(&rig);
}

static void not_believed(void **state)
{
    static const uint32_t never[] = {
        RIG_OUR_IP, RIG_IP(0, 254), RIG_IP(0, 255), RIG_IP(0, 0), RIG_IP(9, 146), 0x0a580064, 0};
    struct rig rig;
    rig_init(&rig, proxy_fleet);
    for (size_t i = 0; i < sizeof never / sizeof never[0]; i++) {
        struct rig_client c = selecting(bios, 0);
        c.requested = never[i];
        silent(&rig, &c);
        assert_null(heard(&rig, never[i]));
        assert_int_equal(dhcp_machine_size(rig.machine), 0);
    }
    struct rig_client c = selecting(bios, 0);
    c.unicast = true; /* to us alone: nobody else can have heard it, so nobody gives it the address */
    silent(&rig, &c);
    assert_null(heard(&rig, MACHINE_IP));
    c = at_4011(uefi, 7, 4011); /* says one address and comes from another */
    c.ciaddr = RIG_IP(0, 131);
    assert_true(rig_say(&rig, &c));
    assert_null(heard(&rig, MACHINE_IP));
    assert_null(heard(&rig, RIG_IP(0, 131)));
    rig_fini(&rig);
}

/* In a network of ours nothing is overheard, and a lease of ours ends what was. */
static void leases_count_more(void **state)
{
    struct rig rig;
    struct rig_client c = selecting(bios, 0);
    rig_init(&rig, NULL);
    assert_true(rig_say(&rig, &c));
    assert_null(heard(&rig, MACHINE_IP));
    rig_fini(&rig);
    rig_init(&rig, proxy_fleet);
    c.requested = RIG_IP(0, 131);
    silent(&rig, &c);
    assert_non_null(heard(&rig, RIG_IP(0, 131)));
    free(rig.fleet->networks[1].mode); /* "lab": from now on we give the addresses there */
    assert_string_equal(rig.fleet->networks[1].name, "lab");
    rig.fleet->networks[1].mode = NULL;
    struct rig_client ours = machine(DHCP_REQUEST, bios, 0);
    ours.requested = RIG_IP(0, 131);
    ours.server = RIG_OUR_IP;
    rig_acked(&rig, &ours, RIG_IP(0, 131));
    assert_int_equal(dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 131), rig.now_ms)->state, LEASE_BOUND);
    rig_fini(&rig);
}

static void clock_back(void **state)
{
    struct rig rig;
    struct rig_client c = selecting(bios, 0), other = machine(DHCP_DISCOVER, bios, 0);
    rig_init(&rig, proxy_fleet);
    silent(&rig, &c);
    rig.now_ms -= 5 * 3600000;
    assert_true(rig_say(&rig, &other)); /* it is noticed */
    rig.now_ms += DHCP_SIGHTING_MS;
    assert_null(heard(&rig, MACHINE_IP));
    rig_fini(&rig);
}

static void relayed(void **state)
{
    struct rig rig;
    struct rig_client c = machine(DHCP_DISCOVER, bios, 0);
    rig_init(&rig, proxy_fleet);
    c.giaddr = c.source_ip = RIG_IP(9, 1);
    c.unicast = true;
    c.circuit = "port 7";
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), DHCP_OFFER);
    no_address_in(&rig);
    assert_int_equal(rig.actions.send.way, DHCP_WAY_ROUTED);
    assert_int_equal(rig.actions.send.ip, RIG_IP(9, 1));
    assert_int_equal(rig.actions.send.port, 67);
    assert_int_equal(rig.reply.flags, DHCP_FLAG_BROADCAST); /* else the relay sends it to 0.0.0.0 */
    option_is(&rig, DHCP_OPTION_RELAY, "\1\6port 7", 8);
    struct rig_client wants = selecting(bios, 0);
    wants.giaddr = wants.source_ip = RIG_IP(9, 1);
    wants.unicast = true; /* as relays send */
    wants.requested = RIG_IP(9, 50);
    silent(&rig, &wants);
    assert_non_null(heard(&rig, RIG_IP(9, 50)));
    struct rig_client asks = at_4011(uefi, 7, 4011);
    asks.ciaddr = asks.source_ip = RIG_IP(9, 51);
    assert_true(rig_say(&rig, &asks));
    assert_int_equal(rig.actions.send.ip, RIG_IP(9, 51));
    assert_null(heard(&rig, RIG_IP(9, 50)));
    assert_non_null(heard(&rig, RIG_IP(9, 51)));
    rig_fini(&rig);
}

/* One server, one network of each kind. */
static void beside_a_network_of_ours(void **state)
{
    struct rig rig;
    struct rig_client c = machine(DHCP_DISCOVER, bios, 0);
    rig_init(&rig, proxy_fleet);
    c.interface = 1;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.reply.yiaddr & 0xffffff00, 0x0a580000);
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_CLASS));
    c.interface = 0;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.reply.yiaddr, 0);
    assert_true(dhcp_has(&rig.reply, DHCP_OPTION_CLASS));
    rig_fini(&rig);
}

/* A flood of claims takes a bounded amount of memory, and the newest ones are there. */
static void sightings_bounded(void **state)
{
    static const char wide[] = "networks: {wide: {subnet: 10.64.0.0/11, mode: proxy}}\n";
    struct rig rig;
    struct rig_client c = selecting(NULL, 0);
    rig_init(&rig, wide);
    for (uint32_t i = 0; i < DHCP_SIGHTINGS_MAX + 100; i++) {
        c.mac = (struct mac){{2, 0, 0, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
        c.requested = 0x0a500000 + i;
        assert_true(rig_say(&rig, &c));
    }
    assert_int_equal(dhcp_machine_size(rig.machine), DHCP_SIGHTINGS_MAX);
    assert_non_null(heard(&rig, 0x0a500000 + DHCP_SIGHTINGS_MAX + 99));
    assert_null(heard(&rig, 0x0a500001));
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offers),
        cmocka_unit_test(who_gets_none),
        cmocka_unit_test(not_ours_to_answer),
        cmocka_unit_test(asked_on_4011),
        cmocka_unit_test(not_on_4011),
        cmocka_unit_test(asked_on_4011_where_we_give),
        cmocka_unit_test(overheard),
        cmocka_unit_test(booted_system_overheard),
        cmocka_unit_test(not_believed),
        cmocka_unit_test(leases_count_more),
        cmocka_unit_test(clock_back),
        cmocka_unit_test(relayed),
        cmocka_unit_test(beside_a_network_of_ours),
        cmocka_unit_test(sightings_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
