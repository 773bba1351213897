/* What the DHCP server is given: its interfaces, and the rest of the house. */
#pragma once

#include "fleet/fleet.h"
#include "plan/client.h"
#include "serve/boot_event.h"
#include "serve/boot_file.h"
#include "serve/dhcp_message.h"
#include "serve/lease.h"

struct dhcp_interface {
    char name[16];
    int index;
    struct mac mac;
    uint32_t ip; /* ours on it, host byte order */
    unsigned prefix;
    int udp_fd;    /* port 67, bound to the device, IP_PKTINFO and SO_BROADCAST set */
    int pxe_fd;    /* port 4011, likewise */
    int packet_fd; /* AF_PACKET, SOCK_DGRAM, bound to the device, for replies to addresses that do not answer
                      ARP */
};

#define DHCP_BOOT_FILE_MAX 255 /* bytes with NUL: option 67 in one piece (RFC 2132, section 9.5) */

/* What a client is told to boot. An empty file means: lease only. */
struct dhcp_boot {
    char file[DHCP_BOOT_FILE_MAX];  /* a path for TFTP, a URL for HTTP Boot and iPXE */
    char prefix[64];                /* option 210 (RFC 5071): what pxelinux puts before names; "": none */
    char text[BOOT_EVENT_TEXT_MAX]; /* for the event: what was chosen, or why nothing was */
    bool local;                     /* sent to its own disk, and text says why; file may be empty */
    bool failed;                    /* there should be a boot file, but text says why there is none */
    bool waits; /* no OFFER now, and text says why: the host has dhcp_io_again take the packet later */
};

/* Who asks what to boot, and where. */
struct dhcp_packet;
struct dhcp_boot_ask {
    const struct fleet_node *node; /* NULL: an unknown machine */
    const struct fleet_network *network;
    const struct plan_client *client;
    uint32_t server_ip; /* ours, that the client will talk to */
    uint32_t client_ip; /* what it has or is offered; 0 in a proxy's offer */
    bool granted;       /* it goes on from here: an ACK, or it took another server's address with our offer */
    bool proxy;         /* another server gives the address */
    const struct dhcp_packet *packet; /* that is being answered; borrowed for the call */
};

/* What DHCP asks of the rest of the house. */
struct dhcp_host {
    void *ctx;
    const struct fleet *(*fleet)(void *ctx); /* current, finished; changes between packets only */
    /* node NULL: an unknown machine. Asked for the OFFER and again for the ACK. */
    void (*boot)(void *ctx, const struct dhcp_boot_ask *ask, struct dhcp_boot *out);
    /* Asks state to put the lease on disk; dhcp_io_committed is called with the token later. Never blocks. */
    void (*commit)(void *ctx, uint64_t token, const struct lease *lease);
    struct boot_events events;
};
