#include "swarm/frame.h"

#include "base/wire.h"

#include <string.h>

#define ETHERTYPE_IPV4  0x0800u
#define IP_HEADER_SIZE  20u
#define UDP_HEADER_SIZE 8u
#define IP_PROTOCOL_UDP 17u

size_t frame_build(const struct mac *from, const uint8_t *payload, size_t size, uint8_t out[static FRAME_MAX])
{
    struct wire_out w = wire_out(out, FRAME_ETHERNET);
    for (size_t i = 0; i < MAC_SIZE; i++)
        wire_put_u8(&w, 0xff);
    wire_put(&w, from->byte, MAC_SIZE);
    wire_put_u16(&w, ETHERTYPE_IPV4);
    size = dhcp_frame_build(0, UINT32_MAX, payload, size, out + FRAME_ETHERNET);
    /* It is built as from a server. The sum stays right when two of its words change places. */
    uint8_t *ports = out + FRAME_ETHERNET + IP_HEADER_SIZE, kept[2];
    memcpy(kept, ports, 2);
    memcpy(ports, ports + 2, 2);
    memcpy(ports + 2, kept, 2);
    return FRAME_ETHERNET + size;
}

bool frame_parse(struct slice frame, struct slice *payload)
{
    struct wire_in w = wire_in(frame.data, frame.size);
    wire_skip(&w, 2 * MAC_SIZE);
    if (wire_u16(&w) != ETHERTYPE_IPV4 || w.bad)
        return false;
    const uint8_t *packet = w.at;
    uint8_t first = wire_u8(&w);
    size_t header = (first & 0xfu) * 4u;
    wire_skip(&w, 1);
    size_t total = wire_u16(&w);
    wire_skip(&w, 2);
    unsigned fragment = wire_u16(&w) & 0x3fffu; /* more to come, or not the first */
    wire_skip(&w, 1);
    uint8_t protocol = wire_u8(&w);
    if (w.bad || first >> 4 != 4 || header < IP_HEADER_SIZE || total < header + UDP_HEADER_SIZE ||
        total > frame.size - FRAME_ETHERNET || fragment || protocol != IP_PROTOCOL_UDP)
        return false;
    w = wire_in(packet + header, total - header);
    wire_skip(&w, 2);
    uint16_t to = wire_u16(&w);
    size_t size = wire_u16(&w);
    wire_skip(&w, 2);
    if (to != DHCP_PORT_CLIENT || size < UDP_HEADER_SIZE || size > total - header)
        return false;
    *payload = wire_bytes(&w, size - UDP_HEADER_SIZE);
    return !w.bad;
}
