/*
 * Addresses that are this host's for as long as a herd runs: a route each in the kernel's table `local`,
 * marked with a number of our own (`ip route show table local proto 98`), so that none is left behind or
 * mistaken.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

#define LOCAL_ADDRESS_PROTOCOL 98 /* rtm_protocol: free in iproute2's rt_protos */

int local_address_open(struct error *err); /* a descriptor; adding and removing needs CAP_NET_ADMIN */

/* One that is there already is fine. */
int local_address_add(int fd, uint32_t ip, int interface_index, struct error *err);

/* All that bear our mark on this interface; *count of them there were. */
int local_address_clear(int fd, int interface_index, size_t *count, struct error *err);
