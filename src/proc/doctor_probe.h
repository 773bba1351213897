/*
 * The doctor asks around: a DHCPDISCOVER by each interface, as machines that boot send it, and an ARP probe
 * for each node's address. Everything goes out by packet sockets, which the server on this machine does not
 * hear, from a made-up MAC inside DHCP and this machine's own around it.
 */
#pragma once

#include "proc/doctor.h"

#define DOCTOR_LISTEN_MS 4000 /* dnsmasq pings an address for 3 s before it offers it */

struct doctor_probe;

/* Opens the sockets, which needs root, on the interfaces that were chosen; marks in the facts those that are
 * probed, and why others are not. NULL when there is none to probe. */
struct doctor_probe *doctor_probe_open(struct doctor_facts *facts);
/* Sends and listens for DOCTOR_LISTEN_MS; what is heard goes into the facts. Needs no privilege. */
void doctor_probe_run(struct doctor_probe *probe, struct doctor_facts *facts);
void doctor_probe_free(struct doctor_probe *probe); /* NULL is fine */
