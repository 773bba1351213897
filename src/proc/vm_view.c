#include "proc/vm_view.h"

#include "base/text.h"
#include "proc/vm_health.h"
#include "proc/vm_target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SILENCE_MS (3 * STATE_VM_INTERVAL_S * 1000) /* reports that are missed until it is told */
#define CELL_MAX   48                               /* wider ones push what is behind them aside */

int vm_view_load(struct state *state, const char *node, int64_t now_ms, struct vm_view *out,
                 struct error *err)
{
    *out = (struct vm_view){.now_ms = now_ms};
    int known = state_vm_host(state, node, &out->host, err);
    if (known < 0)
        return -1;
    if (!known && out->host.is_orphan)
        return error_set(
            err, "there is no node %s, and nothing is known of it: bootherd node list names the nodes", node);
    return out->host.is_orphan ? 0 : state_vm_restore(state, node, now_ms, &out->restore, err);
}

void vm_view_fini(struct vm_view *view)
{
    state_vm_restore_fini(&view->restore);
}

static bool is_place(const struct vm *a, const struct vm *b)
{
    return strcmp(a->file, b->file) == 0 && strcmp(a->label, b->label) == 0;
}

/* Why it is held back. Both are in the list's order: *at is how far the walk has come. */
static const char *held_next(const struct vm_view *view, const struct vm *vm, size_t *at)
{
    const struct vm_restore *restore = &view->restore.restore;
    if (*at == restore->held_count || !is_place(restore->held[*at].vm, vm))
        return NULL;
    return restore->held[(*at)++].why;
}

/* The same of one alone; *at for held_next. */
static size_t held_find(const struct vm_view *view, const struct vm *vm)
{
    const struct vm_restore *restore = &view->restore.restore;
    size_t at = 0;
    while (at < restore->held_count && !is_place(restore->held[at].vm, vm))
        at++;
    return at;
}

/* --- the table --- */

void vm_table_fini(struct vm_table *table)
{
    buf_fini(&table->cells);
}

static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80; /* one for each character of UTF-8 */
    return width;
}

/* The cell that begins at `from` is complete. */
static void end_cell(struct vm_table *table, size_t column, size_t from)
{
    buf_append(&table->cells, "", 1);
    if (table->cells.failed)
        return;
    size_t width = width_of((const char *)table->cells.data + from);
    if (width > table->width[column] && width <= CELL_MAX)
        table->width[column] = width;
}

static void add_row(struct vm_table *table, const char *host, const struct vm *vm,
                    const struct vm_health *health)
{
    struct buf *cells = &table->cells;
    for (size_t column = 0; column < VM_TABLE_COLUMNS; column++) {
        size_t from = cells->size;
        switch (column) {
        case 0:
            buf_append_text(cells, host);
            break;
        case 1:
            vm_name_put(cells, vm->name);
            break;
        case 2:
            buf_format(cells, "%s/%s", vm_power_word(vm->power), health->seen);
            break;
        case 3:
            buf_format(cells, "%u", vm->order);
            break;
        case 4:
            vm_place_put(cells, vm);
            break;
        default:
            buf_format(cells, "%s%s", health->word, health->why[0] ? ": " : "");
            vm_name_put(cells, health->why);
        }
        end_cell(table, column, from);
    }
    table->rows++;
}

void vm_table_add(struct vm_table *table, const struct vm_view *view)
{
    size_t held = 0;
    for (size_t i = 0; i < view->host.list->count; i++) {
        const struct vm *vm = &view->host.list->vms[i];
        struct vm_health health;
        vm_health_of(&view->host, vm, held_next(view, vm, &held), &health);
        add_row(table, view->host.node, vm, &health);
    }
}

static void print_cell(const struct vm_table *table, size_t column, const char *text, struct buf *out)
{
    size_t width = width_of(text);
    buf_append_text(out, text);
    if (column + 1 == VM_TABLE_COLUMNS)
        buf_append_text(out, "\n");
    else
        buf_format(out, "%*s", (int)(width < table->width[column] ? table->width[column] - width + 2 : 2),
                   "");
}

void vm_table_print(const struct vm_table *table, struct buf *out)
{
    static const char *const heads[VM_TABLE_COLUMNS] = {"HOST",  "NAME",         "POWER",
                                                        "ORDER", "[LABEL] FILE", "STATE"};
    struct vm_table shown = *table;
    if (table->cells.failed) {
        out->failed = true;
        return;
    }
    for (size_t i = 0; i < VM_TABLE_COLUMNS; i++)
        if (width_of(heads[i]) > shown.width[i])
            shown.width[i] = width_of(heads[i]);
    for (size_t i = 0; table->rows && i < VM_TABLE_COLUMNS; i++)
        print_cell(&shown, i, heads[i], out);
    const char *cell = (const char *)table->cells.data;
    for (size_t i = 0; i < table->rows * VM_TABLE_COLUMNS; i++, cell += strlen(cell) + 1)
        print_cell(&shown, i % VM_TABLE_COLUMNS, cell, out);
}

/* --- in words --- */

void vm_view_notes(const struct vm_view *view, struct buf *out)
{
    const struct state_vm_host *host = &view->host;
    char time[TEXT_DURATION_MAX];
    if (host->is_orphan)
        buf_format(out, "%s: no node any more; bootherd vm move %s --to NODE, or bootherd vm forget %s\n",
                   host->node, host->node, host->node);
    if (host->list->count && host->boot && !host->word_ms)
        buf_format(out, "%s: its agent has not spoken yet\n", host->node);
    else if (host->word_ms && view->now_ms - host->word_ms > SILENCE_MS)
        buf_format(out, "%s: no word from its agent for %s\n", host->node,
                   text_duration_ms(view->now_ms - host->word_ms, time));
    if (host->hold[0]) {
        buf_format(out, "%s: its report is not believed yet: ", host->node);
        vm_name_put(out, host->hold);
        buf_append_text(out, "\n");
    }
    for (size_t i = 0; i < host->conflict_count; i++) {
        buf_format(out, "%s: ", host->node);
        vm_name_put(out, host->conflicts[i]);
        buf_append_text(out, "\n");
    }
}

static void put_time(const struct vm_view *view, int64_t at_ms, struct buf *out)
{
    char time[TEXT_TIME_MAX], span[TEXT_DURATION_MAX];
    int64_t ago_ms = view->now_ms - at_ms;
    buf_append_text(out, text_time_utc(at_ms, time));
    if (ago_ms >= 0)
        buf_format(out, " (%s ago)", text_duration_ms(ago_ms, span));
    else
        buf_format(out, " (in %s)", text_duration_ms(-ago_ms, span));
}

/* "label   lead TIME", or "label   never". */
static void put_line(const struct vm_view *view, const char *label, const char *lead, int64_t at_ms,
                     const char *never, struct buf *out)
{
    buf_format(out, "  %-13s ", label);
    if (at_ms) {
        vm_name_put(out, lead);
        put_time(view, at_ms, out);
    } else {
        buf_append_text(out, never);
    }
    buf_append_text(out, "\n");
}

static void put_stores(const struct state_vm_host *host, struct buf *out)
{
    for (size_t i = 0; i < host->store_count; i++) {
        const struct vm_store *store = &host->stores[i];
        buf_format(out, "  %-13s ", i ? "" : "datastores");
        vm_name_put(out, store->label);
        buf_append_text(out, store->ok ? store->read_only ? ": mounted, read only" : ": mounted"
                                       : ": not mounted");
        if (store->why[0]) {
            buf_append_text(out, ": ");
            vm_name_put(out, store->why);
        }
        buf_append_text(out, "\n");
    }
}

const char *vm_view_when(const struct state_vm_host *host, int64_t now_ms)
{
    return host->word_ms && host->lease_ms > now_ms ? "with its agent's next word" : "at its next boot";
}

static void put_restored(const struct vm_view *view, struct buf *out)
{
    const struct state_vm_host *host = &view->host;
    buf_append_text(out, "  restored      ");
    if (host->restored_ms) {
        vm_name_put(out, host->restored);
        buf_append_text(out, host->restored[0] ? ", " : "");
        put_time(view, host->restored_ms, out);
    } else {
        buf_append_text(out, host->boot ? "not in this boot" : "never");
    }
    buf_append_text(out, "\n");
}

void vm_view_host(const struct vm_view *view, struct buf *out)
{
    const struct state_vm_host *host = &view->host;
    struct vm_table table = {0};
    char lead[64], never[] = "never";
    buf_format(out, "%s\n", host->node);
    snprintf(lead, sizeof lead, "%lld, ", (long long)host->boot);
    put_line(view, "boot", lead, host->began_ms, "none with an agent yet", out);
    put_restored(view, out);
    put_line(view, "last word", "", host->word_ms, never, out);
    put_line(view, "lease", host->lease_ms > view->now_ms ? "holds until " : "over since ", host->lease_ms,
             "none", out);
    snprintf(lead, sizeof lead, "%llu, ", (unsigned long long)host->seq);
    put_line(view, "last report", lead, host->report_ms, "none in this boot", out);
    snprintf(lead, sizeof lead, "%llu, ", (unsigned long long)host->version);
    put_line(view, "version", lead, host->version_ms, "none", out);
    if (host->wish > host->wish_taken)
        buf_format(out, "  changes       yours are taken %s\n", vm_view_when(host, view->now_ms));
    put_stores(host, out);
    buf_format(out, "  machines      %zu\n\n", host->list->count);
    vm_table_add(&table, view);
    vm_table_print(&table, out);
    vm_table_fini(&table);
    vm_view_notes(view, out);
}

static void put_field(const char *label, const char *text, struct buf *out)
{
    buf_format(out, "  %-13s ", label);
    vm_name_put(out, text);
    buf_append_text(out, "\n");
}

void vm_view_machine(const struct vm_view *view, const struct vm *vm, const struct state_vm_owner *owner,
                     struct buf *out)
{
    struct vm_health health;
    size_t at = held_find(view, vm);
    vm_health_of(&view->host, vm, held_next(view, vm, &at), &health);
    buf_format(out, "%s/", view->host.node);
    vm_name_put(out, vm->name);
    buf_append_text(out, "\n  file          ");
    vm_place_put(out, vm);
    buf_append_text(out, "\n");
    put_field("id", vm->id[0] ? vm->id : "-", out);
    buf_format(out, "  %-13s %s%s; seen: %s\n", "power", vm_power_word(vm->power),
               vm->power_fixed ? ", set by the operator" : ", as its host has it", health.seen);
    buf_format(out, "  %-13s %u\n  %-13s %u s\n", "order", vm->order, "delay", vm->delay_s);
    put_field("answer", vm_answer_word(vm->answer), out);
    buf_format(out, "  %-13s %s%s", "state", health.word, health.why[0] ? ": " : "");
    vm_name_put(out, health.why);
    buf_append_text(out, "\n");
    if (!owner)
        return;
    buf_format(out, "  %-13s %s, since ", "owner", owner->node);
    put_time(view, owner->since_ms, out);
    buf_format(out, "; its lease %s", owner->lease_ms > view->now_ms ? "holds until " : "is over");
    if (owner->lease_ms > view->now_ms)
        put_time(view, owner->lease_ms, out);
    buf_append_text(out, "\n");
}

/* --- JSON --- */

json_t *vm_json_text(const char *text)
{
    json_t *json = json_string(text);
    if (json)
        return json;
    struct buf shown = BUF_INIT;
    vm_name_put(&shown, text);
    json = json_string(buf_text(&shown));
    buf_fini(&shown);
    return json;
}

json_t *vm_json_time(int64_t at_ms)
{
    char text[TEXT_TIME_MAX];
    return at_ms ? json_string(text_time_utc(at_ms, text)) : json_null();
}

json_t *vm_json_lines(const char *lines)
{
    json_t *array = json_array();
    while (array && *lines) {
        size_t length = strcspn(lines, "\n");
        char *line = strndup(lines, length);
        if (!line || json_array_append_new(array, vm_json_text(line)) < 0) {
            json_decref(array);
            array = NULL;
        }
        free(line);
        lines += length + (lines[length] == '\n');
    }
    return array;
}

json_t *vm_json_settings(const struct vm *vm)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:s, s:b, s:i, s:i, s:s}", "name", vm_json_text(vm->name), "label",
                     vm_json_text(vm->label), "file", vm_json_text(vm->file), "id", vm_json_text(vm->id),
                     "power", vm_power_word(vm->power), "power_fixed", vm->power_fixed, "order",
                     (int)vm->order, "delay_s", (int)vm->delay_s, "answer", vm_answer_word(vm->answer));
}

static json_t *machine_json(const struct vm_view *view, const struct vm *vm, size_t *held)
{
    struct vm_health health;
    vm_health_of(&view->host, vm, held_next(view, vm, held), &health);
    json_t *json = vm_json_settings(vm);
    if (!json ||
        json_object_set_new(json, "seen",
                            strcmp(health.seen, "-") == 0 ? json_null() : json_string(health.seen)) ||
        json_object_set_new(json, "state", json_string(health.word)) ||
        json_object_set_new(json, "why", vm_json_text(health.why))) {
        json_decref(json);
        return NULL;
    }
    return json;
}

json_t *vm_view_machine_json(const struct vm_view *view, const struct vm *vm,
                             const struct state_vm_owner *owner)
{
    size_t held = held_find(view, vm);
    json_t *json = machine_json(view, vm, &held);
    json_t *whose =
        owner ? json_pack("{s:s, s:o, s:o}", "host", owner->node, "since", vm_json_time(owner->since_ms),
                          "lease_until", vm_json_time(owner->lease_ms))
              : json_null();
    if (!json || json_object_set_new(json, "host", json_string(view->host.node)) ||
        json_object_set_new(json, "owner", whose)) {
        json_decref(json);
        return NULL;
    }
    return json;
}

static json_t *machines_json(const struct vm_view *view)
{
    json_t *array = json_array();
    size_t held = 0;
    for (size_t i = 0; array && i < view->host.list->count; i++)
        if (json_array_append_new(array, machine_json(view, &view->host.list->vms[i], &held)) < 0) {
            json_decref(array);
            return NULL;
        }
    return array;
}

static json_t *stores_json(const struct state_vm_host *host)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < host->store_count; i++) {
        const struct vm_store *store = &host->stores[i];
        json_array_append_new(array, json_pack("{s:o, s:b, s:b, s:o}", "label", vm_json_text(store->label),
                                               "mounted", store->ok, "read_only", store->read_only, "why",
                                               vm_json_text(store->why)));
    }
    return array;
}

static json_t *conflicts_json(const struct state_vm_host *host)
{
    json_t *array = json_array();
    for (size_t i = 0; array && i < host->conflict_count; i++)
        json_array_append_new(array, vm_json_text(host->conflicts[i]));
    return array;
}

json_t *vm_view_json(const struct vm_view *view)
{
    const struct state_vm_host *host = &view->host;
    return json_pack("{s:s, s:b, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:o, s:b, s:o, s:o, s:o, s:o}",
                     "host", host->node, "orphan", host->is_orphan, "boot", (json_int_t)host->boot, "began",
                     vm_json_time(host->began_ms), "restored", vm_json_time(host->restored_ms),
                     "restored_text", vm_json_text(host->restored), "last_word", vm_json_time(host->word_ms),
                     "lease_until", vm_json_time(host->lease_ms), "report", (json_int_t)host->seq,
                     "report_at", vm_json_time(host->report_ms), "version", (json_int_t)host->version,
                     "version_at", vm_json_time(host->version_ms), "changes_wait",
                     host->wish > host->wish_taken, "not_believed", vm_json_text(host->hold), "datastores",
                     stores_json(host), "conflicts", conflicts_json(host), "machines", machines_json(view));
}
