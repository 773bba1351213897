/* Machines from one host, or several, to another. */
#include "base/cleanup.h"
#include "proc/state_ask_vm.h"
#include "proc/vm_target.h"
#include "proc/vm_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct moves {
    const struct vm_ask *ask;
    const char *machine; /* NULL: all */
    const char *to;
    struct buf lines; /* "rack01/web1 ([vms] web1.vmx) -> rack02" */
};

static void put_machine(struct moves *m, const char *from, const struct vm *vm)
{
    buf_format(&m->lines, "%s/", from);
    vm_name_put(&m->lines, vm->name);
    buf_append_text(&m->lines, " (");
    vm_place_put(&m->lines, vm);
    buf_format(&m->lines, ") -> %s\n", m->to);
}

static int move_host(struct moves *m, const char *from, bool dry_run, struct error *err)
{
    const struct state_asker *asker = m->ask->asker;
    struct state_vm_host host;
    struct vm_list chosen = {0};
    struct state_vm_name name = {0};
    size_t moved;
    struct state_vm_move move = {
        from, m->to, 0, NULL, vm_ask_option(m->ask, "take") != NULL, dry_run, asker->who, asker->now_ms};
    if (state_vm_host(asker->state, from, &host, err) < 0)
        return -1;
    const struct vm *vm = m->machine ? vm_target_find(host.list, from, m->machine, err) : NULL;
    if (m->machine &&
        (!vm || vm_list_add(&chosen, vm, err) < 0)) /* the host's own is borrowed until it goes */
        return -1;
    if (vm) {
        name = (struct state_vm_name){chosen.vms[0].label, chosen.vms[0].file};
        move.vms = &name;
        move.count = 1;
    }
    buf_clear(&m->lines);
    for (size_t i = 0; i < host.list->count; i++)
        if (!vm || &host.list->vms[i] == vm)
            put_machine(m, from, &host.list->vms[i]);
    int result = state_vm_move(asker->state, &move, &moved, err);
    vm_list_fini(&chosen);
    return result;
}

/* When they run there. */
static void tell_when(const struct moves *m, struct error *err)
{
    struct state_vm_host host;
    const struct state_asker *asker = m->ask->asker;
    char line[FLEET_NAME_MAX + 80];
    if (state_vm_host(asker->state, m->to, &host, err) < 0)
        return;
    snprintf(line, sizeof line, "note: %s starts what is wanted on %s", m->to,
             vm_view_when(&host, asker->now_ms));
    asker->note(asker->ctx, line);
}

/* The first round finds what is wrong with any of them, and moves nothing. */
static int move_hosts(struct moves *m, const struct range *hosts, struct error *err)
{
    bool dry_run = vm_ask_option(m->ask, "dry-run");
    cleanup_buf struct buf told = BUF_INIT;
    for (size_t i = 0; i < hosts->count; i++) {
        if (move_host(m, hosts->names[i], true, err) < 0)
            return -1;
        buf_append(&told, m->lines.data, m->lines.size);
    }
    for (size_t i = 0; !dry_run && i < hosts->count; i++)
        if (move_host(m, hosts->names[i], false, err) < 0)
            return -1;
    if (m->ask->json)
        return vm_ask_json(m->ask,
                           json_pack("{s:s, s:b, s:o}", "to", m->to, "dry_run", dry_run, "lines",
                                     vm_json_lines(buf_text(&told))),
                           err);
    buf_append_text(m->ask->out, told.size ? buf_text(&told) : "there is no machine to move\n");
    if (dry_run)
        buf_append_text(m->ask->out, "dry run: nothing was changed\n");
    else if (told.size)
        tell_when(m, err);
    return 0;
}

int vm_ask_move(const struct vm_ask *ask, struct error *err)
{
    struct moves m = {.ask = ask, .to = vm_ask_option(ask, "to")};
    struct vm_target target;
    if (!m.to || !*m.to)
        return error_set(err, "where to? bootherd vm move %s --to HOST", ask->target);
    if (vm_target_parse(ask->target, &target, err) < 0)
        return -1;
    m.machine = target.machine;
    int result = move_hosts(&m, &target.hosts, err);
    vm_target_fini(&target);
    buf_fini(&m.lines);
    return result;
}
