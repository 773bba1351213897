/*
 * One datastore: from the words people write to the one way it is kept, and what can be meant at all.
 *
 * Kept are: host names in lower case without a trailing dot; several hosts of NFS 4.1 in order; paths without
 * '//', '/./' and a trailing '/'; portals as ADDRESS:PORT; iSCSI names in lower case (RFC 3722, 6.2).
 */
#pragma once

#include "fleet/fleet.h"

#define FLEET_STORE_LABEL_MAX 63  /* bytes; ESXi itself draws the line at 42 for NFS */
#define FLEET_STORE_PATH_MAX  255 /* bytes */
#define FLEET_STORE_HOSTS_MAX 8   /* addresses of one NFS 4.1 server */
#define FLEET_STORE_SHAPE     "{label: vms, nfs: 10.77.0.1:/srv/vms}"

void fleet_datastore_fini(struct fleet_datastore *d);
int fleet_datastore_copy(struct fleet_datastore *to, const struct fleet_datastore *from); /* -1: no memory */
bool fleet_datastore_equal(const struct fleet_datastore *a, const struct fleet_datastore *b);

/* Sets kind, host and path from "host:/path", "host1,host2:/path", "portal/target", or "" for a VMFS volume.
 */
int fleet_datastore_place(struct fleet_datastore *d, enum fleet_store_kind kind, const char *text,
                          struct error *err);
/* "label=host:/path", "label=nfs41:host:/path", "label=vmfs", "label=iscsi:portal/target", each with ":ro"
 * and
 * ":probe=write" behind it: the form of `node set`. Into a zeroed *d, which is the caller's to free. */
int fleet_datastore_parse(struct fleet_datastore *d, const char *text, struct error *err);
/* "read" or "write". */
int fleet_datastore_probe(struct fleet_datastore *d, const char *word, struct error *err);

/* The place as fleet_datastore_place takes it. */
void fleet_datastore_format(const struct fleet_datastore *d, struct buf *out);

/* Refuses what cannot be meant; whoever made it, and in its one way to be written only. */
int fleet_datastore_check(const struct fleet_datastore *d, struct error *err);
/* Refuses two that one host cannot have both. */
int fleet_datastore_check_pair(const struct fleet_datastore *a, const struct fleet_datastore *b,
                               struct error *err);
