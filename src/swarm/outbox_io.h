/*
 * What machines send, on its way to the network: it leaves later by the delay of their link. The delay is the
 * same for all, so first in is first out; a socket is closed behind what it has still to say.
 */
#pragma once

#include "swarm/loop_io.h"

#include <netinet/in.h>

struct swarm_outbox {
    struct swarm_loop *loop; /* borrowed */
    uint32_t delay_us;       /* 0: at once */
    struct swarm_timer timer;
    struct swarm_letter *first, *last; /* owned */
};

void swarm_outbox_init(struct swarm_outbox *box, struct swarm_loop *loop, uint32_t delay_us);
void swarm_outbox_fini(struct swarm_outbox *box); /* what has not left does not */

/* to NULL: a connected socket. False: it was not taken (a packet lost). */
bool swarm_outbox_send(struct swarm_outbox *box, int fd, const struct sockaddr_in *to, const void *data,
                       size_t size);
void swarm_outbox_close(struct swarm_outbox *box, int fd);
