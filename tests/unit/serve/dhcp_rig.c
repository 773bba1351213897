#include "dhcp_rig.h"

#include "fleet/fleet_yaml.h"

static const char usual_fleet[] = "networks:\n"
                                  "  lab:\n"
                                  "    subnet: 10.77.0.0/24\n"
                                  "    gateway: 10.77.0.1\n"
                                  "    dns: [10.77.0.1, 10.77.0.2]\n"
                                  "    domain: lab.example.com\n"
                                  "    ntp: 10.77.0.3\n"
                                  "    pool: 10.77.0.100-10.77.0.109\n"
                                  "    lease: 1h\n"
                                  "  remote:\n"
                                  "    subnet: 10.77.9.0/24\n"
                                  "    gateway: 10.77.9.1\n"
                                  "    pool: 10.77.9.50-10.77.9.59\n"
                                  "    lease: 1h\n"
                                  "  proxied:\n"
                                  "    subnet: 10.77.5.0/24\n"
                                  "    gateway: 10.77.5.1\n"
                                  "    pool: 10.77.5.10-10.77.5.19\n"
                                  "    mode: proxy\n"
                                  "nodes:\n"
                                  "  rack01:\n"
                                  "    mac: 52:54:00:77:01:03\n"
                                  "    ip: 10.77.0.131\n"
                                  "  rack02:\n"
                                  "    mac: [52:54:00:77:02:01, 52:54:00:77:02:02]\n"
                                  "    ip: 10.77.0.12\n"
                                  "  rack03:\n"
                                  "    mac: 52:54:00:77:03:01\n"
                                  "  rack08:\n"
                                  "    mac: 52:54:00:77:01:08\n"
                                  "    ip: 10.77.0.105\n";

static void rig_boot(void *ctx, const struct dhcp_boot_ask *ask, struct dhcp_boot *out)
{
    struct rig *rig = ctx;
    rig->ask = *ask;
    rig->ask_client = *ask->client;
    rig->asks++;
    rig->granted += ask->granted;
    if (ask->node)
        *out = rig->boot;
}

void rig_init(struct rig *rig, const char *fleet_yaml)
{
    struct error err;
    const char *text = fleet_yaml ? fleet_yaml : usual_fleet;
    memset(rig, 0, sizeof *rig);
    rig->now_ms = RIG_START_MS;
    rig->interface[0] = (struct dhcp_interface){.name = "eth0", .index = 2, .ip = RIG_OUR_IP, .prefix = 24};
    rig->interface[1] = (struct dhcp_interface){.name = "eth1", .index = 3, .ip = 0x0a580001, .prefix = 24};
    snprintf(rig->boot.file, sizeof rig->boot.file, "pxelinux.0");
    if (fleet_parse_yaml("test", (struct slice){(const uint8_t *)text, strlen(text)}, &rig->fleet, &err) <
            0 ||
        dhcp_machine_new(rig->interface, 2, rig_boot, rig, 42, &rig->machine, &err) < 0)
        fail_msg("%s", err.text);
}

void rig_fini(struct rig *rig)
{
    dhcp_machine_free(rig->machine);
    fleet_free(rig->fleet);
}

struct mac rig_mac(const char *text)
{
    struct mac mac;
    assert_true(mac_parse(text, &mac));
    return mac;
}

static void reply_read(struct rig *rig)
{
    struct error err;
    dhcp_message_init(&rig->reply, DHCP_OP_REPLY);
    if (!rig->actions.has_send)
        return;
    assert_in_range(rig->actions.send.size, DHCP_SIZE_MIN, DHCP_SIZE_MAX);
    if (dhcp_message_decode(rig->actions.send.bytes, rig->actions.send.size, &rig->reply, &err) < 0)
        fail_msg("%s", err.text);
}

static bool step(struct rig *rig, const struct dhcp_packet *packet)
{
    struct error err;
    int result = dhcp_machine_packet(rig->machine, packet, rig->now_ms, &rig->actions, &err);
    if (result == 0)
        reply_read(rig);
    return result == 0;
}

bool rig_packet(struct rig *rig, const uint8_t *data, size_t size, unsigned interface, uint32_t source_ip,
                bool unicast)
{
    struct dhcp_packet packet = {.data = data,
                                 .size = size,
                                 .interface = &rig->interface[interface],
                                 .source_ip = source_ip,
                                 .source_port = 68,
                                 .broadcast = !unicast,
                                 .fleet = rig->fleet};
    return step(rig, &packet);
}

bool rig_packet_pxe(struct rig *rig, const uint8_t *data, size_t size, uint32_t source_ip,
                    uint16_t source_port)
{
    struct dhcp_packet packet = {.data = data,
                                 .size = size,
                                 .interface = &rig->interface[0],
                                 .source_ip = source_ip,
                                 .source_port = source_port,
                                 .pxe = true,
                                 .fleet = rig->fleet};
    return step(rig, &packet);
}

bool rig_sample(struct rig *rig, const char *name)
{
    struct dhcp_sample sample;
    dhcp_sample_read(name, &sample);
    return rig_packet(rig, sample.data, sample.size, 0, 0, false);
}

static void put_relay(struct dhcp_message *m, const struct rig_client *client)
{
    uint8_t value[64];
    size_t size = 0;
    if (client->circuit) {
        size_t length = strlen(client->circuit);
        value[size++] = 1;
        value[size++] = (uint8_t)length;
        memcpy(value + size, client->circuit, length);
        size += length;
    }
    if (client->link) {
        const uint8_t link[] = {5,
                                4,
                                (uint8_t)(client->link >> 24),
                                (uint8_t)(client->link >> 16),
                                (uint8_t)(client->link >> 8),
                                (uint8_t)client->link};
        memcpy(value + size, link, sizeof link);
        size += sizeof link;
    }
    if (client->stand_in) {
        const uint8_t server[] = {11,
                                  4,
                                  (uint8_t)(client->stand_in >> 24),
                                  (uint8_t)(client->stand_in >> 16),
                                  (uint8_t)(client->stand_in >> 8),
                                  (uint8_t)client->stand_in};
        memcpy(value + size, server, sizeof server);
        size += sizeof server;
    }
    if (size)
        dhcp_put(m, DHCP_OPTION_RELAY, value, size);
}

static void put_rom(struct dhcp_message *m, const struct rig_client *client)
{
    const uint8_t arch[] = {(uint8_t)(client->arch >> 8), (uint8_t)client->arch};
    if (client->rom)
        dhcp_put_text(m, DHCP_OPTION_CLASS, "PXEClient:Arch:00000:UNDI:002001");
    if (client->class) {
        dhcp_put_text(m, DHCP_OPTION_CLASS, client->class);
        dhcp_put(m, DHCP_OPTION_ARCH, arch, sizeof arch);
    }
    if (client->ipxe)
        dhcp_put_text(m, DHCP_OPTION_USER_CLASS, "iPXE");
    if (client->asks_little)
        dhcp_put_u8(m, DHCP_OPTION_ASKED, DHCP_OPTION_MASK);
    if (client->item) {
        uint8_t value[] = {71, 4, 0, 0, 0, 0, 255};
        memcpy(value + 2, client->item, 4);
        dhcp_put(m, DHCP_OPTION_VENDOR, value, sizeof value);
    }
}

bool rig_say(struct rig *rig, const struct rig_client *client)
{
    struct dhcp_message m;
    uint8_t bytes[DHCP_SIZE_MAX];
    dhcp_message_init(&m, DHCP_OP_REQUEST);
    m.htype = 1;
    m.hlen = MAC_SIZE;
    m.xid = 0xfeed;
    m.flags = client->flag_broadcast ? DHCP_FLAG_BROADCAST : 0;
    m.ciaddr = client->ciaddr;
    m.giaddr = client->giaddr;
    memcpy(m.chaddr, client->mac.byte, MAC_SIZE);
    dhcp_put_u8(&m, DHCP_OPTION_TYPE, (uint8_t)client->type);
    if (client->requested)
        dhcp_put_u32(&m, DHCP_OPTION_REQUESTED_IP, client->requested);
    if (client->server)
        dhcp_put_u32(&m, DHCP_OPTION_SERVER, client->server);
    if (client->subnet)
        dhcp_put_u32(&m, DHCP_OPTION_SUBNET, client->subnet);
    put_rom(&m, client);
    put_relay(&m, client);
    size_t size = dhcp_message_encode(&m, DHCP_SIZE_DEFAULT, bytes, NULL);
    if (client->source_port)
        return rig_packet_pxe(rig, bytes, size, client->source_ip, client->source_port);
    return rig_packet(rig, bytes, size, client->interface, client->source_ip, client->unicast);
}

void rig_commit(struct rig *rig, bool ok)
{
    uint64_t token = rig->actions.token;
    assert_true(rig->actions.has_commit);
    dhcp_machine_committed(rig->machine, token, ok, rig->now_ms, &rig->actions);
    reply_read(rig);
}

unsigned rig_reply_type(const struct rig *rig)
{
    uint8_t type = 0;
    if (rig->actions.has_send)
        assert_true(dhcp_get_u8(&rig->reply, DHCP_OPTION_TYPE, &type));
    return type;
}

const struct boot_event *rig_told(const struct rig *rig, enum boot_event_kind kind)
{
    for (size_t i = 0; i < rig->actions.tell_count; i++)
        if (rig->actions.tell[i].kind == kind)
            return &rig->actions.tell[i];
    return NULL;
}

void rig_acked(struct rig *rig, const struct rig_client *client, uint32_t ip)
{
    assert_true(rig_say(rig, client));
    assert_int_equal(rig_reply_type(rig), 0); /* no ACK before it is on disk */
    assert_true(rig->actions.has_commit);
    assert_int_equal(rig->actions.lease.ip, ip);
    assert_int_equal(rig->actions.lease.state, LEASE_BOUND);
    assert_true(mac_equal(&rig->actions.lease.mac, &client->mac));
    rig_commit(rig, true);
    assert_int_equal(rig_reply_type(rig), DHCP_ACK);
    assert_int_equal(rig->reply.yiaddr, ip);
    const struct lease *lease = dhcp_machine_lease_by_ip(rig->machine, ip, rig->now_ms);
    assert_non_null(lease);
    assert_true(mac_equal(&lease->mac, &client->mac));
}
