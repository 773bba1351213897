/* Ethernet, IPv4 and UDP around a DHCP message of a machine that has no address yet: both ways. */
#pragma once

#include "serve/dhcp_frame.h"

#define FRAME_ETHERNET 14u
#define FRAME_MAX      (FRAME_ETHERNET + DHCP_FRAME_MAX)

/* From the machine to everybody, port 68 to 67. Returns its size. */
size_t frame_build(const struct mac *from, const uint8_t *payload, size_t size,
                   uint8_t out[static FRAME_MAX]);

/* The DHCP message in an Ethernet frame to port 68; false for any other frame and for a broken one. Checksums
 * are not looked at: a virtual network leaves them to a card that is not there. */
bool frame_parse(struct slice frame, struct slice *payload);
