#include "proc/doctor_packet.h"

#include "base/text.h"
#include "base/wire.h"

#include <string.h>

#define OPTION_NDI      94 /* RFC 4578, section 2.2 */
#define HTYPE_ETHERNET  1
#define IP_PROTOCOL_UDP 17
#define ETHERTYPE_IPV4  0x0800
#define ARP_REQUEST     1
#define ARP_REPLY       2
#define UUID_SIZE       17

/* As OVMF and Intel's boot ROMs say it. */
static const struct {
    uint16_t arch;
    uint8_t ndi[3];
    const char *class_id;
} clients[DOCTOR_CLIENTS] = {
    [DOCTOR_CLIENT_BIOS] = {0, {1, 2, 1}, "PXEClient:Arch:00000:UNDI:002001"},
    [DOCTOR_CLIENT_UEFI] = {7, {1, 3, 0}, "PXEClient:Arch:00007:UNDI:003000"},
    [DOCTOR_CLIENT_HTTP] = {16, {1, 3, 0}, "HTTPClient:Arch:00016:UNDI:003000"},
};

/* Many servers send only what is asked for. */
static const uint8_t asked[] = {DHCP_OPTION_MASK,   DHCP_OPTION_ROUTER,      DHCP_OPTION_DNS,
                                DHCP_OPTION_VENDOR, DHCP_OPTION_LEASE,       DHCP_OPTION_SERVER,
                                DHCP_OPTION_CLASS,  DHCP_OPTION_TFTP_SERVER, DHCP_OPTION_BOOT_FILE};

/* The frame is built from server to client. Turning the ports round leaves the checksum as it is. */
static void turn_ports(uint8_t *frame)
{
    uint8_t *ports = frame + 20, kept[2];
    memcpy(kept, ports, 2);
    memcpy(ports, ports + 2, 2);
    memcpy(ports + 2, kept, 2);
}

size_t doctor_discover(enum doctor_client client, uint32_t xid, const struct mac *mac,
                       uint8_t out[static DHCP_FRAME_MAX])
{
    struct dhcp_message m;
    uint8_t payload[DHCP_SIZE_MAX], uuid[UUID_SIZE] = {0};
    const uint16_t arch = clients[client].arch, most = DHCP_SIZE_MAX + DHCP_FRAME_HEADERS;
    dhcp_message_init(&m, DHCP_OP_REQUEST);
    m.htype = HTYPE_ETHERNET;
    m.hlen = MAC_SIZE;
    m.xid = xid;
    m.flags = DHCP_FLAG_BROADCAST;
    memcpy(m.chaddr, mac->byte, MAC_SIZE);
    memcpy(uuid + UUID_SIZE - MAC_SIZE, mac->byte, MAC_SIZE);
    dhcp_put_u8(&m, DHCP_OPTION_TYPE, DHCP_DISCOVER);
    dhcp_put(&m, DHCP_OPTION_ASKED, asked, sizeof asked);
    dhcp_put(&m, DHCP_OPTION_MAX_SIZE, (const uint8_t[]){most >> 8, most & 0xff}, 2);
    dhcp_put_text(&m, DHCP_OPTION_CLASS, clients[client].class_id);
    dhcp_put(&m, DHCP_OPTION_ARCH, (const uint8_t[]){(uint8_t)(arch >> 8), (uint8_t)arch}, 2);
    dhcp_put(&m, (enum dhcp_option)OPTION_NDI, clients[client].ndi, sizeof clients[client].ndi);
    dhcp_put(&m, DHCP_OPTION_UUID, uuid, sizeof uuid);
    size_t size = dhcp_message_encode(&m, DHCP_SIZE_DEFAULT, payload, NULL);
    size = dhcp_frame_build(0, UINT32_MAX, payload, size, out);
    turn_ports(out);
    return size;
}

/* The UDP payload of a whole IPv4 packet to a DHCP client. */
static bool take_headers(struct slice packet, uint32_t *source, struct slice *payload)
{
    struct wire_in w = wire_in(packet.data, packet.size);
    uint8_t first = wire_u8(&w);
    size_t header = (first & 0xfu) * 4u;
    wire_skip(&w, 1);
    size_t total = wire_u16(&w);
    wire_skip(&w, 2);
    unsigned fragment = wire_u16(&w) & 0x3fffu; /* more to come, or not the first */
    wire_skip(&w, 1);
    uint8_t protocol = wire_u8(&w);
    wire_skip(&w, 2);
    *source = wire_u32(&w);
    if (w.bad || first >> 4 != 4 || header < 20 || total < header + 8 || total > packet.size || fragment ||
        protocol != IP_PROTOCOL_UDP)
        return false;
    w = wire_in(packet.data + header, total - header);
    wire_skip(&w, 2);
    uint16_t to = wire_u16(&w);
    size_t size = wire_u16(&w);
    wire_skip(&w, 2);
    if (to != DHCP_PORT_CLIENT || size < 8 || size > total - header)
        return false;
    *payload = wire_bytes(&w, size - 8);
    return !w.bad;
}

static bool starts(struct slice value, const char *text)
{
    size_t size = strlen(text);
    return value.size >= size && memcmp(value.data, text, size) == 0;
}

bool doctor_offer_parse(struct slice packet, uint32_t xid, const struct mac *mac, struct doctor_offer *out)
{
    struct dhcp_message m;
    struct slice payload;
    uint32_t source;
    uint8_t type = 0;
    if (!take_headers(packet, &source, &payload) ||
        dhcp_message_decode(payload.data, payload.size, &m, NULL) < 0 || m.op != DHCP_OP_REPLY ||
        m.xid != xid || memcmp(m.chaddr, mac->byte, MAC_SIZE) != 0 ||
        !dhcp_get_u8(&m, DHCP_OPTION_TYPE, &type) || type != DHCP_OFFER)
        return false;
    *out = (struct doctor_offer){.server = source, .address = m.yiaddr, .next_server = m.siaddr};
    dhcp_get_u32(&m, DHCP_OPTION_SERVER, &out->id);
    struct slice file = m.option[DHCP_OPTION_BOOT_FILE];
    if (file.size == 0)
        file = (struct slice){(const uint8_t *)m.file, strlen(m.file)};
    text_printable((const char *)file.data, strnlen((const char *)file.data, file.size), out->file,
                   sizeof out->file);
    out->pxe_class = starts(m.option[DHCP_OPTION_CLASS], "PXEClient");
    out->waits = out->pxe_class && !out->file[0] && !m.option[DHCP_OPTION_VENDOR].data;
    return true;
}

void doctor_offer_merge(struct doctor_offer *into, const struct doctor_offer *more)
{
    if (!into->address)
        into->address = more->address;
    if (!into->file[0]) {
        memcpy(into->file, more->file, sizeof into->file);
        into->next_server = more->next_server;
    }
    into->pxe_class |= more->pxe_class;
    into->waits |= more->waits;
}

void doctor_arp_build(const struct mac *mac, uint32_t ip, uint8_t out[static DOCTOR_ARP_SIZE])
{
    struct wire_out w = wire_out(out, DOCTOR_ARP_SIZE);
    wire_put_u16(&w, HTYPE_ETHERNET);
    wire_put_u16(&w, ETHERTYPE_IPV4);
    wire_put_u8(&w, MAC_SIZE);
    wire_put_u8(&w, 4);
    wire_put_u16(&w, ARP_REQUEST);
    wire_put(&w, mac->byte, MAC_SIZE);
    wire_put_u32(&w, 0);
    wire_put_zero(&w, MAC_SIZE);
    wire_put_u32(&w, ip);
}

bool doctor_arp_parse(struct slice packet, uint32_t *ip, struct mac *mac)
{
    struct wire_in w = wire_in(packet.data, packet.size);
    bool ethernet = wire_u16(&w) == HTYPE_ETHERNET;
    bool ip4 = wire_u16(&w) == ETHERTYPE_IPV4;
    bool sizes = wire_u16(&w) == (MAC_SIZE << 8 | 4);
    bool reply = wire_u16(&w) == ARP_REPLY;
    wire_copy(&w, mac->byte, MAC_SIZE);
    *ip = wire_u32(&w);
    wire_skip(&w, MAC_SIZE + 4);
    return !w.bad && ethernet && ip4 && sizes && reply && *ip;
}
