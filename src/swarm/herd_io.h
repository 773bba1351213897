/* Runs a herd: starts machines, as many at once as was asked, and reports what comes of them. */
#pragma once

#include "base/error.h"
#include "swarm/herd.h"
#include "swarm/report.h"

struct herd_listener {
    void *ctx;
    void (*progress)(void *ctx, const struct report *report); /* now and then */
};

/* Returns when all machines are done or it is told to stop; *out is what happened until then. */
int herd_run(const struct herd_options *options, const struct herd_doors *doors,
             const struct herd_listener *listener, struct report *out, struct error *err);
