#include "proc/state_ask_vm.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "proc/vm_target.h"
#include "proc/vm_view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *vm_ask_option(const struct vm_ask *ask, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i + 1 < ask->pair_count; i += 2)
        if (strcmp(ask->pairs[i], name) == 0)
            value = ask->pairs[i + 1];
    return value;
}

int vm_ask_number(const struct vm_ask *ask, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                  struct error *err)
{
    const char *text = vm_ask_option(ask, name);
    if (!text || text_u64(text, min, max, out))
        return 0;
    return error_set(err, "--%s %s: a number from %llu to %llu is needed", name, text,
                     (unsigned long long)min, (unsigned long long)max);
}

int vm_ask_json(const struct vm_ask *ask, json_t *json, struct error *err)
{
    char *text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
    json_decref(json);
    if (!text)
        return error_errno(err, ENOMEM, "vm %s", ask->verb);
    buf_append_text(ask->out, text);
    buf_append_text(ask->out, "\n");
    free(text);
    return 0;
}

/* --- list --- */

struct listing {
    const struct vm_ask *ask;
    struct vm_table table;
    struct buf notes;
    json_t *array;
};

static int list_one(struct listing *listing, const char *node, struct error *err)
{
    struct vm_view view;
    if (vm_view_load(listing->ask->asker->state, node, listing->ask->asker->now_ms, &view, err) < 0)
        return -1;
    int result = 0;
    if (listing->array) {
        if (json_array_append_new(listing->array, vm_view_json(&view)) < 0)
            result = error_errno(err, ENOMEM, "vm list");
    } else {
        vm_table_add(&listing->table, &view);
        vm_view_notes(&view, &listing->notes);
    }
    vm_view_fini(&view);
    return result;
}

static int list_each(void *ctx, const struct state_vm_host *host, struct error *err)
{
    return list_one(ctx, host->node, err);
}

static int list_range(struct listing *listing, const char *text, struct error *err)
{
    struct range range;
    if (strchr(text, '/'))
        return error_set(err, "%s is a machine: bootherd vm show tells of one, vm list of hosts", text);
    if (range_parse(text, &range, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < range.count; i++)
        result = list_one(listing, range.names[i], err);
    range_fini(&range);
    return result;
}

static int ask_list(const struct vm_ask *ask, struct error *err)
{
    struct listing listing = {.ask = ask, .array = ask->json ? json_array() : NULL};
    int result = ask->target[0] ? list_range(&listing, ask->target, err)
                                : state_vm_each(ask->asker->state, &listing, list_each, err);
    if (result == 0 && ask->json) {
        result = vm_ask_json(ask, json_incref(listing.array), err);
    } else if (result == 0) {
        vm_table_print(&listing.table, ask->out);
        if (!listing.table.rows)
            buf_append_text(ask->out, "no virtual machines are known\n");
        buf_append_text(ask->out, buf_text(&listing.notes));
    }
    json_decref(listing.array);
    buf_fini(&listing.notes);
    vm_table_fini(&listing.table);
    return result;
}

/* --- show --- */

static int show_machine(const struct vm_ask *ask, const struct vm_view *view, const char *machine,
                        struct error *err)
{
    struct state_vm_owner owner;
    const struct vm *vm = vm_target_find(view->host.list, view->host.node, machine, err);
    int owned =
        vm ? state_vm_owner(ask->asker->state, view->host.node, vm->label, vm->file, &owner, err) : -1;
    if (owned < 0)
        return -1;
    if (ask->json)
        return vm_ask_json(ask, vm_view_machine_json(view, vm, owned ? &owner : NULL), err);
    vm_view_machine(view, vm, owned ? &owner : NULL, ask->out);
    return 0;
}

static int show_one(const struct vm_ask *ask, const char *node, const char *machine, struct error *err)
{
    struct vm_view view;
    if (vm_view_load(ask->asker->state, node, ask->asker->now_ms, &view, err) < 0)
        return -1;
    int result = 0;
    if (machine)
        result = show_machine(ask, &view, machine, err);
    else if (ask->json)
        result = vm_ask_json(ask, vm_view_json(&view), err);
    else
        vm_view_host(&view, ask->out);
    vm_view_fini(&view);
    return result;
}

static int one_host(const struct vm_target *target, const char *verb, struct error *err)
{
    return target->hosts.count == 1 ? 0 : error_set(err, "vm %s is of one host: vm list takes ranges", verb);
}

static int ask_show(const struct vm_ask *ask, struct error *err)
{
    struct vm_target target;
    if (vm_target_parse(ask->target, &target, err) < 0)
        return -1;
    int result = one_host(&target, "show", err);
    if (result == 0)
        result = show_one(ask, target.hosts.names[0], target.machine, err);
    vm_target_fini(&target);
    return result;
}

/* --- history --- */

static json_t *version_json(const struct state_vm_version *version)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o}", "version", (json_int_t)version->number, "at",
                     vm_json_time(version->at_ms), "boot",
                     version->boot ? json_integer(version->boot) : json_null(), "who",
                     vm_json_text(version->who), "why", vm_json_lines(version->why));
}

static int version_to_json(void *ctx, const struct state_vm_version *version, struct error *err)
{
    json_t *json = version_json(version);
    return json_array_append_new(ctx, json) < 0 ? error_errno(err, ENOMEM, "vm history") : 0;
}

/* A line for each thing that changed, under each other. */
static int version_to_text(void *ctx, const struct state_vm_version *version, struct error *err)
{
    struct buf *out = ctx;
    char time[TEXT_TIME_MAX], boot[24] = "-";
    const char *why = version->why;
    if (version->boot)
        snprintf(boot, sizeof boot, "%lld", (long long)version->boot);
    buf_format(out, "%7llu  %-20s  %4s  %-8s ", (unsigned long long)version->number,
               text_time_utc(version->at_ms, time), boot, version->who);
    for (bool first = true; first || *why; first = false) {
        size_t length = strcspn(why, "\n");
        cleanup_free char *line = strndup(why, length);
        if (!line)
            return error_errno(err, ENOMEM, "vm history");
        text_scrub(line, length, ""); /* names in it are as vm_name_put has them already */
        buf_format(out, "%*s%s\n", first ? 1 : 47, "", line);
        why += length + (why[length] == '\n');
    }
    return 0;
}

static int history_versions(const struct vm_ask *ask, const char *node, struct error *err)
{
    struct state *state = ask->asker->state;
    if (ask->json) {
        json_t *array = json_array();
        if (array && state_vm_versions(state, node, array, version_to_json, err) == 0)
            return vm_ask_json(ask, array, err);
        json_decref(array);
        return array ? -1 : error_errno(err, ENOMEM, "vm history");
    }
    cleanup_buf struct buf lines = BUF_INIT;
    if (state_vm_versions(state, node, &lines, version_to_text, err) < 0)
        return -1;
    if (lines.size)
        buf_format(ask->out, "VERSION  %-20s  BOOT  %-8s  WHAT\n%s", "WHEN", "WHO", buf_text(&lines));
    else
        buf_format(ask->out, "nothing was ever known of the virtual machines of %s\n", node);
    return 0;
}

static json_t *version_list_json(const struct vm_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < list->count; i++)
        if (json_array_append_new(array, vm_json_settings(&list->vms[i])) < 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static int history_list(const struct vm_ask *ask, const char *node, uint64_t number, struct error *err)
{
    struct vm_list list;
    if (state_vm_version_list(ask->asker->state, node, number, &list, err) < 0)
        return -1;
    int result = 0;
    if (ask->json)
        result = vm_ask_json(ask, version_list_json(&list), err);
    for (size_t i = 0; !ask->json && i < list.count; i++) {
        const struct vm *vm = &list.vms[i];
        buf_format(ask->out, "%6u  %-3s  ", vm->order, vm_power_word(vm->power));
        vm_name_put(ask->out, vm->name);
        buf_append_text(ask->out, "  ");
        vm_place_put(ask->out, vm);
        buf_append_text(ask->out, "\n");
    }
    if (!ask->json && !list.count)
        buf_append_text(ask->out, "no virtual machines\n");
    vm_list_fini(&list);
    return result;
}

static int history_one(const struct vm_ask *ask, const struct vm_target *target, struct error *err)
{
    uint64_t number = 0;
    struct state_vm_host host;
    const char *node = target->hosts.names[0];
    if (one_host(target, "history", err) < 0 || vm_ask_number(ask, "version", 1, INT64_MAX, &number, err) < 0)
        return -1;
    if (target->machine)
        return error_set(err, "versions are of a host's whole list: bootherd vm history %s", node);
    int known = state_vm_host(ask->asker->state, node, &host, err);
    if (known < 0)
        return -1;
    if (!known && host.is_orphan)
        return error_set(
            err, "there is no node %s, and nothing is known of it: bootherd node list names the nodes", node);
    return number ? history_list(ask, node, number, err) : history_versions(ask, node, err);
}

static int ask_history(const struct vm_ask *ask, struct error *err)
{
    struct vm_target target;
    if (vm_target_parse(ask->target, &target, err) < 0)
        return -1;
    int result = history_one(ask, &target, err);
    vm_target_fini(&target);
    return result;
}

int state_ask_vm(struct state_asker *asker, const char *const *words, size_t count, struct buf *out,
                 struct error *err)
{
    static const struct {
        const char *verb;
        int (*run)(const struct vm_ask *, struct error *);
    } verbs[] = {
        {"forget", vm_ask_forget},   {"history", ask_history}, {"list", ask_list}, {"move", vm_ask_move},
        {"restore", vm_ask_restore}, {"set", vm_ask_set},      {"show", ask_show},
    };
    if (count < 3 || count % 2 != 1)
        return error_set(err, "what to do, a format, a target and pairs of option and value are needed");
    struct vm_ask ask = {asker, words[0], strcmp(words[1], "json") == 0, words[2], words + 3, count - 3, out};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].verb, ask.verb) == 0)
            return verbs[i].run(&ask, err);
    return error_set(err, "vm %s is unknown to this state process: is a server of another version running?",
                     ask.verb);
}
