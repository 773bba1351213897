/* `bootherd swarm`: opens what needs privileges, gives them up, runs the herd. */
#pragma once

#include "cli/processes.h"

int swarm_run(const struct cli_swarm_options *options, const struct herd_listener *listener,
              struct report *out, struct error *err);
