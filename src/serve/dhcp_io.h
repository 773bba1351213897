/*
 * The DHCP server's sockets: packets in, packets out, timers. Decisions are dhcp_machine's, bytes are
 * dhcp_message's.
 *
 * Files of the protocol: dhcp_message (codec, RFC 2131, 2132, 3046, 3396, 4578), dhcp_frame (IPv4+UDP frames
 * for clients that do not answer ARP yet), lease_table (memory: by MAC, by address, by expiry), dhcp_machine
 * (pure: step(event, now) -> actions), dhcp_io.
 */
#pragma once

#include "base/error.h"
#include "fleet/fleet.h"
#include "plan/plan.h"
#include "serve/boot_event.h"
#include "serve/boot_file.h"
#include "serve/lease.h"

#include <systemd/sd-event.h>

struct dhcp_interface {
    char name[16];
    int index;
    struct mac mac;
    uint32_t ip; /* ours on it, host byte order */
    unsigned prefix;
    int udp_fd;    /* port 67, bound to the device, IP_PKTINFO and SO_BROADCAST set */
    int packet_fd; /* AF_PACKET, SOCK_DGRAM, bound to the device, for replies to addresses that do not answer
                      ARP */
};

/* What a client is told to boot. An empty file means: lease only. */
struct dhcp_boot {
    char file[128];                 /* BOOTP file field, and option 67 when asked for */
    char text[BOOT_EVENT_TEXT_MAX]; /* for the event: what was chosen, or why nothing was */
    bool failed;                    /* there should be a boot file, but text says why there is none */
};

/* What DHCP asks of the rest of the house. */
struct dhcp_host {
    void *ctx;
    const struct fleet *(*fleet)(void *ctx); /* current, finished; changes between packets only */
    /* node NULL: an unknown machine. */
    void (*boot)(void *ctx, const struct fleet_node *node, const struct plan_client *client,
                 struct dhcp_boot *out);
    /* Asks state to put the lease on disk; dhcp_io_committed is called with the token later. Never blocks. */
    void (*commit)(void *ctx, uint64_t token, const struct lease *lease);
    struct boot_events events;
};

struct dhcp_io;

/* Takes the descriptors in `interfaces`. host is borrowed and must outlive the server. */
int dhcp_io_new(sd_event *loop, const struct dhcp_interface *interfaces, size_t count,
                const struct dhcp_host *host, struct dhcp_io **out, struct error *err);
void dhcp_io_free(struct dhcp_io *io);

/* Before the first packet: what was on disk. */
void dhcp_io_load(struct dhcp_io *io, const struct lease *lease);

/* The answer to commit: only now does the ACK leave (ok), or nothing at all (not ok: the client asks again).
 */
void dhcp_io_committed(struct dhcp_io *io, uint64_t token, bool ok);

/* The lease that holds this address now, or NULL; for knowing who asks by TFTP and HTTP. Borrowed until the
 * next packet. */
const struct lease *dhcp_io_lease_by_ip(const struct dhcp_io *io, uint32_t ip);
