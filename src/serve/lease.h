/* A lease as net keeps it in memory and state keeps it on disk. Reserved by hardware address, never by client
 * id. */
#pragma once

#include "base/net.h"

#define LEASE_HOSTNAME_MAX 64

enum lease_state {
    LEASE_OFFERED, /* in memory only */
    LEASE_BOUND,
    LEASE_RELEASED,
    LEASE_DECLINED, /* somebody else answers there: not given out until expires_ms */
    LEASE_HEARD,    /* another server's, overheard (dhcp_sighting.h); in memory only */
};

struct lease {
    struct mac mac;
    uint32_t ip;
    enum lease_state state;
    int64_t start_ms;                  /* wall clock */
    int64_t expires_ms;                /* wall clock */
    char hostname[LEASE_HOSTNAME_MAX]; /* given to the client, "" when none */
};
