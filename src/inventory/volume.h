/*
 * Volumes: which datastores of two hosts are one and the same, so that a virtual machine has one owner. Pure.
 *
 *   nfs, nfs41   "nfs://HOST/PATH", host and path normalised as in fleet.h: ESXi makes the volume's id of
 * these very bytes. The same for both protocols, since it is the same share; that one host mounts a share by
 * both is refused when the fleet is checked. Of several hosts the first in order iscsi
 * "iscsi://TARGET/LABEL": a LUN that several hosts see vmfs         "vmfs://NODE/LABEL": a disk of that node
 * alone none known   "local://NODE/LABEL": a label that the host reports and the fleet does not have
 */
#pragma once

#include "fleet/fleet.h"

#define VOLUME_MAX 512 /* bytes with NUL */

/* label: as the host reports it, looked up among the node's datastores. Cut off never: fails where it is too
 * long. */
int volume_of(const struct fleet_settings *settings, const char *node, const char *label,
              char out[static VOLUME_MAX], struct error *err);
