/*
 * Leased addresses become addresses of this host, so that ordinary sockets speak from them: asked of a
 * process that has kept the privilege to (proc/address_role.h), by a SOCK_SEQPACKET pair.
 */
#pragma once

#include "swarm/loop_io.h"

/* A datagram there, and back with `code` filled in. */
struct address_message {
    uint32_t token; /* the asker's */
    uint32_t ip;
    int32_t code; /* 0, or an errno value */
};

struct address_io;

/* fd is borrowed. At most `most` questions are open at a time. done() may ask again. */
int address_io_new(struct swarm_loop *loop, int fd, size_t most,
                   void (*done)(void *ctx, const struct address_message *answer), void *ctx,
                   struct address_io **out, struct error *err);
void address_io_free(struct address_io *io); /* NULL is fine */

void address_io_ask(struct address_io *io, uint32_t token, uint32_t ip);
