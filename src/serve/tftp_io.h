/*
 * The TFTP server's sockets: read requests on port 69, one socket a transfer. RFC 1350, 2347, 2348, 2349,
 * 7440; read only, there is no code that writes. Decisions are tftp_machine's, bytes are tftp_message's.
 */
#pragma once

#include "base/error.h"
#include "serve/boot_file.h"

#include <systemd/sd-event.h>

struct tftp_io;

/*
 * Takes listen_fd: a UDP socket on port 69 with IP_PKTINFO set; replies leave from the address that was
 * asked. files and events are borrowed and must outlive the server.
 */
int tftp_io_new(sd_event *loop, int listen_fd, const struct boot_files *files,
                const struct boot_events *events, struct tftp_io **out, struct error *err);
void tftp_io_free(struct tftp_io *io);
