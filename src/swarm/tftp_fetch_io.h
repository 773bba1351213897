/*
 * One TFTP transfer of a simulated machine: its socket and its timer; decisions are tftp_client's. Whole
 * bursts are taken in by one call (UDP_GRO, recvmmsg), so that thousands of machines cost little.
 */
#pragma once

#include "swarm/link.h"
#include "swarm/outbox_io.h"
#include "swarm/tftp_client.h"

#include <netinet/in.h>

struct tftp_intake; /* buffers that all transfers of a herd share; nothing in them outlives a call */

struct tftp_intake *tftp_intake_new(void); /* NULL when memory runs out */
void tftp_intake_free(struct tftp_intake *intake);

struct tftp_fetch {
    /* Set by the owner; borrowed. */
    struct swarm_loop *loop;
    struct swarm_link *link;
    struct swarm_outbox *outbox;
    struct tftp_intake *intake;
    const char *name;
    uint32_t local; /* address it speaks from; 0: the host's choice */
    uint32_t server;
    uint16_t port;
    /* The bytes as they arrive, in order. False: they are wrong, and the transfer ends. NULL: not looked at.
     */
    bool (*data)(struct tftp_fetch *f, uint64_t offset, struct slice data);
    void (*ended)(struct tftp_fetch *f); /* look at client.verdict; may start another */

    struct tftp_client client;
    bool wrong; /* data() said so */
    /* Private. */
    struct swarm_source source;
    struct swarm_timer timer;
    int fd;         /* -1: not running */
    bool connected; /* the port of the server's end is known */
    bool paused;    /* taking in what came, at the link's rate */
    int64_t busy_us;
};

int tftp_fetch_start(struct tftp_fetch *f, const struct tftp_manner *manner, bool probe, struct error *err);
void tftp_fetch_stop(struct tftp_fetch *f); /* silently; one that does not run is fine */
