#include "serve/dhcp_frame.h"

#include "base/wire.h"

#include <assert.h>

#define IP_HEADER_SIZE  20u
#define UDP_HEADER_SIZE 8u
#define IP_PROTOCOL_UDP 17u
#define IP_TTL          64u

/* The Internet checksum's running sum (RFC 1071); an odd last byte is padded with zero. */
static uint32_t sum_add(uint32_t sum, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)data[i] << 8 | (i + 1 < size ? data[i + 1] : 0);
    return sum;
}

static uint16_t sum_fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void put_u16_at(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

size_t dhcp_frame_build(uint32_t source_ip, uint32_t ip, const uint8_t *payload, size_t size,
                        uint8_t out[static DHCP_FRAME_MAX])
{
    assert(size <= DHCP_SIZE_MAX);
    size_t udp_size = UDP_HEADER_SIZE + size;
    struct wire_out w = wire_out(out, DHCP_FRAME_MAX);
    wire_put_u16(&w, 0x4510); /* version 4, 5 words; low delay, as other servers send it */
    wire_put_u16(&w, (uint16_t)(IP_HEADER_SIZE + udp_size));
    wire_put_u32(&w, 0x00004000); /* id 0 is fine with "don't fragment": RFC 6864, section 4.1 */
    wire_put_u8(&w, IP_TTL);
    wire_put_u8(&w, IP_PROTOCOL_UDP);
    wire_put_u16(&w, 0);
    wire_put_u32(&w, source_ip);
    wire_put_u32(&w, ip);
    put_u16_at(out + 10, sum_fold(sum_add(0, out, IP_HEADER_SIZE)));
    wire_put_u16(&w, DHCP_PORT_SERVER);
    wire_put_u16(&w, DHCP_PORT_CLIENT);
    wire_put_u16(&w, (uint16_t)udp_size);
    wire_put_u16(&w, 0);
    wire_put(&w, payload, size);
    /* RFC 768: over a pseudo header (both addresses, protocol, length) too; 0 would mean "no checksum". */
    uint32_t sum = sum_add(0, out + 12, 8) + IP_PROTOCOL_UDP + (uint32_t)udp_size;
    uint16_t checksum = sum_fold(sum_add(sum, out + IP_HEADER_SIZE, udp_size));
    put_u16_at(out + IP_HEADER_SIZE + 6, checksum ? checksum : 0xffff);
    return wire_written(&w);
}
