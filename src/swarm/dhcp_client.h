/*
 * Firmware's side of DHCP, pure: a message or the time in, one action out. RFC 2131, PXE 2.1. One boot: from
 * the first DISCOVER to the lease, or to where firmware gives up. Times are microseconds, monotonic.
 */
#pragma once

#include "base/net.h"
#include "serve/dhcp_message.h"
#include "swarm/habit.h"

#define DHCP_LEASED_FILE_MAX 256 /* option 67's length, and a NUL */

enum dhcp_client_state {
    DHCP_CLIENT_IDLE,
    DHCP_CLIENT_DISCOVERING,
    DHCP_CLIENT_WAITING_PROXY, /* has an address; a boot file may still come from elsewhere */
    DHCP_CLIENT_REQUESTING,
    DHCP_CLIENT_BOUND,
    DHCP_CLIENT_FAILED, /* text says why */
};

struct dhcp_leased {
    uint32_t ip, server;               /* server: option 54 */
    uint32_t next_server;              /* siaddr, or option 54 */
    char file[DHCP_LEASED_FILE_MAX];   /* option 67 before the field; "" when there is none */
    char prefix[DHCP_LEASED_FILE_MAX]; /* option 210 */
};

struct dhcp_client {
    const struct habit *habit;
    struct mac mac;
    uint32_t xid;
    enum dhcp_client_state state;
    bool file_needed; /* false: an address alone is all that is wanted */
    unsigned sent;    /* of the message that is being repeated */
    uint64_t retries; /* messages that were sent again, over all boots */
    int64_t began_us, offered_us, requested_us, bound_us;
    int64_t deadline_us;
    struct dhcp_leased lease; /* of the OFFER, then of the ACK */
    const char *text;         /* static */
};

/* Whether an answer could mean anything. */
static inline bool dhcp_client_listens(const struct dhcp_client *c)
{
    return c->state >= DHCP_CLIENT_DISCOVERING && c->state <= DHCP_CLIENT_REQUESTING;
}

/* DISCOVERs. xid is one that is on its way nowhere else. */
void dhcp_client_start(struct dhcp_client *c, uint32_t xid, int64_t now_us);
/* An answer with the client's xid and MAC. True: dhcp_client_message is to be sent, or the state is another.
 */
bool dhcp_client_take(struct dhcp_client *c, const struct dhcp_message *answer, int64_t now_us);
/* c->deadline_us may have passed; harmless when it has not. As dhcp_client_take. */
bool dhcp_client_timer(struct dhcp_client *c, int64_t now_us);

/* What is to be sent in states DISCOVERING and REQUESTING: the UDP payload. */
size_t dhcp_client_message(const struct dhcp_client *c, int64_t now_us, uint8_t out[static DHCP_SIZE_MAX]);
