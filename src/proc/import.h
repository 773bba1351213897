/* Importing, on the command's side: starts the import process, listens to it, publishes what it staged. */
#pragma once

#include "cli/processes.h"

int import_run_process(int root_fd, const char *source, const char *name, enum cli_import what, bool json,
                       const struct cli_import_listener *listener, struct cli_imported *out,
                       struct error *err);
