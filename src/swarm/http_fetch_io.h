/*
 * One request of a simulated machine by HTTP, and the connection it keeps for the next one. What need not be
 * looked at is thrown away in the kernel, so that thousands of machines cost little.
 */
#pragma once

#include "swarm/http_reply.h"
#include "swarm/link.h"
#include "swarm/outbox_io.h"
#include "swarm/place.h"

#define HTTP_FETCH_SILENCE_US 30000000 /* to connect, and between bytes */
#define HTTP_INTAKE_SIZE      (256u << 10)
#define HTTP_FETCH_TEXT_MAX   128

struct http_fetch {
    /* Set by the owner; borrowed. */
    struct swarm_loop *loop;
    const struct swarm_link *link;
    struct swarm_outbox *outbox;
    uint8_t *intake; /* HTTP_INTAKE_SIZE, shared; nothing in it outlives a call */
    uint32_t local;  /* address it speaks from */
    bool (*data)(struct http_fetch *f, uint64_t offset, struct slice data); /* as tftp_fetch's */
    void (*ended)(struct http_fetch *f); /* look at text and reply; may start another */

    struct http_reply reply;
    bool wrong;                     /* data() said so */
    char text[HTTP_FETCH_TEXT_MAX]; /* why it failed, alike for all machines; "": an answer is there */
    /* Private. */
    const struct place *place;
    const char *user_agent;
    bool head, close;
    struct script_server server; /* of the connection */
    struct swarm_source source;
    struct swarm_timer timer;
    int fd; /* -1: no connection */
    bool busy, connecting, reused;
    bool paused; /* as tftp_fetch's */
    int64_t busy_us;
};

/* place and user_agent are borrowed until it has ended. close: a connection of its own. */
int http_fetch_start(struct http_fetch *f, const struct place *place, const char *user_agent, bool head,
                     bool close, struct error *err);
void http_fetch_stop(struct http_fetch *f); /* silently, connection and all; one that does not run is fine */
