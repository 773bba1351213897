/*
 * A UDP port that many transfers share: packets are told apart by the client's address and port. Whoever has
 * something to send waits in a queue and sends one message a turn, so that none starves the others; when the
 * network is full the queue stands still, and nothing is lost on this host.
 */
#pragma once

#include "base/error.h"
#include "serve/tftp_batch_io.h"

#include <systemd/sd-event.h>

struct tftp_port;

/* What the port tells its owner. */
struct tftp_port_owner {
    void *ctx;
    void (*packet)(void *ctx, struct tftp_port *port, const struct sockaddr_in *client, struct slice packet);
    void (*received)(void *ctx); /* all packets that had come were told; the place for tftp_port_flush */
    void (*closed)(void *ctx, struct tftp_port *port, const struct sockaddr_in *client); /* by ICMP */
    void (*left)(void *ctx, struct tftp_sender *s); /* all it had to send; it is in the queue no more */
    void (*unreadable)(void *ctx, struct tftp_sender *s, int code); /* likewise; code is an errno */
};

/*
 * Takes fd, a bound UDP socket, also when it fails. The batch is borrowed, and may be shared by ports:
 * nothing is in it between two calls.
 */
int tftp_port_new(sd_event *loop, int fd, struct tftp_batch *batch, const struct tftp_port_owner *owner,
                  struct tftp_port **out, struct error *err);
void tftp_port_free(struct tftp_port *port); /* NULL is fine; the queue must be empty */

/* s has something to send: it goes to the end of the queue, unless it is in it. */
void tftp_port_queue(struct tftp_port *port, struct tftp_sender *s);
void tftp_port_unqueue(struct tftp_port *port, struct tftp_sender *s); /* one that is not queued is fine */

/* Sends what is in the queue as far as there is room; the rest follows by itself. */
void tftp_port_flush(struct tftp_port *port);

/* Tells the packets that have come. For who is about to act on somebody's silence: it may be over. */
void tftp_port_receive(struct tftp_port *port);

/* A packet past the queue, lost where it cannot leave. */
void tftp_port_send(struct tftp_port *port, const struct tftp_sender *s, const void *packet, size_t size);
