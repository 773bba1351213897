/* What a client is told, and which way the answer goes. */
#pragma once

#include "serve/dhcp_client.h"
#include "serve/dhcp_machine.h"

/* The terms of an OFFER, an ACK or a NAK. */
struct dhcp_terms {
    enum dhcp_type type;
    bool proxy;                          /* another server gives address and settings: only what to boot */
    uint32_t ip;                         /* given; 0: the answer to an INFORM, which has no lease */
    const struct fleet_network *network; /* not used for a NAK, nor by a proxy */
    const char *hostname;                /* "": none */
    const struct dhcp_client *client;    /* NULL: not a boot ROM */
    const struct dhcp_boot *boot;        /* NULL: not a boot ROM */
    const char *message;                 /* NAK only: why */
};

/* Makes the answer to `request`, which came as `packet`; returns how many options did not fit. */
unsigned dhcp_reply_make(const struct dhcp_terms *terms, const struct dhcp_packet *packet,
                         const struct dhcp_message *request, struct dhcp_send *out);
