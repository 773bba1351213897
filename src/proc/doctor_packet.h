/*
 * The doctor's packets: a DHCPDISCOVER as machines that boot send it, what other servers answer, and ARP
 * probes. Bytes <-> struct; total, the sockets are doctor_probe's.
 */
#pragma once

#include "serve/dhcp_frame.h"

/* The machines we play. */
enum doctor_client {
    DOCTOR_CLIENT_BIOS,
    DOCTOR_CLIENT_UEFI,
    DOCTOR_CLIENT_HTTP, /* UEFI HTTP Boot */
    DOCTOR_CLIENTS
};

#define DOCTOR_CLASS_MAX 64
#define DOCTOR_FILE_MAX  256

/* What one server said; of several answers, all that they said together. Texts are printable. */
struct doctor_offer {
    uint32_t server;  /* the address the packet came from */
    uint32_t id;      /* option 54: how it calls itself; 0: it does not */
    struct mac mac;   /* of the frame: the server, or the last relay */
    uint32_t address; /* it would give; 0: none, so it is a ProxyDHCP server */
    bool pxe_class;   /* option 60 says "PXEClient" */
    /* That, but no option 43 and no boot file: the firmware goes on to ask it on port 4011 (PXE 2.1, section
     * 2.2), and waits. */
    bool waits;
    char file[DOCTOR_FILE_MAX]; /* boot file; "" */
    uint32_t next_server;
};

/* IPv4 and all above it, as a packet socket takes it. The answer shall be a broadcast. */
size_t doctor_discover(enum doctor_client client, uint32_t xid, const struct mac *mac,
                       uint8_t out[static DHCP_FRAME_MAX]);

/* Whether these bytes, from IPv4 up, are an OFFER for that xid and MAC. offer->mac is left alone. */
bool doctor_offer_parse(struct slice packet, uint32_t xid, const struct mac *mac, struct doctor_offer *out);
void doctor_offer_merge(struct doctor_offer *into, const struct doctor_offer *more);

#define DOCTOR_ARP_SIZE 28

/* RFC 5227, section 2.1.1: asks who has an address without claiming one. */
void doctor_arp_build(const struct mac *mac, uint32_t ip, uint8_t out[static DOCTOR_ARP_SIZE]);
/* Whether these bytes tell that somebody has an address. */
bool doctor_arp_parse(struct slice packet, uint32_t *ip, struct mac *mac);
