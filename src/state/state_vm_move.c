/* Machines that go from one host to another. */
#include "state/state_vm.h"
#include "state/vm_owners.h"
#include "state/vm_versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TOLD_MAX 5 /* machines that one refusal or note names */

struct moving {
    struct state *state;
    const struct state_vm_move *move;
    struct vm_host *from, *to;
    struct vm_volumes from_volumes, to_volumes;
    struct vm_list left, got; /* owned: the lists afterwards */
    size_t count;             /* moved so far */
    struct vm_list moved;     /* owned: as `to` has them */
};

static bool is_own_disk(const char *volume)
{
    return strncmp(volume, "vmfs://", strlen("vmfs://")) == 0 ||
           strncmp(volume, "local://", strlen("local://")) == 0;
}

/* What `to` calls the volume; NULL: it does not have it. */
static const char *label_there(const struct moving *m, const char *volume, const char *label)
{
    static const char vmfs[] = "vmfs://";
    struct error ignored;
    char theirs[VOLUME_MAX];
    const struct fleet_settings *settings = &m->to_volumes.settings;
    for (size_t i = 0; i < settings->datastore_count; i++) {
        const char *there = settings->datastores[i].label;
        if (volume_of(settings, m->move->to, there, theirs, &ignored) < 0)
            continue;
        bool same_disk = m->move->take && is_own_disk(volume) && strcmp(there, label) == 0 &&
                         strncmp(theirs, vmfs, strlen(vmfs)) == 0;
        if (strcmp(theirs, volume) == 0 || same_disk)
            return there;
    }
    return NULL;
}

static int refuse_volume(const struct moving *m, const struct vm *vm, const char *volume, struct error *err)
{
    if (is_own_disk(volume) && !m->move->take)
        return error_set(err, "%s (%s/%s) is on a disk of %s alone: where its disks went into %s, say --take",
                         vm->name, vm->label, vm->file, m->move->from, m->move->to);
    return error_set(
        err,
        "%s (%s/%s) is on %s, which %s does not have: give it that datastore first (bootherd node "
        "set %s --datastores ...)",
        vm->name, vm->label, vm->file, volume, m->move->to, m->move->to);
}

/* It may still run somewhere. */
static int check_lease(struct moving *m, const struct vm *vm, struct error *err)
{
    struct vm_owner owner;
    int claim = vm_claim_look(&m->from_volumes, vm, m->move->now_ms, &owner, err);
    if (claim < 0)
        return -1;
    if (m->move->take || vm->power == VM_POWER_OFF)
        return 0;
    const char *node = claim == VM_OWN || claim == VM_TAKEN ? owner.node : NULL;
    int64_t left_ms = node ? vm_host_lease(m->state, vm_hosts_find(m->state, node)) - m->move->now_ms : 0;
    if (left_ms <= 0)
        return 0;
    return error_set(err,
                     "%s (%s/%s) may be running on %s, which spoke lately: switch it off there, wait %lld "
                     "minutes after that host's end, or say --take when you know that it does not run",
                     vm->name, vm->label, vm->file, node, (long long)(left_ms / 60000 + 1));
}

static int move_one(struct moving *m, const struct vm *vm, struct error *err)
{
    const char *volume = vm_volume(&m->from_volumes, vm->label, vm->file, err);
    if (!volume)
        return -1;
    if (!volume[0])
        return error_set(err, "%s is on no datastore that is known here, so it cannot go to another host",
                         vm->name);
    const char *label = label_there(m, volume, vm->label);
    if (!label)
        return refuse_volume(m, vm, volume, err);
    if (check_lease(m, vm, err) < 0)
        return -1;
    struct vm there = *vm;
    memcpy(&there.label, &label, sizeof label); /* copied by vm_list_add */
    there.was_seen = false;
    there.missing = there.off = 0;
    there.missing_ms = 0;
    there.why = NULL;
    if (vm_list_find(&m->got, label, vm->file))
        vm_list_remove(&m->got, label, vm->file);
    if (vm_list_add(&m->got, &there, err) < 0 || vm_list_add(&m->moved, &there, err) < 0)
        return -1;
    m->count++;
    return 0;
}

static bool is_chosen(const struct state_vm_move *move, const struct vm *vm)
{
    for (size_t i = 0; i < move->count; i++)
        if (strcmp(move->vms[i].label, vm->label) == 0 && strcmp(move->vms[i].file, vm->file) == 0)
            return true;
    return !move->vms;
}

static int sort_out(struct moving *m, struct error *err)
{
    const struct vm_list *list = &m->from->list;
    for (size_t i = 0; i < m->move->count; i++)
        if (!vm_list_find(list, m->move->vms[i].label, m->move->vms[i].file))
            return error_set(err, "%s has no machine %s/%s", m->move->from, m->move->vms[i].label,
                             m->move->vms[i].file);
    if (vm_list_copy(&m->to->list, &m->got, err) < 0)
        return -1;
    for (size_t i = 0; i < list->count; i++)
        if ((is_chosen(m->move, &list->vms[i]) ? move_one(m, &list->vms[i], err)
                                               : vm_list_add(&m->left, &list->vms[i], err)) < 0)
            return -1;
    vm_list_sort(&m->got);
    vm_list_sort(&m->left);
    return 0;
}

/* "3 machines to rack02: web1, web2, db". */
static void describe(const struct moving *m, const char *way, const char *node, struct buf *out)
{
    buf_format(out, "%zu machine%s %s %s: ", m->count, m->count == 1 ? "" : "s", way, node);
    for (size_t i = 0; i < m->moved.count && i < TOLD_MAX; i++)
        buf_format(out, "%s%s", i ? ", " : "", m->moved.vms[i].name);
    buf_append_text(out, m->moved.count > TOLD_MAX ? ", ...\n" : "\n");
}

static int write_side(struct moving *m, struct vm_host *host, struct vm_row *row, const struct vm_list *list,
                      const char *way, const char *other, struct error *err)
{
    struct buf why = BUF_INIT;
    describe(m, way, other, &why);
    *row = host->row;
    row->wish++;
    int result =
        vm_version_write(m->state, host, row, list, m->move->who, buf_text(&why), m->move->now_ms, err);
    buf_fini(&why);
    return result;
}

static int write_both(struct moving *m, struct vm_row *from, struct vm_row *to, struct error *err)
{
    if (write_side(m, m->from, from, &m->left, "to", m->move->to, err) < 0 ||
        write_side(m, m->to, to, &m->got, "from", m->move->from, err) < 0)
        return -1;
    for (size_t i = 0; i < m->moved.count; i++)
        if (vm_owner_put(&m->to_volumes, &m->moved.vms[i], to->version, m->move->now_ms, err) < 0)
            return -1;
    return 0;
}

static int carry_out(struct moving *m, struct error *err)
{
    struct vm_row from, to;
    bool own;
    if (vm_begin(m->state, &own, err) < 0 || vm_end(m->state, own, write_both(m, &from, &to, err), err) < 0)
        return -1;
    vm_host_take(m->state, m->from, &from, &m->left);
    vm_host_take(m->state, m->to, &to, &m->got);
    return 0;
}

static int find_sides(struct moving *m, struct error *err)
{
    const struct state_vm_move *move = m->move;
    if (strcmp(move->from, move->to) == 0)
        return error_set(err, "%s to itself: nothing is moved", move->from);
    if (!fleet_node_by_name(m->state->fleet, move->to))
        return error_set(err, "there is no node '%s': bootherd node list names them all", move->to);
    m->from = vm_hosts_find(m->state, move->from);
    if (!m->from || !vm_host_is_known(m->from))
        return error_set(err,
                         "nothing is known of virtual machines of '%s': bootherd vm list names the hosts",
                         move->from);
    m->to = vm_hosts_get(m->state, move->to, err);
    if (!m->to)
        return -1;
    vm_volumes_init(&m->from_volumes, m->state, move->from);
    vm_volumes_init(&m->to_volumes, m->state, move->to);
    return vm_host_load(m->state, m->from, err) < 0 || vm_host_load(m->state, m->to, err) < 0 ? -1 : 0;
}

int state_vm_move(struct state *state, const struct state_vm_move *move, size_t *moved, struct error *err)
{
    struct moving m = {.state = state, .move = move};
    int result = find_sides(&m, err);
    if (result == 0)
        result = sort_out(&m, err);
    if (result == 0 && !move->dry_run && m.count)
        result = carry_out(&m, err);
    *moved = m.count;
    vm_list_fini(&m.left);
    vm_list_fini(&m.got);
    vm_list_fini(&m.moved);
    return result;
}
