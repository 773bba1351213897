#include "inventory/vm_merge.h"

#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 512

struct merge {
    const struct vm_merge_input *in;
    const struct vm_list *seen; /* the report's */
    struct vm_merge *out;
    bool *is_taken;      /* by place in `seen`: it is one of the known machines */
    bool *is_missing;    /* by place in `known`: from this report, that may remove it */
    bool removes;        /* this report may remove and set to off */
    struct moved *moves; /* reported machines by id, sorted: of those that are new */
    size_t move_count;
    struct buf scratch;
};

struct moved {
    const char *id;
    size_t place; /* in `seen` */
};

/* --- notes --- */

static const char *shown(const char *text, char out[static SHOWN_MAX])
{
    text_printable(text, strlen(text), out, SHOWN_MAX);
    return out;
}

static void note(struct vm_merge *out, const struct vm *vm, const char *what)
{
    char name[SHOWN_MAX], label[SHOWN_MAX], file[SHOWN_MAX];
    buf_format(&out->notes, "%s ([%s] %s) %s\n", shown(vm->name, name), shown(vm->label, label),
               shown(vm->file, file), what);
}

/* --- machines that were moved --- */

static int by_id(const void *a, const void *b)
{
    const struct moved *left = a, *right = b;
    int ids = strcmp(left->id, right->id);
    if (ids)
        return ids;
    return left->place < right->place ? -1 : left->place > right->place;
}

static const char *other_owner(const struct merge *m, const struct vm *seen)
{
    return m->in->owner ? m->in->owner(m->in->ctx, seen) : NULL;
}

static int find_moves(struct merge *m, struct error *err)
{
    const struct vm_list *known = m->in->known;
    m->moves = calloc(m->seen->count ? m->seen->count : 1, sizeof *m->moves);
    if (!m->moves)
        return error_errno(err, ENOMEM, "a report of %zu machines", m->seen->count);
    for (size_t i = 0; i < m->seen->count; i++) {
        const struct vm *vm = &m->seen->vms[i];
        if (*vm->id && *vm->file && !vm_list_find(known, vm->label, vm->file))
            m->moves[m->move_count++] = (struct moved){vm->id, i};
    }
    qsort(m->moves, m->move_count, sizeof *m->moves, by_id);
    return 0;
}

/* The one new machine with this id; none where two have it, of which nobody knows which is which. */
static const struct vm *moved_to(const struct merge *m, const struct vm *vm)
{
    size_t low = 0, high = m->move_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(m->moves[middle].id, vm->id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == m->move_count || strcmp(m->moves[low].id, vm->id) != 0 ||
        (low + 1 < m->move_count && strcmp(m->moves[low + 1].id, vm->id) == 0))
        return NULL;
    const struct vm *to = &m->seen->vms[m->moves[low].place];
    return m->is_taken[m->moves[low].place] || other_owner(m, to) ? NULL : to;
}

/* --- what is known --- */

static const struct vm_store *store_of(const struct vm_list *seen, const char *label)
{
    for (size_t i = 0; i < seen->store_count; i++)
        if (strcmp(seen->stores[i].label, label) == 0)
            return &seen->stores[i];
    return NULL;
}

static bool store_is_ok(const struct merge *m, const char *label)
{
    const struct vm_store *store = store_of(m->seen, label);
    return store && store->ok;
}

static bool store_is_failed(const struct merge *m, const char *label)
{
    const struct vm_store *store = store_of(m->seen, label);
    return store && !store->ok;
}

static bool is_running(enum vm_power seen)
{
    return seen == VM_POWER_ON || seen == VM_POWER_PAUSED;
}

static void merge_power(struct merge *m, struct vm *vm, enum vm_power seen)
{
    if (vm->power_fixed)
        return;
    if (is_running(seen) && vm->power == VM_POWER_OFF) {
        vm->power = VM_POWER_ON;
        m->out->powered++;
        note(m->out, vm, "is on");
    }
    if (seen != VM_POWER_OFF || vm->power == VM_POWER_OFF) {
        vm->off = 0;
        return;
    }
    if (!m->removes || !vm->was_on || !store_is_ok(m, vm->label)) {
        vm->off = 0;
        return;
    }
    if (++vm->off < VM_MERGE_CONFIRM)
        return;
    vm->power = VM_POWER_OFF;
    vm->off = 0;
    m->out->powered++;
    note(m->out, vm, "is off");
}

static int take_text(char **field, const char *text, bool *is_changed, struct error *err)
{
    if (!*text || strcmp(*field, text) == 0) /* a host that cannot tell it now says nothing of it */
        return 0;
    *is_changed = true;
    return vm_set_text(field, text, err);
}

static int merge_seen(struct merge *m, struct vm *vm, const struct vm *seen, struct error *err)
{
    bool is_renamed = false, is_moved = false, is_named = !store_is_failed(m, seen->label);
    m->is_taken[seen - m->seen->vms] = true;
    if ((is_named && take_text(&vm->name, seen->name, &is_renamed, err) < 0) ||
        (is_named && take_text(&vm->id, seen->id, &is_renamed, err) < 0) ||
        take_text(&vm->label, seen->label, &is_moved, err) < 0 ||
        take_text(&vm->file, seen->file, &is_moved, err) < 0)
        return -1;
    vm->was_on = (vm->was_seen && vm->was_on) || is_running(seen->power);
    vm->was_seen = true;
    vm->missing = 0;
    vm->missing_ms = 0;
    if (is_renamed || is_moved) {
        m->out->renamed++;
        note(m->out, vm, is_moved ? "was moved here" : "has a new name or id");
    }
    merge_power(m, vm, seen->power);
    /* Why it could not be started holds for as long as it is off. */
    return is_running(seen->power) || vm->power == VM_POWER_OFF ? vm_set_text(&vm->why, "", err) : 0;
}

static void merge_missing(struct merge *m, struct vm *vm)
{
    if (!m->removes || !vm->was_seen || !store_is_ok(m, vm->label)) {
        vm->missing = 0;
        vm->missing_ms = 0;
        return;
    }
    m->is_missing[vm - m->out->next.vms] = true;
    if (!vm->missing++)
        vm->missing_ms = m->in->now_ms;
}

static int merge_known(struct merge *m, struct error *err)
{
    struct vm_list *next = &m->out->next;
    for (size_t i = 0; i < next->count; i++) {
        struct vm *vm = &next->vms[i];
        const struct vm *seen = vm_list_find(m->seen, vm->label, vm->file);
        if (!seen)
            seen = moved_to(m, vm);
        if (seen && merge_seen(m, vm, seen, err) < 0)
            return -1;
        if (!seen)
            merge_missing(m, vm);
    }
    return 0;
}

/* --- what is gone --- */

/* More than half of them at once may be a management service that has lost its list. */
static bool must_hold(const struct merge *m)
{
    const struct vm_list *next = &m->out->next;
    size_t seen = 0, missing = 0;
    bool is_fresh = false;
    for (size_t i = 0; i < next->count; i++) {
        const struct vm *vm = &next->vms[i];
        seen += vm->was_seen;
        if (!m->is_missing[i])
            continue;
        missing++;
        is_fresh |= m->in->now_ms - vm->missing_ms < VM_MERGE_HOLD_MS;
    }
    return seen >= 2 && missing * 2 > seen && is_fresh;
}

/* Into `kept`, in its order; what it holds is owned by it. */
static int merge_gone(struct merge *m, struct vm_list *kept, struct error *err)
{
    const struct vm_list *next = &m->out->next;
    m->out->is_held = must_hold(m);
    for (size_t i = 0; i < next->count; i++) {
        const struct vm *vm = &next->vms[i];
        if (m->is_missing[i] && vm->missing >= VM_MERGE_CONFIRM && !m->out->is_held) {
            m->out->removed++;
            note(m->out, vm, "is gone");
        } else if (vm_list_add(kept, vm, err) < 0) {
            return -1;
        }
    }
    return 0;
}

/* --- what is new --- */

static void note_conflict(struct merge *m, const struct vm *vm, const char *owner)
{
    char text[SHOWN_MAX];
    buf_clear(&m->scratch);
    buf_format(&m->scratch, "is %s's, and not taken", shown(owner, text));
    m->out->conflicts++;
    note(m->out, vm, buf_text(&m->scratch));
}

static int add_new(struct merge *m, const struct vm *seen, struct error *err)
{
    struct vm vm = *seen;
    const char *owner = other_owner(m, seen);
    if (owner) {
        note_conflict(m, seen, owner);
        return 0;
    }
    vm.was_seen = true;
    vm.was_on = is_running(seen->power);
    vm.power = is_running(seen->power) ? VM_POWER_ON : VM_POWER_OFF;
    m->out->added++;
    note(m->out, seen, vm.power == VM_POWER_ON ? "is new, on" : "is new, off");
    return vm_list_add(&m->out->next, &vm, err);
}

static int merge_new(struct merge *m, struct error *err)
{
    for (size_t i = 0; i < m->seen->count; i++) {
        const struct vm *seen = &m->seen->vms[i];
        bool is_ours =
            m->is_taken[i] || !*seen->label || !*seen->file; /* on no datastore: nothing restores it */
        if (!is_ours && !vm_list_find(&m->out->next, seen->label, seen->file) && add_new(m, seen, err) < 0)
            return -1;
    }
    return 0;
}

static int merge_all(struct merge *m, struct error *err)
{
    struct vm_list kept = {0};
    size_t count = m->in->known->count;
    m->is_missing = calloc(count ? count : 1, sizeof *m->is_missing);
    if (!m->is_missing)
        return error_errno(err, ENOMEM, "a report");
    if (vm_list_copy(m->in->known, &m->out->next, err) < 0 || find_moves(m, err) < 0 ||
        merge_known(m, err) < 0 || merge_gone(m, &kept, err) < 0) {
        vm_list_fini(&kept);
        return -1;
    }
    vm_list_fini(&m->out->next);
    m->out->next = kept;
    if (merge_new(m, err) < 0)
        return -1;
    vm_list_sort(&m->out->next);
    m->out->is_changed = m->out->added || m->out->removed || m->out->renamed || m->out->powered;
    return m->out->notes.failed ? error_errno(err, ENOMEM, "a report") : 0;
}

bool vm_merge_waits(const struct vm_list *known)
{
    for (size_t i = 0; i < known->count; i++)
        if (known->vms[i].missing || known->vms[i].off)
            return true;
    return false;
}

int vm_merge(const struct vm_merge_input *input, struct vm_merge *out, struct error *err)
{
    struct merge m = {.in = input, .seen = &input->report->list, .out = out};
    *out = (struct vm_merge){0};
    m.removes = input->is_restored && input->report->why != VM_REPORT_SHUTDOWN;
    m.is_taken = calloc(m.seen->count ? m.seen->count : 1, sizeof *m.is_taken);
    int result = m.is_taken ? merge_all(&m, err) : error_errno(err, ENOMEM, "a report");
    free(m.is_taken);
    free(m.is_missing);
    free(m.moves);
    buf_fini(&m.scratch);
    if (result < 0)
        vm_merge_fini(out);
    return result;
}

void vm_merge_fini(struct vm_merge *merge)
{
    vm_list_fini(&merge->next);
    buf_fini(&merge->notes);
}
