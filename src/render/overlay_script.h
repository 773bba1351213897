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

/* `tsm`: the hypervisor has (or may have) tech support mode services, which hostd should agree on: 4.1. */
void overlay_script_ssh(bool tsm, struct buf *out);
int overlay_script_hostname(const char *hostname, struct buf *out, struct error *err);

#define OVERLAY_NFS_DEFAULT 8 /* NFS volumes that ESXi mounts unless told otherwise (NFS.MaxVolumes) */
/* Starts the agent in the background. nfs_count: NFS volumes that it mounts. */
void overlay_script_agent(size_t nfs_count, struct buf *out);
