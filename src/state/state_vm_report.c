/* A host's report: taken into its inventory, or not. */
#include "state/state_vm.h"

#include "base/cleanup.h"
#include "inventory/vm_merge.h"
#include "state/vm_owners.h"
#include "state/vm_versions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONFLICTS_MAX 100 /* told of one host: there may be 10,000, and one is reason enough to look */

struct taking {
    struct state *state;
    struct vm_host *host;
    int64_t now_ms;
    struct vm_report report; /* owned */
    struct vm_merge merge;   /* owned */
    struct vm_volumes volumes;
    struct vm_owner owner; /* of the machine looked at last */
    struct error *err;     /* of a look that failed */
    bool failed;
    bool has_free; /* a machine is here, and no row says whose it is */
    size_t conflict_count;
    char **conflicts; /* owned */
};

/* --- whose they are --- */

/*
 * The other host that has the machine, so that this report does not take it; NULL: none. Who reports it
 * running has it when the owner's lease is over; a machine that is merely registered stays the owner's.
 */
static const char *other_owner(void *ctx, const struct vm *vm)
{
    struct taking *t = ctx;
    int look = vm_claim_look(&t->volumes, vm, t->now_ms, &t->owner, t->err);
    t->failed |= look < 0;
    if (look < 0 || look == VM_TAKEN)
        return look < 0 ? "" : t->owner.node; /* "": nothing of this report is taken */
    t->has_free |= look == VM_FREE && vm->label[0] && vm->file[0];
    return look == VM_LEFT && vm->power != VM_POWER_ON ? t->owner.node : NULL;
}

/* Takes the line. NULL: memory ran out. */
static int add_conflict(struct taking *t, char *line)
{
    char **conflicts = line ? reallocarray(t->conflicts, t->conflict_count + 1, sizeof *conflicts) : NULL;
    if (!conflicts) {
        free(line);
        return error_errno(t->err, ENOMEM, "the conflicts of %s", t->host->node);
    }
    t->conflicts = conflicts;
    conflicts[t->conflict_count++] = line;
    return 0;
}

static int add_owned(struct taking *t, const struct vm *vm, const char *owner)
{
    char *line;
    if (asprintf(&line, "conflict: %s/%s is %s, and %s has it", vm->label, vm->file,
                 vm->power == VM_POWER_ON ? "on here" : "registered here", owner) < 0)
        line = NULL;
    return add_conflict(t, line);
}

/* What lies on no datastore of the host's can be told, and not restored. */
static int add_loose(struct taking *t, const struct vm *vm)
{
    char *line;
    if (asprintf(&line, "left out: %s is on no datastore that its host was given, and will not come back",
                 vm->name) < 0)
        line = NULL;
    return add_conflict(t, line);
}

static int find_conflicts(struct taking *t)
{
    const struct vm_list *list = &t->report.list;
    for (size_t i = 0; i < list->count && t->conflict_count < CONFLICTS_MAX; i++) {
        const struct vm *vm = &list->vms[i];
        bool is_loose = !vm->label[0] || !vm->file[0];
        const char *owner = is_loose ? NULL : other_owner(t, vm);
        if (t->failed || (owner && add_owned(t, vm, owner) < 0) || (is_loose && add_loose(t, vm) < 0))
            return -1;
    }
    return 0;
}

static bool was_told(const struct vm_host *host, const char *line)
{
    for (size_t i = 0; i < host->conflict_count; i++)
        if (strcmp(host->conflicts[i], line) == 0)
            return true;
    return false;
}

static void take_conflicts(struct taking *t, struct buf *told)
{
    struct vm_host *host = t->host;
    for (size_t i = 0; i < t->conflict_count; i++)
        if (!was_told(host, t->conflicts[i]))
            buf_format(told, "%s\n", t->conflicts[i]);
    vm_host_clear_conflicts(host);
    host->conflicts = t->conflicts;
    host->conflict_count = t->conflict_count;
    t->conflicts = NULL;
    t->conflict_count = 0;
}

/* --- taking it --- */

static int merge(struct taking *t, const struct vm_row *row)
{
    struct vm_merge_input input = {
        .known = &t->host->list,
        .report = &t->report,
        .is_restored = row->restored_ms != 0,
        .now_ms = t->now_ms,
        .owner = other_owner,
        .ctx = t,
    };
    if (vm_merge(&input, &t->merge, t->err) < 0)
        return -1;
    return t->failed ? -1 : find_conflicts(t);
}

static int write_changes(struct taking *t, struct vm_row *row)
{
    const struct vm_list *list = &t->host->list;
    if (t->merge.is_changed)
        return vm_version_write(t->state, t->host, row, &t->merge.next, "agent", buf_text(&t->merge.notes),
                                t->now_ms, t->err);
    return vm_owners_follow(t->state, t->host->node, list, row->version, t->now_ms, t->err);
}

/* A new version, on disk when this returns; what changes nothing waits for the next flush. */
static int keep(struct taking *t, struct vm_row *row)
{
    bool own;
    if (!t->merge.is_changed && !t->has_free) {
        vm_host_changed(t->state, t->host);
        return 0;
    }
    if (t->merge.is_changed)
        vm_list_sort(&t->merge.next);
    if (vm_begin(t->state, &own, t->err) < 0)
        return -1;
    return vm_end(t->state, own, write_changes(t, row), t->err);
}

static void take_stores(struct taking *t)
{
    struct vm_list *seen = &t->host->seen;
    vm_list_fini(seen);
    vm_list_init(seen);
    seen->store_count = t->report.list.store_count;
    seen->stores = t->report.list.stores;
    t->report.list.store_count = 0;
    t->report.list.stores = NULL;
}

static void say_hold(const struct taking *t, char out[static VM_WHY_MAX])
{
    const struct vm_list *known = &t->host->list;
    size_t missing = 0;
    out[0] = 0;
    for (size_t i = 0; t->merge.is_held && i < known->count; i++)
        missing += !vm_list_find(&t->report.list, known->vms[i].label, known->vms[i].file);
    if (t->merge.is_held)
        snprintf(out, VM_WHY_MAX,
                 "%zu of %zu machines are not in the report: believed when it stays so for %d minutes",
                 missing, known->count, VM_MERGE_HOLD_MS / 60000);
}

static int take(struct taking *t, struct buf *answer, struct buf *changes, struct buf *conflicts)
{
    struct vm_host *host = t->host;
    struct vm_row row = host->row;
    char hold[VM_WHY_MAX];
    row.seq = t->report.seq;
    row.report_ms = t->now_ms;
    if (t->report.why == VM_REPORT_RESTORED && !row.restored_ms)
        row.restored_ms = t->now_ms;
    if (merge(t, &row) < 0) {
        if (t->failed || t->err->code)
            return -1;
        buf_format(answer, "bad|%s\n", t->err->text); /* it cannot be: more than a host may have */
        return 0;
    }
    if (keep(t, &row) < 0)
        return -1;
    say_hold(t, hold);
    if (t->merge.is_changed && t->merge.notes.size)
        buf_append(changes, t->merge.notes.data, t->merge.notes.size);
    take_conflicts(t, conflicts);
    vm_host_take(t->state, host, &row, &t->merge.next);
    take_stores(t);
    host->has_report = true;
    memcpy(host->hold, hold, sizeof hold);
    if (t->merge.is_held)
        buf_format(answer, "held|%s\n", hold);
    else
        buf_format(answer, "ok|%" PRIu64 "\n", row.wish);
    return 0;
}

static void fini(struct taking *t)
{
    for (size_t i = 0; i < t->conflict_count; i++)
        free(t->conflicts[i]);
    free(t->conflicts);
    vm_merge_fini(&t->merge);
    vm_report_fini(&t->report);
}

int state_vm_agent_report(struct state *state, const char *node, struct slice text, int64_t now_ms,
                          struct buf *answer, struct buf *changes, struct buf *conflicts, struct error *err)
{
    struct error why;
    struct taking t = {.state = state, .host = vm_hosts_find(state, node), .now_ms = now_ms, .err = err};
    if (!t.host)
        return error_set(err, "nothing is known of an agent on %s", node);
    t.host->row.word_ms = now_ms;
    vm_host_changed(state, t.host);
    if (vm_report_parse(text, &t.report, &why) < 0) {
        buf_format(answer, "bad|%s\n", why.text);
        return 0;
    }
    int result = 0;
    vm_volumes_init(&t.volumes, state, node);
    if (t.report.seq < t.host->row.seq)
        buf_format(answer, "bad|late: number %" PRIu64 " was taken already\n", t.host->row.seq);
    else if (t.report.seq == t.host->row.seq && t.host->has_report)
        buf_format(answer, "ok|%" PRIu64 "\n", t.host->row.wish);
    else
        result = take(&t, answer, changes, conflicts);
    fini(&t);
    return result;
}
