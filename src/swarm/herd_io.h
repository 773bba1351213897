/* Runs a herd: starts machines, as many at once as was asked, and counts what comes of them. */
#pragma once

#include "swarm/herd.h"

struct herd_listener {
    void *ctx;
    void (*progress)(void *ctx, const struct herd_counts *counts, unsigned machines);
    /* ^ now and then */
};

/*
 * Returns when all machines are done, or a byte can be read from stop_fd (-1: none). `out` is what happened
 * until then, and the first failure in words in `failure` ("" when there is none).
 */
int herd_run(const struct herd_options *options, int stop_fd, const struct herd_listener *listener,
             struct herd_counts *out, char failure[static ERROR_TEXT_MAX], struct error *err);
