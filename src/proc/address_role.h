/*
 * The process that keeps root's privileges while a herd runs, to make leased addresses this host's: it hears
 * its parent alone, adds none but of the interface's network, and removes all at the end, however the parent
 * ended. What a kill -9 of this process leaves is removed by the next herd on that interface.
 */
#pragma once

#include "base/error.h"
#include "swarm/herd.h"

#include <sys/types.h>

/* Starts it. *fd, owned by the caller, is its end of the pair (swarm/address_io.h); closing it ends the
 * process. The error says it when another herd is on this interface. */
int address_role_start(const struct herd_interface *interface, int *fd, pid_t *pid, struct error *err);

int address_role(int argc, char **argv);
