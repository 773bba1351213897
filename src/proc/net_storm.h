/*
 * Storm control in the net process: whose OFFER waits (serve/storm.h), the timer that lets it go, and what
 * the servers have sent.
 */
#pragma once

#include "serve/dhcp_host.h"
#include "serve/storm.h"

#include <systemd/sd-event.h>

struct net_storm;

struct net_storm_host {
    void *ctx;
    const struct fleet *(*fleet)(void *ctx);
    uint64_t (*sent)(void *ctx); /* bytes, by all servers so far */
    /* A DISCOVER that waited is to be answered now: from here on it is not made to wait. */
    void (*again)(void *ctx, const struct storm_packet *packet);
};

/* host is copied. */
int net_storm_new(sd_event *loop, const struct net_storm_host *host, struct net_storm **out,
                  struct error *err);
void net_storm_free(struct net_storm *ns);

/* Whether the answer to a DISCOVER must wait; then *out says so. */
bool net_storm_waits(struct net_storm *ns, const struct dhcp_boot_ask *ask, struct dhcp_boot *out);

/* event->mac is known, or zero. */
void net_storm_event(struct net_storm *ns, const struct boot_event *event);
