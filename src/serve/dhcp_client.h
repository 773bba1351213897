/*
 * Who asks: what options 60, 77, 93, 97 and 175 say of a DHCP client (RFC 4578, RFC 3004, and clients'
 * habits).
 */
#pragma once

#include "plan/client.h"
#include "serve/boot_event.h"
#include "serve/dhcp_message.h"

#define DHCP_UUID_TEXT_SIZE 37 /* "4c4c4544-0077-4000-8000-525400770103" and NUL */

struct dhcp_client {
    struct plan_client plan;
    bool boots;                     /* a boot ROM, not a booted system */
    bool takes_offer;               /* boots by what a proxy offers, without asking on port 4011 first */
    char uuid[DHCP_UUID_TEXT_SIZE]; /* of the machine (SMBIOS), as its own tools print it; "": not said */
    char text[BOOT_EVENT_TEXT_MAX]; /* for people: "PXE, BIOS, iPXE ROM" */
};

/* chaddr of `m` is an Ethernet address (checked by the caller). */
void dhcp_client_read(const struct dhcp_message *m, struct dhcp_client *out);
