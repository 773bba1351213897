/* One client at a time, by the states of RFC 2131, figure 5 and section 4.3. */
#include "dhcp_rig.h"

static const char pool_mac[] = "02:00:00:00:00:01"; /* nobody's */

static struct rig_client client(const char *mac, enum dhcp_type type)
{
    return (struct rig_client){.type = type, .mac = rig_mac(mac)};
}

static struct rig_client selecting(const char *mac, uint32_t ip)
{
    struct rig_client c = client(mac, DHCP_REQUEST);
    c.requested = ip;
    c.server = RIG_OUR_IP;
    return c;
}

static uint32_t offered(struct rig *rig, const char *mac)
{
    struct rig_client c = client(mac, DHCP_DISCOVER);
    assert_true(rig_say(rig, &c));
    assert_int_equal(rig_reply_type(rig), DHCP_OFFER);
    return rig->reply.yiaddr;
}

static void bind_to(struct rig *rig, const char *mac, uint32_t ip)
{
    struct rig_client c = selecting(mac, ip);
    assert_int_equal(offered(rig, mac), ip);
    rig_acked(rig, &c, ip);
}

static void same_option(const struct dhcp_message *a, const struct dhcp_message *b, enum dhcp_option code)
{
    assert_int_equal(a->option[code].size, b->option[code].size);
    assert_memory_equal(a->option[code].data, b->option[code].data, a->option[code].size);
}

/* What dnsmasq answered to the same packet on the same network is there with the same values. */
static void like_dnsmasq(const struct rig *rig, const char *name)
{
    static const enum dhcp_option codes[] = {DHCP_OPTION_TYPE,  DHCP_OPTION_SERVER, DHCP_OPTION_LEASE,
                                             DHCP_OPTION_T1,    DHCP_OPTION_T2,     DHCP_OPTION_MASK,
                                             DHCP_OPTION_ROUTER};
    struct dhcp_sample sample;
    struct dhcp_message theirs;
    struct error err;
    dhcp_sample_read(name, &sample);
    assert_int_equal(dhcp_message_decode(sample.data, sample.size, &theirs, &err), 0);
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        same_option(&rig->reply, &theirs, codes[i]);
    /* The fixed part up to sname; dnsmasq copies secs (8, 9), which RFC 2131, table 3 wants zero. */
    assert_memory_equal(rig->actions.send.bytes, sample.data, 8);
    assert_memory_equal(rig->actions.send.bytes + 10, sample.data + 10, 34);
    assert_memory_equal(rig->reply.option[DHCP_OPTION_BOOT_FILE].data, "pxelinux.0", 10);
}

static void ipxe_boots(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    assert_true(rig_sample(&rig, "ipxe-discover"));
    like_dnsmasq(&rig, "dnsmasq-offer-ipxe");
    assert_int_equal(rig.actions.send.way, DHCP_WAY_RAW);
    assert_int_equal(rig.actions.send.ip, RIG_IP(0, 131));
    assert_int_equal(rig.actions.send.interface_index, 2);
    assert_string_equal(rig.reply.file, "pxelinux.0");
    assert_memory_equal(rig.reply.option[DHCP_OPTION_HOSTNAME].data, "rack01", 6);
    assert_true(dhcp_has(&rig.reply, DHCP_OPTION_UUID));
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_CLASS));
    assert_string_equal(rig_told(&rig, BOOT_EVENT_DISCOVER)->text, "PXE, BIOS, iPXE ROM");
    assert_non_null(rig_told(&rig, BOOT_EVENT_OFFER));
    struct dhcp_send first = rig.actions.send;
    assert_true(rig_sample(&rig, "ipxe-discover"));
    assert_memory_equal(&first, &rig.actions.send, sizeof first);
    assert_true(rig_sample(&rig, "ipxe-request"));
    assert_int_equal(rig_reply_type(&rig), 0);
    assert_string_equal(rig.actions.lease.hostname, "rack01");
    assert_int_equal(rig.actions.lease.expires_ms, RIG_START_MS + RIG_LEASE_MS);
    assert_non_null(rig_told(&rig, BOOT_EVENT_REQUEST));
    struct dhcp_actions request = rig.actions;
    assert_true(rig_sample(&rig, "ipxe-request")); /* its copy */
    assert_false(rig.actions.has_commit);
    rig.actions = request;
    rig_commit(&rig, true);
    like_dnsmasq(&rig, "dnsmasq-ack-ipxe");
    assert_string_equal(rig_told(&rig, BOOT_EVENT_ACK)->text, "boot file pxelinux.0");
    assert_int_equal(rig_told(&rig, BOOT_EVENT_ACK)->ip, RIG_IP(0, 131));
    /* The booted system: same address, its name, nothing to boot, and the boot is over. */
    assert_true(rig_sample(&rig, "udhcpc-discover"));
    assert_int_equal(rig.reply.yiaddr, RIG_IP(0, 131));
    assert_string_equal(rig.reply.file, "");
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_BOOT_FILE));
    assert_int_equal(rig.reply.siaddr, 0);
    assert_true(dhcp_has(&rig.reply, DHCP_OPTION_NTP)); /* it asked for 42 */
    assert_true(rig_sample(&rig, "udhcpc-request"));
    rig_commit(&rig, true);
    assert_int_equal(rig_reply_type(&rig), DHCP_ACK);
    assert_non_null(rig_told(&rig, BOOT_EVENT_BOOTED));
    assert_null(rig_told(&rig, BOOT_EVENT_ACK));
    rig_fini(&rig);
}

/* The host's own words for the boot file; a message on the screen is none. */
static void acks_are_told(void **state)
{
    static const struct {
        bool failed;
        const char *text, *told;
    } acks[] = {{false, "boot file x.efi, since y failed", "boot file x.efi, since y failed"},
                {true, "iPXE went round", "boot file pxelinux.0"},
                {false, "", "boot file pxelinux.0"}};
    for (size_t i = 0; i < sizeof acks / sizeof acks[0]; i++) {
        struct rig rig;
        rig_init(&rig, NULL);
        rig.boot.failed = acks[i].failed;
        snprintf(rig.boot.text, sizeof rig.boot.text, "%s", acks[i].text);
        assert_true(rig_sample(&rig, "ipxe-discover"));
        assert_true(rig_sample(&rig, "ipxe-request"));
        rig_commit(&rig, true);
        assert_string_equal(rig_told(&rig, BOOT_EVENT_ACK)->text, acks[i].told);
        rig_fini(&rig);
    }
}

static void ovmf_is_answered_by_broadcast(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    assert_true(rig_sample(&rig, "ovmf-discover"));
    assert_int_equal(rig_reply_type(&rig), DHCP_OFFER);
    assert_int_equal(rig.actions.send.way, DHCP_WAY_BROADCAST);
    assert_int_equal(rig.reply.flags, DHCP_FLAG_BROADCAST);
    assert_string_equal(rig_told(&rig, BOOT_EVENT_DISCOVER)->text, "PXE, UEFI x86-64");
    rig.boot.failed = true;
    rig.boot.file[0] = '\0';
    snprintf(rig.boot.text, sizeof rig.boot.text, "no loader for it");
    assert_true(rig_sample(&rig, "ovmf-discover"));
    assert_int_equal(rig_reply_type(&rig), DHCP_OFFER); /* the address all the same */
    assert_string_equal(rig_told(&rig, BOOT_EVENT_PLAN_FAILED)->text, "no loader for it");
    rig_fini(&rig);
}

static void no_disk_no_ack(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = selecting("52:54:00:77:01:03", RIG_IP(0, 131));
    assert_true(rig_say(&rig, &c));
    rig_commit(&rig, false);
    assert_int_equal(rig_reply_type(&rig), 0);
    assert_int_equal(rig.actions.tell_count, 0);
    assert_null(dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 131), rig.now_ms));
    rig_acked(&rig, &c, RIG_IP(0, 131)); /* it asks again */
    /* A disk that never answers: the wait ends, and a late answer means nothing. */
    assert_true(rig_say(&rig, &c));
    uint64_t token = rig.actions.token;
    rig.now_ms += DHCP_WAITING_MS + 1;
    dhcp_machine_tick(rig.machine, rig.now_ms);
    dhcp_machine_committed(rig.machine, token, true, rig.now_ms, &rig.actions);
    assert_false(rig.actions.has_send);
    rig_fini(&rig);
}

static void pool_address_stays(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    uint32_t ip = offered(&rig, pool_mac);
    assert_in_range(ip, RIG_POOL, RIG_POOL + 9);
    assert_int_equal(offered(&rig, pool_mac), ip);
    struct rig_client c = selecting(pool_mac, ip);
    rig_acked(&rig, &c, ip);
    rig.now_ms += 10 * RIG_LEASE_MS; /* long over, but nobody else wanted it */
    assert_null(dhcp_machine_lease_by_ip(rig.machine, ip, rig.now_ms));
    assert_int_equal(offered(&rig, pool_mac), ip);
    rig_fini(&rig);
    rig_init(&rig, NULL); /* all forgotten: still the same */
    assert_int_equal(offered(&rig, pool_mac), ip);
    rig_fini(&rig);
}

static void pool_used_up(void **state)
{
    struct rig rig;
    char mac[] = "02:00:00:00:01:00";
    rig_init(&rig, NULL);
    for (unsigned i = 0; i < 9; i++) { /* ten, of which one is rack08's */
        mac[16] = (char)('0' + i);
        uint32_t ip = offered(&rig, mac);
        assert_int_not_equal(ip, RIG_IP(0, 105));
        bind_to(&rig, mac, ip);
    }
    struct rig_client late = client(pool_mac, DHCP_DISCOVER),
                      node = client("52:54:00:77:03:01", DHCP_DISCOVER);
    assert_true(rig_say(&rig, &late));
    assert_int_equal(rig_reply_type(&rig), 0);
    assert_non_null(strstr(rig_told(&rig, BOOT_EVENT_UNKNOWN_MACHINE)->text, "used up; make it larger"));
    assert_true(rig_say(&rig, &node));
    assert_int_equal(rig_reply_type(&rig), 0);
    assert_non_null(strstr(rig_told(&rig, BOOT_EVENT_DISCOVER)->text, "used up"));
    rig.now_ms += RIG_LEASE_MS + 1;
    assert_true(rig_say(&rig, &late));
    assert_int_equal(rig_reply_type(&rig), DHCP_OFFER);
    rig_fini(&rig);
}

static void offers_end(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    uint32_t ip = offered(&rig, pool_mac);
    struct rig_client other = client("02:00:00:00:00:02", DHCP_DISCOVER), c = selecting(pool_mac, ip);
    other.requested = ip;
    assert_true(rig_say(&rig, &other));
    assert_int_not_equal(rig.reply.yiaddr, ip);
    c.server = RIG_IP(0, 2); /* it takes another server's offer */
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), 0);
    assert_false(rig.actions.has_commit);
    other.mac = rig_mac("02:00:00:00:00:03");
    assert_true(rig_say(&rig, &other)); /* free, and it asked for it */
    assert_int_equal(rig.reply.yiaddr, ip);
    rig.now_ms += DHCP_OFFER_MS + 1;
    other.mac = rig_mac("02:00:00:00:00:04");
    assert_true(rig_say(&rig, &other));
    assert_int_equal(rig.reply.yiaddr, ip);
    rig_fini(&rig);
}

static void naked(struct rig *rig, const struct rig_client *c)
{
    assert_true(rig_say(rig, c));
    assert_int_equal(rig_reply_type(rig), DHCP_NAK);
    assert_false(rig->actions.has_commit);
    assert_int_equal(rig->reply.yiaddr, 0);
    assert_int_equal(rig->reply.ciaddr, 0);
    assert_false(dhcp_has(&rig->reply, DHCP_OPTION_LEASE));
}

static void silent(struct rig *rig, const struct rig_client *c)
{
    assert_true(rig_say(rig, c));
    assert_int_equal(rig_reply_type(rig), 0);
    assert_false(rig->actions.has_commit);
    assert_string_not_equal(rig->actions.note, "");
}

/* RFC 2131, section 4.3.2, SELECTING. */
static void selecting_wrong(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = selecting("52:54:00:77:01:03", RIG_IP(0, 12));
    naked(&rig, &c); /* rack02's */
    assert_int_equal(rig.actions.send.way, DHCP_WAY_BROADCAST);
    assert_non_null(rig_told(&rig, BOOT_EVENT_NAK));
    c.requested = RIG_OUR_IP;
    naked(&rig, &c);
    c.requested = 0;
    assert_false(rig_say(&rig, &c));
    rig_fini(&rig);
}

/* RFC 2131, section 4.3.2, INIT-REBOOT. */
static void init_reboot(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = client("52:54:00:77:01:03", DHCP_REQUEST);
    c.requested = RIG_IP(0, 131);
    rig_acked(&rig, &c, RIG_IP(0, 131));
    c.requested = RIG_IP(0, 130);
    naked(&rig, &c);
    c.requested = 0xc0a80005; /* another network */
    naked(&rig, &c);
    /* A stranger where we have a pool: a free pool address is as good as any, others are refused. */
    c.mac = rig_mac(pool_mac);
    c.requested = RIG_POOL + 1;
    rig_acked(&rig, &c, RIG_POOL + 1);
    c.mac = rig_mac("02:00:00:00:00:02");
    naked(&rig, &c);
    c.requested = RIG_IP(0, 105); /* reserved for rack08, though within the pool */
    naked(&rig, &c);
    c.requested = 0xc0a80005;
    naked(&rig, &c);
    /* A stranger where we have none: somebody else's business. */
    c.interface = 1;
    silent(&rig, &c);
    c.requested = 0x0a580005;
    silent(&rig, &c);
    rig_fini(&rig);
}

static void renewing(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    bind_to(&rig, "52:54:00:77:01:03", RIG_IP(0, 131));
    rig.now_ms += RIG_LEASE_MS / 2;
    struct rig_client c = client("52:54:00:77:01:03", DHCP_REQUEST);
    c.ciaddr = c.source_ip = RIG_IP(0, 131);
    c.unicast = true;
    rig_acked(&rig, &c, RIG_IP(0, 131));
    assert_int_equal(rig.actions.send.way, DHCP_WAY_ROUTED);
    assert_int_equal(rig.actions.send.ip, RIG_IP(0, 131));
    assert_int_equal(rig.actions.send.port, 68);
    assert_int_equal(rig.reply.ciaddr, RIG_IP(0, 131));
    assert_int_equal(rig.actions.tell_count, 0); /* no step of a boot */
    const struct lease *lease = dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 131), rig.now_ms);
    assert_int_equal(lease->start_ms, RIG_START_MS);
    assert_int_equal(lease->expires_ms, RIG_START_MS + RIG_LEASE_MS + RIG_LEASE_MS / 2);
    c.unicast = false; /* rebinding */
    c.flag_broadcast = true;
    rig_acked(&rig, &c, RIG_IP(0, 131));
    assert_int_equal(rig.actions.send.way, DHCP_WAY_ROUTED); /* ciaddr goes before the flag: section 4.1 */
    c.ciaddr = RIG_IP(0, 133);
    naked(&rig, &c);
    assert_int_equal(rig.actions.send.way, DHCP_WAY_BROADCAST);
    c.mac = rig_mac(pool_mac);
    c.interface = 1;
    silent(&rig, &c);
    c.ciaddr = 0;
    assert_false(rig_say(&rig, &c)); /* no address anywhere */
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ipxe_boots),         cmocka_unit_test(ovmf_is_answered_by_broadcast),
        cmocka_unit_test(acks_are_told),      cmocka_unit_test(no_disk_no_ack),
        cmocka_unit_test(pool_address_stays), cmocka_unit_test(pool_used_up),
        cmocka_unit_test(offers_end),         cmocka_unit_test(selecting_wrong),
        cmocka_unit_test(init_reboot),        cmocka_unit_test(renewing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
