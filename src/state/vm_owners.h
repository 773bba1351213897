/* Who owns a machine: rows by volume and file. Only read and written here; leases are vm_hosts' to tell. */
#pragma once

#include "inventory/volume.h"
#include "state/vm_hosts.h"

/*
 * Which volume a host's label is. A host that is no node any more has no datastores: what it owned is found
 * by its rows, and all else is its own alone.
 */
struct vm_volumes {
    struct state *state;
    const char *node; /* borrowed */
    bool is_orphan;
    struct fleet_settings settings;
    char label[VM_LABEL_MAX]; /* the last one asked for; "": none was */
    char volume[VOLUME_MAX];
};
void vm_volumes_init(struct vm_volumes *volumes, struct state *state, const char *node);
/* Borrowed until the next call; NULL is an error. "": a machine of no label has no owner. */
const char *vm_volume(struct vm_volumes *volumes, const char *label, const char *file, struct error *err);

struct vm_owner {
    char node[FLEET_NAME_MAX];
    int64_t since_ms;
};
int vm_owner_read(struct state *state, const char *volume, const char *file, struct vm_owner *out,
                  struct error *err);

/* Whose a machine is, seen from `volumes->node`. */
enum vm_claim {
    VM_FREE, /* nobody's */
    VM_OWN,
    VM_LEFT,  /* another's, whose lease is over */
    VM_TAKEN, /* another's */
};
/* owner is filled in for all but VM_FREE. Negative: an error. */
int vm_claim_look(struct vm_volumes *volumes, const struct vm *vm, int64_t now_ms, struct vm_owner *owner,
                  struct error *err);

/* The host's from now on, whoever had it. In the caller's transaction; so below. */
int vm_owner_put(struct vm_volumes *volumes, const struct vm *vm, uint64_t version, int64_t now_ms,
                 struct error *err);
/* All of the list that are free, its own or left; and nothing of the host's that is not in it. */
int vm_owners_follow(struct state *state, const char *node, const struct vm_list *list, uint64_t version,
                     int64_t now_ms, struct error *err);
int vm_owners_forget(struct state *state, const char *node, struct error *err);
