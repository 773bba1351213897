/*
 * A network where another server gives the addresses: we only say what to boot (PXE 2.1, section 2.2.5,
 * "ProxyDHCP"; UEFI 2.10, section 24.7, for HTTP Boot). Nothing here gives out, holds or ends a lease.
 */
#pragma once

#include "serve/dhcp_asker.h"

/* A packet to port 67 in such a network. */
int dhcp_proxy_packet(struct dhcp_asker *a, struct error *err);

/* A packet to port 4011, whatever the network: it goes back where it came from. */
int dhcp_proxy_ask(struct dhcp_asker *a, struct error *err);
