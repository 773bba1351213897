/*
 * The TFTP server: read requests on port 69, all transfers on a few ports beside it. RFC 1350, 2347, 2348,
 * 2349, 7440; read only, there is no code that writes. Decisions are tftp_machine's, bytes are
 * tftp_message's.
 *
 * A transfer takes less than 500 bytes, of which the kernel holds none; a server 250 kB, and its sockets'
 * buffers.
 */
#pragma once

#include "base/error.h"
#include "serve/boot_file.h"

#include <systemd/sd-event.h>

/* By turns for requests from the same port, so that what is left of one transfer is not taken for the next
 * one's: RFC 1350, section 4 wants transfer identifiers that are not used twice in a row. */
#define TFTP_PORTS 2

struct tftp_io;

/* Bound UDP sockets: port 69 with IP_PKTINFO set, and any free ports. Answers leave from the address that was
 * asked. */
struct tftp_sockets {
    int requests;
    int transfers[TFTP_PORTS];
};

/* Takes the sockets, also when it fails. files and events are borrowed and must outlive the server. */
int tftp_io_new(sd_event *loop, const struct tftp_sockets *sockets, const struct boot_files *files,
                const struct boot_events *events, struct tftp_io **out, struct error *err);
void tftp_io_free(struct tftp_io *io);

/* Bytes of DATA packets and OACKs sent so far. */
uint64_t tftp_io_sent(const struct tftp_io *io);
