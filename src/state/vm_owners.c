#include "state/vm_owners.h"

#include <stdio.h>
#include <string.h>

static const struct db_sql select_owner = {
    "read who owns a machine", "SELECT node, since_ms FROM vm_owner WHERE volume = $1 AND file = $2"};
static const struct db_sql select_volume = {
    "read which volume a machine is on",
    "SELECT volume FROM vm_owner WHERE node = $1 AND label = $2 AND file = $3 ORDER BY version DESC LIMIT 1"};
static const struct db_sql put_owner = {
    "keep who owns a machine",
    "INSERT INTO vm_owner (volume, file, node, label, version, since_ms) VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (volume, file) DO UPDATE SET label = excluded.label, version = excluded.version, since_ms = "
    "CASE WHEN node = excluded.node THEN since_ms ELSE excluded.since_ms END, node = excluded.node"};
static const struct db_sql prune_owners = {"forget who owned what is gone",
                                           "DELETE FROM vm_owner WHERE node = $1 AND version <> $2"};

void vm_volumes_init(struct vm_volumes *volumes, struct state *state, const char *node)
{
    const struct fleet_node *at = fleet_node_by_name(state->fleet, node);
    *volumes = (struct vm_volumes){.state = state, .node = node, .is_orphan = !at};
    if (at)
        volumes->settings = fleet_effective(state->fleet, at);
}

/* 1: found, 0: there is no row, -1. */
static int volume_of_row(struct vm_volumes *volumes, const char *label, const char *file, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(volumes->state->db, &select_volume, &call, err) < 0)
        return -1;
    db_put_text(&call, volumes->node);
    db_put_text(&call, label);
    db_put_text(&call, file);
    int found = db_step(&call, err);
    if (found > 0)
        snprintf(volumes->volume, sizeof volumes->volume, "%s", db_get_text(&call));
    return found;
}

const char *vm_volume(struct vm_volumes *volumes, const char *label, const char *file, struct error *err)
{
    if (!label[0] || !file[0])
        return "";
    if (volumes->is_orphan) {
        int found = volume_of_row(volumes, label, file, err);
        if (found)
            return found < 0 ? NULL : volumes->volume;
    }
    if (volumes->label[0] && strcmp(volumes->label, label) == 0)
        return volumes->volume;
    volumes->label[0] = 0;
    if (volume_of(&volumes->settings, volumes->node, label, volumes->volume, err) < 0)
        return NULL;
    if (!volumes->is_orphan)
        snprintf(volumes->label, sizeof volumes->label, "%s", label);
    return volumes->volume;
}

int vm_owner_read(struct state *state, const char *volume, const char *file, struct vm_owner *out,
                  struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_owner, &call, err) < 0)
        return -1;
    db_put_text(&call, volume);
    db_put_text(&call, file);
    int found = db_step(&call, err);
    if (found > 0) {
        snprintf(out->node, sizeof out->node, "%s", db_get_text(&call));
        out->since_ms = db_get_i64(&call);
    }
    return found;
}

int vm_claim_look(struct vm_volumes *volumes, const struct vm *vm, int64_t now_ms, struct vm_owner *owner,
                  struct error *err)
{
    struct state *state = volumes->state;
    const char *volume = vm_volume(volumes, vm->label, vm->file, err);
    if (!volume)
        return -1;
    int found = volume[0] ? vm_owner_read(state, volume, vm->file, owner, err) : 0;
    if (found <= 0)
        return found < 0 ? -1 : VM_FREE;
    if (strcmp(owner->node, volumes->node) == 0)
        return VM_OWN;
    return vm_host_lease(state, vm_hosts_find(state, owner->node)) > now_ms ? VM_TAKEN : VM_LEFT;
}

int vm_owner_put(struct vm_volumes *volumes, const struct vm *vm, uint64_t version, int64_t now_ms,
                 struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    const char *volume = vm_volume(volumes, vm->label, vm->file, err);
    if (!volume)
        return -1;
    if (!volume[0])
        return 0;
    if (db_call(volumes->state->db, &put_owner, &call, err) < 0)
        return -1;
    db_put_text(&call, volume);
    db_put_text(&call, vm->file);
    db_put_text(&call, volumes->node);
    db_put_text(&call, vm->label);
    db_put_i64(&call, (int64_t)version);
    db_put_i64(&call, now_ms);
    return db_run(&call, err);
}

static int prune(struct state *state, const char *node, uint64_t version, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &prune_owners, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    db_put_i64(&call, (int64_t)version);
    return db_run(&call, err);
}

int vm_owners_follow(struct state *state, const char *node, const struct vm_list *list, uint64_t version,
                     int64_t now_ms, struct error *err)
{
    struct vm_volumes volumes;
    vm_volumes_init(&volumes, state, node);
    for (size_t i = 0; i < list->count; i++) {
        struct vm_owner owner;
        int claim = vm_claim_look(&volumes, &list->vms[i], now_ms, &owner, err);
        if (claim < 0 ||
            (claim != VM_TAKEN && vm_owner_put(&volumes, &list->vms[i], version, now_ms, err) < 0))
            return -1;
    }
    return prune(state, node, version, err);
}

int vm_owners_forget(struct state *state, const char *node, struct error *err)
{
    return prune(state, node, UINT64_MAX, err); /* -1 there, and no version's number */
}
