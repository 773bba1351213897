/* What proc/ offers to the commands. */
#pragma once

#include "cli/processes.h"

extern const struct cli_processes proc_processes;
