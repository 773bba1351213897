/*
 * Real machines, packet by packet: what they said on the wire when they booted from a reference server
 * (dnsmasq), and that what we answer means the same. The packets are seeds "wire-BOOT-NN-WHO" in
 * tests/fuzz/corpus/dhcp; `other` is a second DHCP server beside the proxy.
 */
#include "dhcp_rig.h"

static const char wire_fleet[] = "networks:\n"
                                 "  lab:\n"
                                 "    subnet: 10.77.0.0/24\n"
                                 "    gateway: 10.77.0.1\n"
                                 "    lease: 1h\n"
                                 "    mode: %s\n"
                                 "nodes:\n"
                                 "  xen: {mac: '52:54:00:77:01:01', ip: 10.77.0.129}\n"
                                 "  linux: {mac: '52:54:00:77:01:03', ip: 10.77.0.131}\n"
                                 "  lpxelinux: {mac: '52:54:00:77:01:06', ip: 10.77.0.134}\n"
                                 "  mboot: {mac: '52:54:00:77:01:08', ip: 10.77.0.136}\n"
                                 "  snponly: {mac: '52:54:00:77:01:0a', ip: 10.77.0.138}\n"
                                 "  http: {mac: '52:54:00:77:01:0d', ip: 10.77.0.141}\n"
                                 "  proxied: {mac: '52:54:00:77:01:12', ip: 10.77.0.146}\n";

struct wire {
    const char *boot;
    const char *file;    /* what the reference server was set to offer */
    const char *to_ipxe; /* and to iPXE once it runs; NULL: the same */
    const char *prefix;
    bool proxy;
    unsigned answers; /* that the reference server gave */
};

static const struct wire wires[] = {
    {"pxelinux-linux", "pxelinux.0", NULL, "", false, 5},
    {"pxelinux-xen", "pxelinux.0", NULL, "", false, 3},
    {"bios-lpxelinux-http", "lpxelinux.0", NULL, "http://10.77.0.1/", false, 3},
    {"bios-proxydhcp-4011", "pxelinux.0", NULL, "", true, 3},
    {"uefi-ovmf-http-boot-grub", "http://10.77.0.1/grub/grub.efi", NULL, "", false, 2},
    {"uefi-ovmf-pxe-snponly-http", "ipxe/snponly.efi", "http://10.77.0.1/ipxe/linux.ipxe", "", false, 5},
    {"uefi-ovmf-tftp-mboot-efi", "esx5/mboot.efi", NULL, "", false, 2},
};

static bool sample_read(const struct wire *wire, unsigned number, const char *who, struct dhcp_sample *out)
{
    char name[128], path[4096];
    snprintf(name, sizeof name, "wire-%s-%02u-%s", wire->boot, number, who);
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/dhcp/%s", getenv("SOURCE_ROOT"), name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    fclose(f);
    dhcp_sample_read(name, out);
    return true;
}

static void decode(const struct dhcp_sample *sample, struct dhcp_message *out)
{
    struct error err;
    if (dhcp_message_decode(sample->data, sample->size, out, &err) < 0)
        fail_msg("%s", err.text);
}

static void same_value(const struct dhcp_message *ours, const struct dhcp_message *theirs,
                       enum dhcp_option code)
{
    assert_int_equal(ours->option[code].size, theirs->option[code].size);
    assert_memory_equal(ours->option[code].data, theirs->option[code].data, ours->option[code].size);
}

static size_t text_size(struct slice value)
{
    return value.data ? strnlen((const char *)value.data, value.size) : 0;
}

/* As firmware reads it: option 67, else the field. */
static void file_of(const struct dhcp_message *m, char out[static 256])
{
    struct slice value = m->option[DHCP_OPTION_BOOT_FILE];
    if (value.data)
        snprintf(out, 256, "%.*s", (int)value.size, (const char *)value.data);
    else
        snprintf(out, 256, "%s", m->file);
}

/* The settings of the network, and what is not told at all. */
static void same_settings(const struct dhcp_message *ours, const struct dhcp_message *theirs)
{
    static const enum dhcp_option codes[] = {
        DHCP_OPTION_TYPE, DHCP_OPTION_SERVER, DHCP_OPTION_LEASE,  DHCP_OPTION_T1,
        DHCP_OPTION_T2,   DHCP_OPTION_MASK,   DHCP_OPTION_ROUTER, DHCP_OPTION_PREFIX,
    };
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
        if (dhcp_has(theirs, codes[i]))
            same_value(ours, theirs, codes[i]);
        else
            assert_false(dhcp_has(ours, codes[i]));
    if (dhcp_has(ours, DHCP_OPTION_BROADCAST)) /* theirs is there without being asked for */
        same_value(ours, theirs, DHCP_OPTION_BROADCAST);
    assert_int_equal(ours->xid, theirs->xid);
    assert_int_equal(ours->flags, theirs->flags);
    assert_int_equal(ours->giaddr, theirs->giaddr);
    assert_memory_equal(ours->chaddr, theirs->chaddr, DHCP_CHADDR_SIZE);
}

static void same_boot(const struct dhcp_message *ours, const struct dhcp_message *theirs)
{
    char our_file[256], their_file[256];
    file_of(ours, our_file);
    file_of(theirs, their_file);
    /* The proxy's offer names it in ours, behind a menu of one entry in theirs. */
    assert_string_equal(our_file, their_file[0] ? their_file : "pxelinux.0");
    assert_string_equal(ours->file, our_file); /* loaders look here and nowhere else */
    assert_int_equal(ours->siaddr, RIG_OUR_IP);
    assert_int_equal(text_size(ours->option[DHCP_OPTION_CLASS]),
                     text_size(theirs->option[DHCP_OPTION_CLASS]));
    if (dhcp_has(theirs, DHCP_OPTION_CLASS))
        same_value(ours, theirs, DHCP_OPTION_CLASS);
    if (dhcp_has(theirs, DHCP_OPTION_UUID))
        same_value(ours, theirs, DHCP_OPTION_UUID);
    assert_int_equal(dhcp_has(ours, DHCP_OPTION_VENDOR), dhcp_has(theirs, DHCP_OPTION_VENDOR));
}

static void same_meaning(const struct rig *rig, const struct dhcp_message *asked,
                         const struct dhcp_sample *reference, bool pxe)
{
    struct dhcp_message theirs;
    const struct dhcp_message *ours = &rig->reply;
    decode(reference, &theirs);
    assert_true(rig->actions.has_send);
    same_settings(ours, &theirs);
    if (dhcp_has(asked, DHCP_OPTION_ARCH))
        same_boot(ours, &theirs);
    /* To a client without an address that asks for no broadcast: a frame to its MAC. */
    enum dhcp_way way = pxe ? DHCP_WAY_ROUTED : theirs.flags ? DHCP_WAY_BROADCAST : DHCP_WAY_RAW;
    assert_int_equal(rig->actions.send.way, way);
    assert_int_equal(rig->actions.send.port, 68);
    assert_int_equal(rig->actions.send.source_port, pxe ? 4011 : 67);
    if (way == DHCP_WAY_RAW)
        assert_int_equal(ours->yiaddr, theirs.yiaddr);
    assert_in_range(rig->actions.send.size, 300, 1472);
}

/* One packet of the client; true when an answer of ours leaves. */
static bool client_says(struct rig *rig, const struct wire *wire, const struct dhcp_sample *said, bool pxe)
{
    struct dhcp_message message;
    decode(said, &message);
    bool script = wire->to_ipxe && dhcp_has(&message, DHCP_OPTION_IPXE);
    snprintf(rig->boot.file, sizeof rig->boot.file, "%s", script ? wire->to_ipxe : wire->file);
    assert_true(pxe ? rig_packet_pxe(rig, said->data, said->size, message.ciaddr, 68)
                    : rig_packet(rig, said->data, said->size, 0, 0, false));
    if (rig->actions.has_commit)
        rig_commit(rig, true);
    return rig->actions.has_send;
}

static void play(const struct wire *wire)
{
    struct rig rig;
    char fleet[2048];
    unsigned answers = 0;
    struct dhcp_sample said = {.size = 0}, answer;
    struct dhcp_message message;
    snprintf(fleet, sizeof fleet, wire_fleet, wire->proxy ? "proxy" : "dhcp");
    rig_init(&rig, fleet);
    snprintf(rig.boot.prefix, sizeof rig.boot.prefix, "%s", wire->prefix);
    for (unsigned i = 0; i < 12; i++) {
        bool pxe = sample_read(wire, i, "client-4011", &said);
        if (pxe || sample_read(wire, i, "client", &said)) {
            bool left = client_says(&rig, wire, &said, pxe);
            if (sample_read(wire, i + 1, "server", &answer) ||
                sample_read(wire, i + 1, "server-4011", &answer)) {
                decode(&said, &message);
                same_meaning(&rig, &message, &answer, pxe);
                answers++;
            } else {
                assert_false(left); /* it asked the other server */
            }
        }
    }
    assert_int_equal(answers, wire->answers);
    rig_fini(&rig);
}

static void like_the_reference(void **state)
{
    for (size_t i = 0; i < sizeof wires / sizeof wires[0]; i++) {
        print_message("# %s\n", wires[i].boot);
        play(&wires[i]);
    }
}

/* What the proxy's boot of the reference shows, byte for byte where it counts, and where ours is other. */
static void proxy_bytes(void **state)
{
    const struct wire *wire = &wires[3];
    struct rig rig;
    char fleet[2048];
    struct dhcp_sample said, answer;
    struct dhcp_message theirs;
    snprintf(fleet, sizeof fleet, wire_fleet, "proxy");
    rig_init(&rig, fleet);
    assert_true(sample_read(wire, 0, "client", &said));
    assert_true(client_says(&rig, wire, &said, false));
    /* No menu, no prompt: take the file that is named. */
    assert_int_equal(rig.reply.option[DHCP_OPTION_VENDOR].size, 4);
    assert_memory_equal(rig.reply.option[DHCP_OPTION_VENDOR].data, "\6\1\10\377", 4);
    assert_int_equal(rig.reply.yiaddr, 0);
    /* Its REQUEST to the other server tells us its address. */
    assert_null(dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 146), rig.now_ms));
    assert_true(sample_read(wire, 6, "client", &said));
    assert_false(client_says(&rig, wire, &said, false));
    assert_int_equal(dhcp_machine_lease_by_ip(rig.machine, RIG_IP(0, 146), rig.now_ms)->state, LEASE_HEARD);
    /* The menu item it picked elsewhere is confirmed as the reference does. */
    assert_true(sample_read(wire, 8, "client-4011", &said));
    assert_true(client_says(&rig, wire, &said, true));
    assert_true(sample_read(wire, 9, "server-4011", &answer));
    decode(&answer, &theirs);
    same_value(&rig.reply, &theirs, DHCP_OPTION_VENDOR);
    assert_int_equal(rig.actions.send.ip, RIG_IP(0, 146));
    rig_fini(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(like_the_reference),
        cmocka_unit_test(proxy_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
