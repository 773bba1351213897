/* Who asks: what options 60, 77, 93 and 175 say of a DHCP client (RFC 4578, RFC 3004, and clients' habits).
 */
#pragma once

#include "plan/client.h"
#include "serve/boot_event.h"
#include "serve/dhcp_message.h"

struct dhcp_client {
    struct plan_client plan;
    bool boots;                     /* a boot ROM, not a booted system */
    char text[BOOT_EVENT_TEXT_MAX]; /* for people: "PXE, BIOS, iPXE ROM" */
};

/* chaddr of `m` is an Ethernet address (checked by the caller). */
void dhcp_client_read(const struct dhcp_message *m, struct dhcp_client *out);
