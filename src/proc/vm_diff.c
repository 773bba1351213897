#include "proc/vm_diff.h"

#include "proc/vm_target.h"

#include <stdio.h>
#include <string.h>

#define PART_MAX 64

static void power_text(const struct vm *vm, char out[static PART_MAX])
{
    snprintf(out, PART_MAX, "%s%s", vm_power_word(vm->power), vm->power_fixed ? "" : " (auto)");
}

static void put_name(const struct vm *vm, struct buf *out)
{
    vm_name_put(out, vm->name);
    buf_append_text(out, " (");
    vm_place_put(out, vm);
    buf_append_text(out, ")");
}

/* ", order 500 -> 10"; the first one with ": ". */
static void put_change(bool *any, const char *what, const char *before, const char *after, struct buf *out)
{
    if (strcmp(before, after) == 0)
        return;
    buf_format(out, "%s%s ", *any ? ", " : ": ", what);
    vm_name_put(out, before);
    buf_append_text(out, " -> ");
    vm_name_put(out, after);
    *any = true;
}

static void put_number(bool *any, const char *what, uint32_t before, uint32_t after, struct buf *out)
{
    char a[PART_MAX], b[PART_MAX];
    snprintf(a, sizeof a, "%u", before);
    snprintf(b, sizeof b, "%u", after);
    put_change(any, what, a, b, out);
}

void vm_diff_machine(const struct vm *before, const struct vm *after, struct buf *out)
{
    size_t start = out->size;
    bool any = false;
    char a[PART_MAX], b[PART_MAX];
    put_name(before ? before : after, out);
    if (!after) {
        buf_append_text(out, " is forgotten\n");
        return;
    }
    power_text(after, b);
    if (!before) {
        buf_format(out, " is new: power %s, order %u\n", b, after->order);
        return;
    }
    power_text(before, a);
    put_change(&any, "name", before->name, after->name, out);
    put_change(&any, "power", a, b, out);
    put_number(&any, "order", before->order, after->order, out);
    put_number(&any, "delay", before->delay_s, after->delay_s, out);
    put_change(&any, "answer", vm_answer_word(before->answer), vm_answer_word(after->answer), out);
    put_change(&any, "id", before->id, after->id, out);
    if (any)
        buf_append_text(out, "\n");
    else
        out->size = start;
}

size_t vm_diff(const struct vm_list *before, const struct vm_list *after, struct buf *out)
{
    size_t count = 0;
    for (size_t i = 0; i < before->count; i++) {
        const struct vm *vm = &before->vms[i];
        if (vm_list_find(after, vm->label, vm->file))
            continue;
        vm_diff_machine(vm, NULL, out);
        count++;
    }
    for (size_t i = 0; i < after->count; i++) {
        const struct vm *vm = &after->vms[i];
        size_t size = out->size;
        vm_diff_machine(vm_list_find(before, vm->label, vm->file), vm, out);
        count += out->size > size;
    }
    return count;
}

int vm_diff_carry_seen(const struct vm_list *now, struct vm_list *next, struct error *err)
{
    static const struct vm nothing = {.why = (char *)(uintptr_t) ""};
    for (size_t i = 0; i < next->count; i++) {
        struct vm *vm = &next->vms[i];
        const struct vm *seen = vm_list_find(now, vm->label, vm->file);
        if (!seen)
            seen = &nothing;
        vm->was_seen = seen->was_seen;
        vm->was_on = seen->was_on;
        vm->missing = seen->missing;
        vm->off = seen->off;
        vm->missing_ms = seen->missing_ms;
        if (vm_set_text(&vm->why, seen->why ? seen->why : "", err) < 0)
            return -1;
    }
    return 0;
}
