/*
 * The net process: reads every packet of booting machines; holds the store read-only and the fleet without
 * secrets.
 *
 * Descriptors: 3 the images folder, 4 state, 5 parent, then NET_FDS_PER_INTERFACE for each interface in the
 * order of the arguments: UDP 67, packet socket, UDP 69, listening HTTP, UDP 4011, TFTP_PORTS free UDP ports.
 * One argument an interface: "name,index,mac,address,prefix". A last argument NET_HTTPS says that there
 * follow a sealed file with certificate and key (PEM, each ended by NUL), and a listening HTTPS socket for
 * each interface.
 */
#pragma once

#include "serve/dhcp_io.h"
#include "serve/tftp_io.h"

#define NET_FDS_PER_INTERFACE (5 + TFTP_PORTS)
#define NET_INTERFACES_MAX    15
#define NET_HTTPS             "https"

int net_role(int argc, char **argv);

/* The argument for one interface, and back. The descriptors are not in it. */
void net_interface_format(const struct dhcp_interface *interface, char out[static 80]);
int net_interface_parse(const char *text, struct dhcp_interface *out, struct error *err);
