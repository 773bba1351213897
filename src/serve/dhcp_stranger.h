/* Unknown machines: each is told of at most once a minute, all together a few times a second. */
#pragma once

#include "base/net.h"

#define DHCP_STRANGER_MS        60000
#define DHCP_STRANGERS          1024u /* MACs remembered; more at a time are told of a little too often */
#define DHCP_STRANGERS_A_SECOND 10u   /* and this is what a flood of random MACs comes to */

struct dhcp_strangers {
    struct {
        struct mac mac;
        int64_t told_ms;
    } seen[DHCP_STRANGERS];
    int64_t second; /* the second that `told` counts in */
    unsigned told;
};

/* Whether to tell of this one now. Starts zeroed. */
bool dhcp_stranger_tell(struct dhcp_strangers *s, const struct mac *mac, int64_t now_ms);
