/*
 * The scripts of an overlay. ESXi 3.5 to 4.1 sources every etc/vmware/init/init.d/NN.name in its init, in
 * order of NN, so each ends with `return ${SUCCESS}`, never exits, never waits, and keeps to
 * names that start with bootherd_.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "fleet/fleet.h"

/* One shell word that stands for exactly `text`. Refuses control characters; `what` is for the message. */
int overlay_script_quote(const char *text, const char *what, struct buf *out, struct error *err);

/*
 * bootherd_mount_all, which calls bootherd_mount LABEL HOST PATH [--readonly] for each datastore until all
 * are there, or a day has gone. Defines bootherd_datastores and wants bootherd_mount.
 */
int overlay_script_mount_all(const struct fleet_datastore *datastores, size_t count, struct buf *out,
                             struct error *err);

/* `tsm`: the hypervisor has (or may have) tech support mode services, which hostd should agree on: 4.1. */
void overlay_script_ssh(bool tsm, struct buf *out);
int overlay_script_hostname(const char *hostname, struct buf *out, struct error *err);
int overlay_script_datastores(const struct fleet_datastore *datastores, size_t count, struct buf *out,
                              struct error *err);
