/*
 * What a host does at its next boot: the text its agent works from (docs/agent.md), and the same in words and
 * commands for people (`vm restore --dry-run`). Pure.
 */
#pragma once

#include "fleet/fleet.h"
#include "inventory/vm_list.h"

enum vm_host_kind {
    VM_HOST_NONE,  /* this image's system has no agent */
    VM_HOST_ESXI4, /* 3.5 to 4.1: esxcfg-nas, vim-cmd */
    VM_HOST_ESXI5, /* 5 and later: esxcli, vim-cmd */
    VM_HOST_XL,
    VM_HOST_VIRSH,
    VM_HOST_QEMU,
    VM_HOST_LINUX,   /* Linux: which of the three is there shows on the host */
    VM_HOST_UNKNOWN, /* for people, when the image cannot be read: steps without commands */
};

struct vm_held { /* wanted by its list, and not started */
    const struct vm *vm;
    const char *why; /* "rack02 has it until 14:03" */
};

struct vm_restore {
    const char *node;
    const char *identity; /* of the boot; "" for people */
    const char *server;   /* "http://10.77.0.1/agent/IDENTITY"; "" none */
    uint64_t
        wish; /* counts the operator's changes of this host's list: the agent restores again when it grows */
    uint32_t interval_s;
    enum vm_host_kind kind;
    const struct fleet_settings *settings; /* its datastores */
    const struct vm_list *list;            /* wanted, sorted */
    size_t held_count;
    const struct vm_held *held; /* of `list`, in its order */
};

/* The agent's list: bootherd|1, boot|, server|, wish|, interval|, store|..., vm|... and held|..., end|LINES.
 */
int vm_restore_format(const struct vm_restore *restore, struct buf *out, struct error *err);

/* One step a line, in order: what, and the command that the agent runs for it on this kind of host:
 * "mount vms (nas:/srv/vms, NFS 3)        esxcli storage nfs add --host=nas --share=/srv/vms
 * --volume-name=vms" */
int vm_restore_explain(const struct vm_restore *restore, struct buf *out, struct error *err);
int vm_restore_json(const struct vm_restore *restore, struct buf *out, struct error *err);
