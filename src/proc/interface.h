/* Network interfaces and the privileged sockets on them, opened by the parent and handed to net. */
#pragma once

#include "base/error.h"
#include "serve/dhcp_io.h"
#include "serve/tftp_io.h"

struct interface_sockets {
    struct dhcp_interface dhcp; /* with its three descriptors */
    struct tftp_sockets tftp;
    int http_fd;
    int https_fd; /* -1: no HTTPS */
};

struct interface_ports {
    unsigned http;
    unsigned https; /* 0: none */
};

/* Looks it up: it must exist, be up and have an IPv4 address. No descriptor is opened. */
int interface_find(const char *name, struct dhcp_interface *out, struct error *err);

/*
 * Looks the interface up and opens UDP 67 and 4011, a packet socket, UDP 69 and the TCP ports on it, and free
 * UDP ports for TFTP's transfers. Errors say what is wrong and what to do: no such interface (and which there
 * are), no IPv4 address, a port that somebody else holds.
 */
int interface_open(const char *name, const struct interface_ports *ports, struct interface_sockets *out,
                   struct error *err);
void interface_close(struct interface_sockets *sockets);
