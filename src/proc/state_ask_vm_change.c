/* What changes a host's list: set, forget, restore. Each host's next list is made from the current one; all
 * are made and checked before the first is written. */
#include "base/cleanup.h"
#include "base/text.h"
#include "proc/explain.h"
#include "proc/state_ask_vm.h"
#include "proc/vm_diff.h"
#include "proc/vm_target.h"
#include "proc/vm_view.h"
#include "render/overlay_agent.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY_LINES 20 /* of what changed, kept with a version */

struct edit {
    const struct vm_ask *ask;
    const char *machine; /* NULL: the whole host */
    char reason[64];     /* "vm set" */
    bool anew;           /* the host restores, although its list stays */
    int (*make)(const struct edit *edit, const struct state_vm_host *host, struct vm_list *next,
                struct error *err);
    json_t *told; /* what changed, a host each; NULL: text */
};

/* "vm set: " and what differs; the lists of large hosts are not kept twice. */
static void put_why(const struct edit *edit, const char *lines, size_t count, struct buf *out)
{
    buf_format(out, "%s%s", edit->reason, count ? ": " : "");
    for (size_t i = 0; i < count && i < WHY_LINES; i++) {
        size_t length = strcspn(lines, "\n") + 1;
        buf_append(out, lines, length);
        lines += length;
    }
    if (count > WHY_LINES)
        buf_format(out, "and %zu more\n", count - WHY_LINES);
}

static int tell(const struct edit *edit, const struct state_vm_host *host, const char *lines, bool dry_run,
                struct error *err)
{
    struct buf *out = edit->ask->out;
    if (edit->told) {
        json_t *json =
            json_pack("{s:s, s:b, s:b, s:b, s:o}", "host", host->node, "changed", *lines != 0, "restores",
                      *lines != 0 || edit->anew, "dry_run", dry_run, "lines", vm_json_lines(lines));
        return json_array_append_new(edit->told, json) < 0 ? error_errno(err, ENOMEM, "vm") : 0;
    }
    if (!*lines && edit->anew)
        buf_format(out, "%s: nothing differs; it restores again %s\n", host->node,
                   vm_view_when(host, edit->ask->asker->now_ms));
    else if (!*lines)
        buf_format(out, "%s: no change\n", host->node);
    while (*lines) {
        size_t length = strcspn(lines, "\n") + 1; /* each line has its end */
        buf_format(out, "%s: ", host->node);
        buf_append(out, lines, length);
        lines += length;
    }
    return 0;
}

/* A node that is none any more needs no empty list either. */
static bool goes_whole(const struct edit *edit, const struct state_vm_host *host)
{
    return strcmp(edit->ask->verb, "forget") == 0 && !edit->machine && host->is_orphan;
}

static int write_host(const struct edit *edit, const struct state_vm_host *host, const struct vm_list *next,
                      const char *lines, size_t count, struct error *err)
{
    const struct state_asker *asker = edit->ask->asker;
    cleanup_free char *node = strdup(host->node); /* borrowed until the change */
    cleanup_buf struct buf why = BUF_INIT;
    if (!node)
        return error_errno(err, ENOMEM, "vm %s", edit->ask->verb);
    if (goes_whole(edit, host))
        return state_vm_forget(asker->state, node, err) < 0 ? -1 : 0;
    put_why(edit, lines, count, &why);
    return state_vm_change(asker->state, node, next, asker->who, buf_text(&why), asker->now_ms, err);
}

/* Without datastores an overlay may be of no other use, and is then not made: nobody would restore. */
static void note_agent(const struct edit *edit, const char *name)
{
    const struct state_asker *asker = edit->ask->asker;
    const struct fleet *fleet = state_fleet(asker->state);
    const struct fleet_node *node = fleet_node_by_name(fleet, name);
    if (!node)
        return;
    struct fleet_settings settings = fleet_effective(fleet, node);
    bool off = text_equal(settings.agent, "off"), on = text_equal(settings.agent, "on");
    if (on || (!off && settings.datastore_count))
        return;
    cleanup_buf struct buf note = BUF_INIT;
    buf_format(&note,
               "note: %s may come up without the agent that restores, since %s; fix: bootherd node set %s "
               "--agent on",
               name, off ? "its setting agent is off" : "it has no datastores", name);
    asker->note(asker->ctx, buf_text(&note));
}

/* One host: its next list is made, and written or told. */
static int run_host(const struct edit *edit, const char *node, bool write, bool say, struct error *err)
{
    struct state_vm_host host;
    struct vm_list next = {0};
    cleanup_buf struct buf lines = BUF_INIT;
    int known = state_vm_host(edit->ask->asker->state, node, &host, err);
    if (known < 0)
        return -1;
    if (!known && host.is_orphan)
        return error_set(
            err, "there is no node %s, and nothing is known of it: bootherd vm list names the hosts", node);
    int result = vm_list_copy(host.list, &next, err);
    if (result == 0)
        result = edit->make(edit, &host, &next, err);
    if (result == 0) {
        vm_list_sort(&next);
        size_t count = vm_diff(host.list, &next, &lines);
        if (say) /* `host` is borrowed until the change; when that fails, the error alone is told */
            result = tell(edit, &host, buf_text(&lines), !write, err);
        if (result == 0 && write && (count || edit->anew || goes_whole(edit, &host)))
            result = write_host(edit, &host, &next, buf_text(&lines), count, err);
        if (result == 0 && write && next.count)
            note_agent(edit, node);
    }
    vm_list_fini(&next);
    return result;
}

/* The first round finds what is wrong with any of them, and changes nothing. */
static int run_hosts(struct edit *edit, const struct range *hosts, struct error *err)
{
    bool dry_run = vm_ask_option(edit->ask, "dry-run");
    if (edit->ask->json && !(edit->told = json_array()))
        return error_errno(err, ENOMEM, "vm %s", edit->ask->verb);
    int result = 0;
    for (size_t i = 0; result == 0 && i < hosts->count; i++)
        result = run_host(edit, hosts->names[i], false, dry_run, err);
    for (size_t i = 0; result == 0 && !dry_run && i < hosts->count; i++)
        result = run_host(edit, hosts->names[i], true, true, err);
    if (result == 0 && edit->told)
        result = vm_ask_json(edit->ask, json_incref(edit->told), err);
    else if (result == 0 && dry_run)
        buf_append_text(edit->ask->out, "dry run: nothing was changed\n");
    json_decref(edit->told);
    edit->told = NULL;
    return result;
}

static int run_target(struct edit *edit, struct error *err)
{
    struct vm_target target;
    if (vm_target_parse(edit->ask->target, &target, err) < 0)
        return -1;
    edit->machine = target.machine;
    snprintf(edit->reason, sizeof edit->reason, "vm %s", edit->ask->verb);
    int result = run_hosts(edit, &target.hosts, err);
    vm_target_fini(&target);
    return result;
}

/* --- set --- */

static int set_power(struct vm *vm, const char *word, struct error *err)
{
    enum vm_power power;
    if (strcmp(word, "auto") == 0) {
        vm->power_fixed = false;
        return 0;
    }
    if (!vm_power_parse(word, &power) || power > VM_POWER_ON)
        return error_set(err, "--power %s: on, off or auto (as its host has it) is needed", word);
    vm->power = power;
    vm->power_fixed = true;
    vm->off = 0;
    return 0;
}

static int set_name(struct vm *vm, const char *name, struct error *err)
{
    if (!*name || strlen(name) >= VM_NAME_MAX)
        return error_set(err, "--name: a name has 1 to %d bytes", VM_NAME_MAX - 1);
    return vm_set_text(&vm->name, name, err);
}

static int set_machine(const struct vm_ask *ask, struct vm *vm, struct error *err)
{
    uint64_t order = vm->order, delay_s = vm->delay_s;
    const char *power = vm_ask_option(ask, "power"), *answer = vm_ask_option(ask, "answer"),
               *name = vm_ask_option(ask, "name");
    if (vm_ask_number(ask, "order", 0, VM_ORDER_MAX, &order, err) < 0 ||
        vm_ask_number(ask, "delay", 0, VM_DELAY_MAX, &delay_s, err) < 0 ||
        (power && set_power(vm, power, err) < 0) || (name && set_name(vm, name, err) < 0))
        return -1;
    if (answer && !vm_answer_parse(answer, &vm->answer))
        return error_set(err, "--answer %s: moved, copied or none is needed", answer);
    vm->order = (uint32_t)order;
    vm->delay_s = (uint32_t)delay_s;
    return 0;
}

/* A file's name without its folder and its ending, for a machine that is given none. */
static void name_of_file(const char *file, char out[static VM_NAME_MAX])
{
    const char *slash = strrchr(file, '/'), *base = slash ? slash + 1 : file;
    const char *dot = strrchr(base, '.');
    int size = (int)(dot && dot > base ? (size_t)(dot - base) : strlen(base));
    snprintf(out, VM_NAME_MAX, "%.*s", size, base);
}

static struct vm *add_machine(const struct edit *edit, const struct state_vm_host *host, const char *place,
                              struct vm_list *next, struct error *err)
{
    char label[VM_LABEL_MAX], file[VM_FILE_MAX], name[VM_NAME_MAX], none[] = "";
    if (!vm_place_parse(place, label, file)) {
        error_set(err, "--add %s: where it is, is written '[LABEL] FILE', as in '[vms] web1/web1.vmx'",
                  place);
        return NULL;
    }
    if (vm_list_find(next, label, file)) {
        error_set(err, "%s has %s already: leave --add off to change it", host->node, place);
        return NULL;
    }
    name_of_file(file, name);
    if (edit->machine && strlen(edit->machine) >= sizeof name) {
        error_set(err, "a machine's name has %d bytes at most", VM_NAME_MAX - 1);
        return NULL;
    }
    if (edit->machine)
        snprintf(name, sizeof name, "%s", edit->machine);
    struct vm vm = {.label = label,
                    .file = file,
                    .name = name,
                    .id = none,
                    .why = none,
                    .power = VM_POWER_ON,
                    .order = VM_ORDER_DEFAULT};
    return vm_list_add(next, &vm, err) < 0 ? NULL : vm_list_find(next, label, file);
}

static int make_set(const struct edit *edit, const struct state_vm_host *host, struct vm_list *next,
                    struct error *err)
{
    const char *place = vm_ask_option(edit->ask, "add");
    if (place || edit->machine) {
        struct vm *vm = place ? add_machine(edit, host, place, next, err)
                              : vm_target_find(next, host->node, edit->machine, err);
        return vm ? set_machine(edit->ask, vm, err) : -1;
    }
    if (vm_ask_option(edit->ask, "name"))
        return error_set(err, "--name is for one machine: HOST/NAME");
    for (size_t i = 0; i < next->count; i++)
        if (set_machine(edit->ask, &next->vms[i], err) < 0)
            return -1;
    return 0;
}

int vm_ask_set(const struct vm_ask *ask, struct error *err)
{
    static const char *const options[] = {"add", "answer", "delay", "name", "order", "power"};
    struct edit edit = {.ask = ask, .make = make_set};
    size_t given = 0;
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        given += vm_ask_option(ask, options[i]) != NULL;
    if (!given)
        return error_set(err, "nothing to set: --order, --delay, --power, --answer, --name or --add");
    return run_target(&edit, err);
}

/* --- forget --- */

static int make_forgotten(const struct edit *edit, const struct state_vm_host *host, struct vm_list *next,
                          struct error *err)
{
    if (edit->machine) {
        const struct vm *vm = vm_target_find(next, host->node, edit->machine, err);
        return vm && vm_list_remove(next, vm->label, vm->file) ? 0 : -1;
    }
    vm_list_fini(next);
    vm_list_init(next);
    return 0;
}

int vm_ask_forget(const struct vm_ask *ask, struct error *err)
{
    struct edit edit = {.ask = ask, .make = make_forgotten};
    return run_target(&edit, err);
}

/* --- restore --- */

static int take_machine(const struct edit *edit, const char *node, const struct vm_list *old,
                        struct vm_list *next, struct error *err)
{
    const struct vm *vm = vm_target_find(old, node, edit->machine, err);
    if (!vm)
        return -1;
    vm_list_remove(next, vm->label, vm->file);
    return vm_list_add(next, vm, err);
}

static int make_old(const struct edit *edit, const struct state_vm_host *host, struct vm_list *next,
                    struct error *err)
{
    uint64_t number = 0;
    struct vm_list old;
    if (vm_ask_number(edit->ask, "version", 1, INT64_MAX, &number, err) < 0)
        return -1;
    if (!number && host->is_orphan)
        return error_set(err, "%s is no node any more: there is no agent that could restore", host->node);
    if (!number)
        return 0;
    if (state_vm_version_list(edit->ask->asker->state, host->node, number, &old, err) < 0)
        return -1;
    if (edit->machine) {
        int result = take_machine(edit, host->node, &old, next, err);
        vm_list_fini(&old);
        if (result < 0)
            return -1;
    } else {
        vm_list_fini(next);
        *next = old;
    }
    return vm_diff_carry_seen(host->list, next, err);
}

/* Which agent the node's image has. None that is known: the steps have no commands, and a note says why. */
static enum vm_host_kind host_kind(const struct state_asker *asker, const char *name)
{
    const struct fleet *fleet = state_fleet(asker->state);
    const struct fleet_node *node = fleet_node_by_name(fleet, name);
    struct store_entry entry;
    struct image *image = NULL;
    struct error why = {0};
    if (!node || explain_load_image(asker->store, fleet, node, &entry, &image, &why) < 0) {
        cleanup_buf struct buf note = BUF_INIT;
        buf_format(&note, "note: which commands its agent runs is not known: %s", why.text);
        asker->note(asker->ctx, buf_text(&note));
        return VM_HOST_UNKNOWN;
    }
    enum vm_host_kind kind = overlay_agent_kind(image);
    image_free(image);
    return kind;
}

static int explain_host(const struct vm_ask *ask, const char *node, bool several, json_t *array,
                        struct error *err)
{
    struct state_vm_restore restore;
    if (state_vm_restore(ask->asker->state, node, ask->asker->now_ms, &restore, err) < 0)
        return -1;
    restore.restore.kind = host_kind(ask->asker, node);
    cleanup_buf struct buf text = BUF_INIT;
    int result = (array ? vm_restore_json : vm_restore_explain)(&restore.restore, &text, err);
    if (result == 0 && array) {
        json_t *steps = json_loads(buf_text(&text), 0, NULL);
        if (json_array_append_new(array, json_pack("{s:s, s:o}", "host", node, "steps", steps)) < 0)
            result = error_errno(err, ENOMEM, "vm restore");
    } else if (result == 0) {
        if (several)
            buf_format(ask->out, "%s:\n", node);
        buf_append_text(ask->out, text.size ? buf_text(&text) : "nothing to do\n");
    }
    state_vm_restore_fini(&restore);
    return result;
}

static int explain_hosts(const struct vm_ask *ask, const struct range *hosts, struct error *err)
{
    json_t *array = ask->json ? json_array() : NULL;
    int result = 0;
    for (size_t i = 0; result == 0 && i < hosts->count; i++)
        result = explain_host(ask, hosts->names[i], hosts->count > 1, array, err);
    if (result == 0 && ask->json)
        result = vm_ask_json(ask, json_incref(array), err);
    json_decref(array);
    return result;
}

int vm_ask_restore(const struct vm_ask *ask, struct error *err)
{
    const char *version = vm_ask_option(ask, "version");
    struct edit edit = {.ask = ask, .make = make_old, .anew = true};
    struct vm_target target;
    if (vm_target_parse(ask->target, &target, err) < 0)
        return -1;
    edit.machine = target.machine;
    snprintf(edit.reason, sizeof edit.reason, "vm restore%s%.32s", version ? " --version " : "",
             version ? version : "");
    int result;
    if (target.machine && !version)
        result = error_set(err,
                           "of which version is it to be? bootherd vm history %s names them, --version N "
                           "chooses one",
                           target.hosts.names[0]);
    else if (!version && vm_ask_option(ask, "dry-run"))
        result = explain_hosts(ask, &target.hosts, err);
    else
        result = run_hosts(&edit, &target.hosts, err);
    vm_target_fini(&target);
    return result;
}
