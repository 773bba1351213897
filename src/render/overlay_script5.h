/*
 * The script that finishes an ESXi 5.0 or later: sourced at the end of its boot, so it never
 * exits, never waits, and keeps to names that start with bootherd_. What takes time is done in the
 * background.
 *
 * localcli works while hostd is still starting; where hostd keeps a copy of what is set (services), the
 * script waits for it and goes through it, and without it does the same directly.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fleet/fleet.h"

struct overlay_script5 {
    const char *hostname;          /* NULL: leave it */
    unsigned vlan;                 /* of the port group "Management Network"; 0: leave it */
    bool root;                     /* put root's field in /etc/shadow back to what OVERLAY_ROOT_PATH holds */
    bool ssh;                      /* start it, unless root has an empty password */
    bool agent;                    /* start it */
    size_t nfs_count, nfs41_count; /* volumes that the agent mounts */
};

#define OVERLAY_ROOT_PATH "etc/bootherd/root.hash"

/* Whether there is anything to run. */
bool overlay_script5_needed(const struct overlay_script5 *what);

int overlay_script5(const struct overlay_script5 *what, struct buf *out, struct error *err);
