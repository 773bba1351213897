/* What a boot ROM reads in our answers where we give the address, by firmware; and relays that stand for us.
 */
#include "dhcp_rig.h"

#define NODE "52:54:00:77:01:03"
static const char bios[] = "PXEClient:Arch:00000:UNDI:002001";
static const char uefi[] = "PXEClient:Arch:00007:UNDI:003000";
static const char http[] = "HTTPClient:Arch:00016:UNDI:003000";

static struct rig_client machine(enum dhcp_type type, const char *class, unsigned arch)
{
    struct rig_client c = {.type = type, .mac = rig_mac(NODE), .class = class, .arch = arch};
    if (type == DHCP_REQUEST) {
        c.requested = RIG_IP(0, 131);
        c.server = RIG_OUR_IP;
    }
    return c;
}

static void offered(struct rig *rig, const struct rig_client *c)
{
    assert_true(rig_say(rig, c));
    assert_int_equal(rig_reply_type(rig), DHCP_OFFER);
    assert_int_equal(rig->reply.yiaddr, RIG_IP(0, 131));
}

static void file_is(const struct rig *rig, const char *field, const char *option)
{
    struct slice value = rig->reply.option[DHCP_OPTION_BOOT_FILE];
    assert_string_equal(rig->reply.file, field);
    assert_int_equal(value.data != NULL, option != NULL);
    if (option) {
        assert_int_equal(value.size, strlen(option) + 1); /* its NUL, as EDK2 wants it */
        assert_memory_equal(value.data, option, value.size);
    }
}

/* Option 60 without a menu in 43 sends PXE to port 4011; HTTP Boot takes no offer without it. */
static void class_by_firmware(void **state)
{
    static const struct {
        const char *class;
        unsigned arch;
        const char *answer;
    } firmware[] = {{bios, 0, NULL},
                    {uefi, 7, NULL},
                    {uefi, 11, NULL},
                    {http, 16, "HTTPClient"},
                    {"HTTPClient:Arch:00019:UNDI:003000", 19, "HTTPClient"}};
    struct rig rig;
    rig_init(&rig, NULL);
    for (size_t i = 0; i < sizeof firmware / sizeof firmware[0]; i++) {
        struct rig_client c = machine(DHCP_DISCOVER, firmware[i].class, firmware[i].arch);
        offered(&rig, &c);
        struct slice class = rig.reply.option[DHCP_OPTION_CLASS];
        assert_int_equal(class.size, firmware[i].answer ? strlen(firmware[i].answer) : 0);
        if (firmware[i].answer)
            assert_memory_equal(class.data, firmware[i].answer, class.size);
        assert_false(dhcp_has(&rig.reply, DHCP_OPTION_VENDOR));
        assert_int_equal(rig.reply.siaddr, RIG_OUR_IP);
        assert_false(rig.ask.proxy);
        assert_int_equal(rig.ask.client_ip, RIG_IP(0, 131));
    }
    struct rig_client c = machine(DHCP_REQUEST, http, 16);
    assert_true(rig_say(&rig, &c));
    rig_commit(&rig, true);
    assert_true(rig.ask.granted);
    assert_memory_equal(rig.reply.option[DHCP_OPTION_CLASS].data, "HTTPClient", 10);
    /* Nothing to boot: an offer for HTTP without a URL is one that EDK2 throws away. */
    rig.boot.file[0] = '\0';
    c = machine(DHCP_DISCOVER, http, 16);
    offered(&rig, &c);
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_CLASS));
    file_is(&rig, "", NULL);
    rig_fini(&rig);
}

/* Storm control: no OFFER yet, and the story says why; the host is handed what it needs to have it answered
 * later. */
static void offer_waits(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    struct rig_client c = machine(DHCP_DISCOVER, bios, 0);
    rig.boot.waits = true;
    snprintf(rig.boot.text, sizeof rig.boot.text, "its OFFER waits: 64 machines are loading");
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), 0);
    assert_false(rig.actions.has_commit);
    assert_non_null(strstr(rig_told(&rig, BOOT_EVENT_DISCOVER)->text, "; its OFFER waits: 64 machines"));
    assert_null(rig_told(&rig, BOOT_EVENT_OFFER));
    assert_non_null(rig.ask.packet);
    rig.boot.waits = false;
    offered(&rig, &c);
    rig_fini(&rig);
}

/* The BOOTP field takes 127 bytes; option 67 takes the rest, asked for or not. */
static void long_names(void **state)
{
    char url[DHCP_BOOT_FILE_MAX];
    struct rig rig;
    rig_init(&rig, NULL);
    memset(url, 'x', sizeof url);
    memcpy(url, "http://10.77.0.1/", 17);
    for (size_t size = 126; size < sizeof url; size += size < 129 ? 1 : 125) {
        url[size] = '\0';
        memcpy(rig.boot.file, url, size + 1);
        struct rig_client c = machine(DHCP_DISCOVER, http, 16);
        offered(&rig, &c);
        file_is(&rig, size <= 127 ? url : "", url);
        c.asks_little = true; /* HTTP Boot has the option whatever it asks for */
        offered(&rig, &c);
        file_is(&rig, size <= 127 ? url : "", url);
        c = machine(DHCP_DISCOVER, uefi, 7);
        c.asks_little = true;
        offered(&rig, &c);
        file_is(&rig, size <= 127 ? url : "", size <= 127 ? NULL : url);
        assert_false(dhcp_has(&rig.reply, DHCP_OPTION_TFTP_SERVER));
        url[size] = 'x';
    }
    rig_fini(&rig);
}

/* iPXE waits for a proxy's offer unless it is told that there is none (ipxe.no-pxedhcp, 0xb0). */
static void ipxe_need_not_wait(void **state)
{
    struct rig rig;
    rig_init(&rig, NULL);
    assert_true(rig_sample(&rig, "ipxe-discover"));
    assert_int_equal(rig.reply.option[DHCP_OPTION_IPXE].size, 3);
    assert_memory_equal(rig.reply.option[DHCP_OPTION_IPXE].data, "\xb0\1\1", 3);
    assert_int_equal(rig.ask_client.features, PLAN_IPXE_HTTP | PLAN_IPXE_TFTP | PLAN_IPXE_BZIMAGE |
                                                  PLAN_IPXE_MULTIBOOT | PLAN_IPXE_PXE);
    rig.boot.file[0] = '\0'; /* we name none: a proxy may */
    assert_true(rig_sample(&rig, "ipxe-discover"));
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_IPXE));
    snprintf(rig.boot.file, sizeof rig.boot.file, "shimx64.efi");
    struct rig_client c = machine(DHCP_DISCOVER, uefi, 7);
    offered(&rig, &c);
    assert_false(dhcp_has(&rig.reply, DHCP_OPTION_IPXE));
    rig_fini(&rig);
}

/* OVMF's REQUEST says 65280; Ethernet carries 1500. */
static void answers_fit_ethernet(void **state)
{
    struct dhcp_sample sample;
    struct dhcp_message m;
    struct error err;
    uint16_t says = 0;
    dhcp_sample_read("ovmf-request", &sample);
    assert_int_equal(dhcp_message_decode(sample.data, sample.size, &m, &err), 0);
    assert_true(dhcp_get_u16(&m, DHCP_OPTION_MAX_SIZE, &says));
    assert_int_equal(says, 65280);
    assert_int_equal(dhcp_message_limit(&m), 1472);
}

/* RFC 5107, section 4: the relay's address is the server's, in what we answer and in what we are asked. */
static void relay_stands_in(void **state)
{
    const uint32_t relay = RIG_IP(9, 1);
    struct rig rig;
    struct rig_client c = {.type = DHCP_DISCOVER,
                           .mac = rig_mac("02:00:00:00:00:01"),
                           .giaddr = relay,
                           .source_ip = relay,
                           .unicast = true,
                           .stand_in = relay,
                           .circuit = "port 3"};
    uint32_t server = 0;
    rig_init(&rig, NULL);
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig_reply_type(&rig), DHCP_OFFER);
    assert_true(dhcp_get_u32(&rig.reply, DHCP_OPTION_SERVER, &server));
    assert_int_equal(server, relay);
    uint32_t ip = rig.reply.yiaddr;
    c.type = DHCP_REQUEST;
    c.requested = ip;
    c.server = relay;
    rig_acked(&rig, &c, ip);
    assert_true(dhcp_get_u32(&rig.reply, DHCP_OPTION_SERVER, &server));
    assert_int_equal(server, relay);
    /* The same words without the relay's say so: another server's. */
    c.stand_in = 0;
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_commit || rig.actions.has_send);
    c.stand_in = relay;
    c.server = RIG_IP(9, 2); /* it chose another server, which the relay does not stand for */
    assert_true(rig_say(&rig, &c));
    assert_false(rig.actions.has_commit || rig.actions.has_send);
    /* A renewal, which comes through the relay since the client takes it for the server. */
    c.stand_in = relay;
    c.requested = c.server = 0;
    c.ciaddr = ip;
    assert_true(rig_say(&rig, &c));
    rig_commit(&rig, true);
    assert_int_equal(rig_reply_type(&rig), DHCP_ACK);
    assert_int_equal(rig.actions.send.ip, relay);
    assert_true(dhcp_get_u32(&rig.reply, DHCP_OPTION_SERVER, &server));
    assert_int_equal(server, relay);
    c.type = DHCP_RELEASE;
    c.server = relay;
    assert_true(rig_say(&rig, &c));
    assert_int_equal(rig.actions.lease.state, LEASE_RELEASED);
    /* A boot file still comes from us. */
    struct rig_client node = machine(DHCP_DISCOVER, bios, 0);
    node.stand_in = RIG_IP(0, 250);
    offered(&rig, &node);
    assert_int_equal(rig.reply.siaddr, RIG_OUR_IP);
    rig_fini(&rig);
}

static void stranger_is_described(void **state)
{
    struct rig rig;
    rig_init(&rig, "networks: {lab: {subnet: 10.77.0.0/24}}\n");
    assert_true(rig_sample(&rig, "ipxe-discover"));
    assert_string_equal(rig_told(&rig, BOOT_EVENT_UNKNOWN_MACHINE)->text,
                        "bootherd node set NAME --mac 52:54:00:77:01:03 --image IMAGE; its UUID is "
                        "4c4c4544-0077-4000-8000-525400770103");
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_by_firmware),
        cmocka_unit_test(offer_waits),
        cmocka_unit_test(long_names),
        cmocka_unit_test(ipxe_need_not_wait),
        cmocka_unit_test(answers_fit_ethernet),
        cmocka_unit_test(relay_stands_in),
        cmocka_unit_test(stranger_is_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
