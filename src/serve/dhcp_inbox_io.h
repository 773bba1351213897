/* DHCP packets from a socket: many with one system call. */
#pragma once

#include "base/net.h"

#include <netinet/in.h>
#include <stddef.h>

#define DHCP_INBOX_MAX 64u /* packets at once; then commits and other sockets have their turn */

struct dhcp_inbox;

struct dhcp_arrival {
    const uint8_t *data; /* borrowed until the next dhcp_inbox_read */
    size_t size;
    uint32_t source_ip;
    uint16_t source_port;
    int interface_index;
    uint32_t destination;
};

struct dhcp_inbox *dhcp_inbox_new(void); /* NULL when memory runs out */
void dhcp_inbox_free(struct dhcp_inbox *inbox);

/* What is there now, without waiting: how many. They are numbered from 0. */
size_t dhcp_inbox_read(struct dhcp_inbox *inbox, int fd);
/* False when the kernel does not say by which interface it came in. */
bool dhcp_inbox_get(const struct dhcp_inbox *inbox, size_t i, struct dhcp_arrival *out);
