/*
 * IPv4 and UDP around a DHCP reply, for clients that have no address yet and so answer no ARP (RFC 2131,
 * section 4.1). The Ethernet header is the packet socket's business.
 */
#pragma once

#include "serve/dhcp_message.h"

#define DHCP_FRAME_HEADERS 28u
#define DHCP_FRAME_MAX     (DHCP_SIZE_MAX + DHCP_FRAME_HEADERS)

/* Writes the packet with both checksums and returns its size. size is at most DHCP_SIZE_MAX. */
size_t dhcp_frame_build(uint32_t source_ip, uint32_t ip, const uint8_t *payload, size_t size,
                        uint8_t out[static DHCP_FRAME_MAX]);
