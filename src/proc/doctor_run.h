/* `bootherd doctor`: looks, drops its privileges, asks around, judges, reports. */
#pragma once

#include "cli/processes.h"

/* As cli_processes.doctor. */
int doctor_run(const char *root, const struct cli_doctor_options *options, void *ctx,
               void (*note)(void *ctx, const char *line), struct buf *out, bool *fault, struct error *err);
