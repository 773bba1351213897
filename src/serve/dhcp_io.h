/*
 * The DHCP server's sockets: packets in, packets out, timers. Decisions are dhcp_machine's, bytes are
 * dhcp_message's.
 *
 * Files of the protocol: dhcp_message (codec), dhcp_client (who asks), dhcp_network (where it stands),
 * lease_table (what is given out), dhcp_address (what it may have), dhcp_reply (what it is told, and which
 * way the answer goes), dhcp_waiting (answers that wait for the disk), dhcp_stranger (unknown machines, told
 * seldom), dhcp_machine (all of it as pure steps; dhcp_asker is one packet's way through it), dhcp_proxy (the
 * steps where another server gives the addresses), dhcp_sighting (the addresses it gave), dhcp_frame
 * (IPv4+UDP for clients that answer no ARP yet), dhcp_inbox_io and dhcp_outbox_io (many packets with one
 * system call), dhcp_io.
 */
#pragma once

#include "base/error.h"
#include "serve/dhcp_host.h"

#include <systemd/sd-event.h>

struct dhcp_io;

/* Takes the descriptors in `interfaces` on success. host is borrowed and must outlive the server. */
int dhcp_io_new(sd_event *loop, const struct dhcp_interface *interfaces, size_t count,
                const struct dhcp_host *host, struct dhcp_io **out, struct error *err);
void dhcp_io_free(struct dhcp_io *io);

/* Before the first packet: what was on disk. */
void dhcp_io_load(struct dhcp_io *io, const struct lease *lease);

/* The answer to commit: only now does the ACK leave (ok), or nothing at all (not ok: the client asks again).
 */
void dhcp_io_committed(struct dhcp_io *io, uint64_t token, bool ok);

/* A DISCOVER that dhcp_boot.waits, as if it came now. */
struct storm_packet;
void dhcp_io_again(struct dhcp_io *io, const struct storm_packet *packet);

/* Who has this address now, or NULL; for knowing who asks by TFTP and HTTP. A lease of ours, or one that was
 * heard of (dhcp_machine_lease_by_ip). Borrowed until the next packet. */
const struct lease *dhcp_io_lease_by_ip(const struct dhcp_io *io, uint32_t ip);
