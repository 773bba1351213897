/* What is known of hosts, for people; and what they change. */
#include "state/state_vm.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "state/vm_owners.h"
#include "state/vm_versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- reading --- */

static const struct vm_list no_list;

static void show(const struct state *state, const struct vm_host *host, struct state_vm_host *out)
{
    const struct vm_row *row = &host->row;
    *out = (struct state_vm_host){
        .node = host->node,
        .is_orphan = !fleet_node_by_name(state->fleet, host->node),
        .boot = row->boot,
        .began_ms = row->began_ms,
        .restored_ms = row->restored_ms,
        .restored = row->restored,
        .word_ms = row->word_ms,
        .lease_ms = vm_host_lease(state, host),
        .wish = row->wish,
        .wish_taken = row->wish_taken,
        .seq = row->seq,
        .report_ms = row->report_ms,
        .version = row->version,
        .version_ms = row->version_ms,
        .hold = host->hold,
        .list = &host->list,
        .store_count = host->seen.store_count,
        .stores = host->seen.stores,
        .conflict_count = host->conflict_count,
        .conflicts = (const char *const *)host->conflicts,
    };
}

int state_vm_host(struct state *state, const char *node, struct state_vm_host *out, struct error *err)
{
    struct vm_host *host = vm_hosts_find(state, node);
    *out = (struct state_vm_host){.node = node, .restored = "", .hold = "", .list = &no_list};
    out->is_orphan = !fleet_node_by_name(state->fleet, node);
    if (!host || !vm_host_is_known(host))
        return 0;
    if (vm_host_load(state, host, err) < 0)
        return -1;
    show(state, host, out);
    return 1;
}

int state_vm_each(struct state *state, void *ctx,
                  int (*each)(void *ctx, const struct state_vm_host *host, struct error *err),
                  struct error *err)
{
    for (size_t i = 0; i < state->vms->count; i++) {
        struct vm_host *host = state->vms->places[i].host;
        struct state_vm_host shown;
        if (!vm_host_is_known(host))
            continue;
        if (vm_host_load(state, host, err) < 0)
            return -1;
        show(state, host, &shown);
        if (each(ctx, &shown, err) < 0)
            return -1;
    }
    return 0;
}

int state_vm_owner(struct state *state, const char *node, const char *label, const char *file,
                   struct state_vm_owner *out, struct error *err)
{
    struct vm_volumes volumes;
    struct vm_owner owner;
    vm_volumes_init(&volumes, state, node);
    const char *volume = vm_volume(&volumes, label, file, err);
    if (!volume)
        return -1;
    int found = volume[0] ? vm_owner_read(state, volume, file, &owner, err) : 0;
    if (found <= 0)
        return found;
    *out = (struct state_vm_owner){.since_ms = owner.since_ms,
                                   .lease_ms = vm_host_lease(state, vm_hosts_find(state, owner.node))};
    snprintf(out->node, sizeof out->node, "%s", owner.node);
    return 1;
}

/* --- a restore --- */

/* "14:03 UTC": the day is today, or a few minutes into tomorrow. */
static char *held_why(const char *owner, int64_t lease_ms)
{
    char time[TEXT_TIME_MAX], *why;
    text_time_utc(lease_ms, time);
    return asprintf(&why, "%s has it until %.5s UTC", owner, time + strlen("2026-11-22T")) < 0 ? NULL : why;
}

static int add_held(struct state_vm_restore *out, const struct vm *vm, char *why, struct error *err)
{
    size_t at = out->restore.held_count;
    if (!why)
        return error_errno(err, ENOMEM, "the virtual machines of %s", out->restore.node);
    out->whys[at] = why;
    out->held[at] = (struct vm_held){vm, why};
    out->restore.held_count++;
    return 0;
}

static int gather_held(struct state *state, int64_t now_ms, struct state_vm_restore *out, struct error *err)
{
    struct vm_volumes volumes;
    vm_volumes_init(&volumes, state, out->restore.node);
    for (size_t i = 0; i < out->list.count; i++) {
        const struct vm *vm = &out->list.vms[i];
        struct vm_owner owner;
        int claim = vm_claim_look(&volumes, vm, now_ms, &owner, err);
        if (claim < 0)
            return -1;
        if (claim != VM_TAKEN)
            continue;
        int64_t lease_ms = vm_host_lease(state, vm_hosts_find(state, owner.node));
        if (add_held(out, vm, held_why(owner.node, lease_ms), err) < 0)
            return -1;
    }
    return 0;
}

static int gather(struct state *state, const struct fleet_node *node, struct vm_host *host, int64_t now_ms,
                  struct state_vm_restore *out, struct error *err)
{
    if (host && (vm_host_load(state, host, err) < 0 || vm_list_copy(&host->list, &out->list, err) < 0))
        return -1;
    vm_list_sort(&out->list);
    size_t count = out->list.count;
    out->held = calloc(count + 1, sizeof *out->held);
    out->whys = calloc(count + 1, sizeof *out->whys);
    if (!out->held || !out->whys)
        return error_errno(err, ENOMEM, "the virtual machines of %s", node->name);
    out->settings = fleet_effective(state->fleet, node);
    out->restore = (struct vm_restore){
        .node = node->name,
        .identity = "",
        .server = "",
        .wish = host ? host->row.wish : 0,
        .interval_s = STATE_VM_INTERVAL_S,
        .kind = VM_HOST_NONE,
        .settings = &out->settings,
        .list = &out->list,
        .held = out->held,
    };
    return gather_held(state, now_ms, out, err);
}

int state_vm_restore(struct state *state, const char *name, int64_t now_ms, struct state_vm_restore *out,
                     struct error *err)
{
    const struct fleet_node *node = fleet_node_by_name(state->fleet, name);
    *out = (struct state_vm_restore){0};
    if (!node)
        return error_set(err,
                         "%s is no node, so it does not boot from here: bootherd vm move %s --to NODE gives "
                         "its machines to one that does",
                         name, name);
    if (gather(state, node, vm_hosts_find(state, name), now_ms, out, err) == 0)
        return 0;
    state_vm_restore_fini(out);
    return -1;
}

void state_vm_restore_fini(struct state_vm_restore *restore)
{
    for (size_t i = 0; i < restore->restore.held_count; i++)
        free(restore->whys[i]);
    free(restore->whys);
    free(restore->held);
    vm_list_fini(&restore->list);
    *restore = (struct state_vm_restore){0};
}

/* --- changes --- */

static struct vm_host *host_to_change(struct state *state, const char *node, struct error *err)
{
    struct vm_host *host = vm_hosts_find(state, node);
    if (!host && !fleet_node_by_name(state->fleet, node)) {
        error_set(err, "there is no node '%s': bootherd node list names them all", node);
        return NULL;
    }
    if (!host)
        host = vm_hosts_get(state, node, err);
    return host && vm_host_load(state, host, err) == 0 ? host : NULL;
}

int state_vm_change(struct state *state, const char *node, const struct vm_list *next, const char *who,
                    const char *why, int64_t now_ms, struct error *err)
{
    struct vm_host *host = host_to_change(state, node, err);
    struct vm_list copy = {0};
    bool same, own;
    if (!host || vm_list_copy(next, &copy, err) < 0)
        return -1;
    vm_list_sort(&copy);
    struct vm_row row = host->row;
    row.wish++;
    int result = vm_version_same(&host->list, &copy, &same, err);
    if (result == 0 && (result = vm_begin(state, &own, err)) == 0) {
        result = same && row.version ? vm_host_write(state, node, &row, err)
                                     : vm_version_write(state, host, &row, &copy, who, why, now_ms, err);
        result = vm_end(state, own, result, err);
    }
    if (result == 0)
        vm_host_take(state, host, &row, &copy);
    vm_list_fini(&copy);
    return result;
}

int state_vm_forget(struct state *state, const char *node, struct error *err)
{
    bool own;
    const struct vm_host *host = vm_hosts_find(state, node);
    if (!host || !vm_host_is_known(host))
        return 0;
    if (vm_begin(state, &own, err) < 0)
        return -1;
    int result = vm_owners_forget(state, node, err);
    if (result == 0)
        result = vm_versions_forget(state, node, err);
    if (vm_end(state, own, result, err) < 0)
        return -1;
    vm_hosts_drop(state, node);
    return 1;
}
