/* The requests that commands send to the state process: one table, a function each. */
#pragma once

#include "base/buf.h"
#include "base/zones.h"
#include "serve/dhcp_host.h"
#include "state/state.h"
#include "store/store.h"

struct state_asker {
    struct state *state;
    struct store *store; /* NULL until an image was imported */
    int root_fd;         /* the --root folder */
    const struct zones *zones;
    const char *who; /* for the audit: "uid 0" */
    int64_t now_ms;
    size_t interface_count; /* where the server answers; 0 when none runs */
    const struct dhcp_interface *interfaces;
    unsigned http_port, https_port; /* of it; https_port 0: none */
    struct buf *change; /* out: what the fleet was changed by (fleet_change.h, without secrets), for net */
    void *ctx;
    void (*note)(void *ctx, const char *line); /* one line for the operator */
};

/* body: the text that came with the request. The answer is appended to out. */
int state_ask(struct state_asker *asker, const char *const *words, size_t count, struct slice body,
              struct buf *out, struct error *err);
