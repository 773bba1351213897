/*
 * The parent of a running server: opens what needs privileges, starts state and net, tells when they are
 * ready, and ends when it is told to or when one of them ends. It never reads a packet.
 */
#pragma once

#include "cli/processes.h"

int serve_run(int root_fd, const char *root, const struct cli_serve_options *options, struct error *err);

/* Makes sure that the user of the state process may write the --root folder. Does nothing for an ordinary
 * user. */
int serve_hand_over_root(int root_fd, struct error *err);
