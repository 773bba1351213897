#include "state/boot.h"

#include "base/text.h"
#include "state/event_text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_FIELDS                                                                                          \
    "id, machine, node, image, ip, attempt, started_ms, last_ms, config_ms, booted_ms, files_expected, "     \
    "told, kept"

static const struct db_sql select_latest = {
    "read a boot", "SELECT " BOOT_FIELDS ", (SELECT count(*) FROM boot WHERE machine = $1) "
                   "FROM boot WHERE machine = $1 ORDER BY id DESC LIMIT 1"};
static const struct db_sql select_unknown = {
    "read the boots of unknown machines",
    "SELECT " BOOT_FIELDS
    " FROM boot WHERE node IS NULL AND id IN (SELECT max(id) FROM boot GROUP BY machine)"};
static const struct db_sql select_story = {
    "read a boot's events", "SELECT events FROM story WHERE part BETWEEN $1 AND $2 ORDER BY part"};
static const struct db_sql insert_boot = {
    "keep a boot",
    "INSERT INTO boot (ip, last_ms, config_ms, booted_ms, files_expected, told, kept, id, machine, node, "
    "image, attempt, started_ms) "
    "VALUES ($1, $2, nullif($3, 0), nullif($4, 0), $5, $6, $7, $8, $9, $10, $11, $12, $13)"};
static const struct db_sql update_boot = {
    "bring a boot up to date",
    "UPDATE boot SET ip = $1, last_ms = $2, config_ms = nullif($3, 0), booted_ms = nullif($4, 0), "
    "files_expected = $5, told = $6, kept = $7 WHERE id = $8"};
static const struct db_sql put_story = {
    "keep a boot's events",
    "INSERT INTO story (part, events) VALUES ($1, $2) ON CONFLICT (part) DO UPDATE SET events = "
    "excluded.events"};
static const struct db_sql select_counts = {
    "count the boots",
    "SELECT (SELECT coalesce(max(id), 0) FROM boot), (SELECT count(*) FROM boot WHERE node IS NULL)"};

/* --- machines --- */

#define KEY_OF_ADDRESS (UINT64_C(1) << 48) /* above all hardware addresses */

uint64_t boot_key(const struct mac *mac, uint32_t ip)
{
    uint64_t key = 0;
    if (mac_is_zero(mac))
        return KEY_OF_ADDRESS | ip;
    for (size_t i = 0; i < MAC_SIZE; i++)
        key = key << 8 | mac->byte[i];
    return key;
}

void boot_machine(uint64_t key, char out[static BOOT_MACHINE_MAX])
{
    char text[MAC_TEXT_SIZE];
    struct mac mac;
    for (size_t i = 0; i < MAC_SIZE; i++)
        mac.byte[i] = (uint8_t)(key >> (MAC_SIZE - 1 - i) * 8);
    if (key & KEY_OF_ADDRESS)
        snprintf(out, BOOT_MACHINE_MAX, "address %s", ip4_format((uint32_t)key, text));
    else
        snprintf(out, BOOT_MACHINE_MAX, "%s", mac_format(&mac, text));
}

/* Of a machine as the database names it. */
static uint64_t parse_machine(const char *machine)
{
    struct mac mac = {0};
    uint32_t ip = 0;
    if (text_starts(machine, "address "))
        ip4_parse(machine + strlen("address "), &ip);
    else
        mac_parse(machine, &mac);
    return boot_key(&mac, ip);
}

/* --- reading --- */

static void read_text(struct db_call *call, char *out, size_t size)
{
    snprintf(out, size, "%s", db_get_text(call));
}

static uint32_t read_u32(struct db_call *call)
{
    return (uint32_t)db_get_i64(call);
}

static uint32_t read_ip(struct db_call *call)
{
    uint32_t ip;
    return ip4_parse(db_get_text(call), &ip) ? ip : 0;
}

static void read_boot(struct db_call *call, struct boot *out)
{
    *out = (struct boot){.id = db_get_i64(call)};
    read_text(call, out->machine, sizeof out->machine);
    read_text(call, out->node, sizeof out->node);
    read_text(call, out->image, sizeof out->image);
    out->ip = read_ip(call);
    out->attempt = read_u32(call);
    out->started_ms = db_get_i64(call);
    out->last_ms = db_get_i64(call);
    out->config_ms = db_get_i64(call);
    out->booted_ms = db_get_i64(call);
    out->files_expected = read_u32(call);
    out->told = read_u32(call);
    out->kept = read_u32(call);
}

/* *boots, if not NULL, gets how many of the machine there are. */
static int select_boot(struct state *state, uint64_t key, struct boot *out, uint32_t *boots,
                       struct error *err)
{
    char machine[BOOT_MACHINE_MAX];
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_latest, &call, err) < 0)
        return -1;
    boot_machine(key, machine);
    db_put_text(&call, machine);
    int found = db_step(&call, err);
    if (found > 0) {
        read_boot(&call, out);
        *boots = read_u32(&call);
    }
    return found;
}

/* Calls `each` with the events that the database has of a boot, in order. */
static int select_events(struct state *state, int64_t id, void *ctx,
                         int (*each)(void *ctx, const struct story_event *event, struct error *err),
                         struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_story, &call, err) < 0)
        return -1;
    db_put_i64(&call, id * BOOT_PARTS_MAX);
    db_put_i64(&call, id * BOOT_PARTS_MAX + BOOT_PARTS_MAX - 1);
    int more;
    while ((more = db_step(&call, err)) > 0)
        if (event_text_parse(db_get_text(&call), ctx, each, err) < 0)
            return error_wrap(err, "the database's boot %lld", (long long)id);
    return more;
}

struct loading {
    struct boot_events *events;
    struct what_table *whats;
};

static int load_event(void *ctx, const struct story_event *event, struct error *err)
{
    const struct loading *loading = ctx;
    return boot_events_load(loading->events, loading->whats, event, err);
}

struct open_boot *boot_recall(struct state *state, uint64_t key, struct error *err)
{
    struct open_boot *open = boots_find(state->boots, key);
    if (open)
        return open;
    struct boot boot = {0};
    uint32_t boots = 0;
    if (select_boot(state, key, &boot, &boots, err) < 0)
        return NULL;
    open = boots_add(state->boots, key, &boot);
    if (!open) {
        error_errno(err, ENOMEM, "reading a boot");
        return NULL;
    }
    open->machine_boots = boots;
    return open;
}

int boot_load(struct state *state, struct open_boot *open, struct error *err)
{
    struct loading loading = {&open->events, state->boots->whats};
    if (open->is_loaded)
        return 0;
    if (select_events(state, open->boot.id, &loading, load_event, err) < 0) {
        boot_events_fini(&open->events, state->boots->whats);
        return -1;
    }
    boot_events_set_written(&open->events);
    open->is_loaded = true;
    return 0;
}

int boot_latest(struct state *state, uint64_t key, struct boot *out, struct error *err)
{
    const struct open_boot *open = boots_find(state->boots, key);
    uint32_t boots;
    if (!open)
        return select_boot(state, key, out, &boots, err);
    *out = open->boot;
    return open->boot.id != 0;
}

int boot_latest_of_node(struct state *state, const struct fleet_node *node, struct boot *out,
                        struct error *err)
{
    int found = 0;
    for (size_t i = 0; i < node->mac_count; i++) {
        struct boot boot;
        int result = boot_latest(state, boot_key(&node->macs[i], 0), &boot, err);
        if (result < 0)
            return -1;
        if (result > 0 && (!found || boot.id > out->id)) {
            *out = boot;
            found = 1;
        }
    }
    return found;
}

/* --- unknown machines --- */

struct boot_list {
    size_t count, capacity;
    struct boot *boots; /* owned */
};

static int add_to_list(struct boot_list *list, const struct boot *boot, struct error *err)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        struct boot *boots = reallocarray(list->boots, capacity, sizeof *boots);
        if (!boots)
            return error_errno(err, ENOMEM, "a list of %zu boots", capacity);
        list->boots = boots;
        list->capacity = capacity;
    }
    list->boots[list->count++] = *boot;
    return 0;
}

static int list_unknown(struct state *state, struct boot_list *list, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_unknown, &call, err) < 0)
        return -1;
    int more;
    while ((more = db_step(&call, err)) > 0) {
        struct boot boot;
        read_boot(&call, &boot);
        if (!boots_find(state->boots, parse_machine(boot.machine)) && add_to_list(list, &boot, err) < 0)
            return -1;
    }
    for (const struct open_boot *open = state->boots->newest; more == 0 && open; open = open->older)
        if (open->is_current && open->boot.id && !open->boot.node[0])
            more = add_to_list(list, &open->boot, err);
    return more;
}

static int later_first(const void *a, const void *b)
{
    const struct boot *left = a, *right = b;
    if (left->last_ms != right->last_ms)
        return left->last_ms > right->last_ms ? -1 : 1;
    return left->id > right->id ? -1 : 1;
}

int boot_each_unknown(struct state *state, void *ctx,
                      int (*each)(void *ctx, const struct boot *boot, struct error *err), struct error *err)
{
    struct boot_list list = {0};
    int result = list_unknown(state, &list, err);
    if (list.count)
        qsort(list.boots, list.count, sizeof *list.boots, later_first);
    for (size_t i = 0; result == 0 && i < list.count; i++)
        result = each(ctx, &list.boots[i], err) < 0 ? -1 : 0;
    free(list.boots);
    return result;
}

/* --- events --- */

struct collection {
    size_t count, capacity;
    struct story_event *events; /* owned */
};

static int collect_event(void *ctx, const struct story_event *event, struct error *err)
{
    struct collection *all = ctx;
    if (all->count == all->capacity)
        return error_set(err, "there are more events than the %zu that were counted", all->capacity);
    all->events[all->count++] = *event;
    return 0;
}

int boot_read_events(struct state *state, const struct boot *boot, struct story_event **out, size_t *count,
                     struct error *err)
{
    const struct open_boot *open = boots_find(state->boots, parse_machine(boot->machine));
    if (open && open->boot.id == boot->id && open->is_loaded)
        return boot_events_all(&open->events, state->boots->whats, out, count, err);
    struct collection all = {.capacity = boot->kept};
    all.events = malloc((boot->kept ? boot->kept : 1) * sizeof *all.events);
    if (!all.events)
        return error_errno(err, ENOMEM, "reading %u events", boot->kept);
    if (select_events(state, boot->id, &all, collect_event, err) < 0) {
        free(all.events);
        return -1;
    }
    *out = all.events;
    *count = all.count;
    return 0;
}

/* --- writing --- */

static int write_row(struct state *state, const struct open_boot *open, struct error *err)
{
    char ip[IP4_TEXT_SIZE];
    const struct boot *boot = &open->boot;
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, open->is_new ? &insert_boot : &update_boot, &call, err) < 0)
        return -1;
    db_put_text(&call, inside_ip(boot->ip, ip));
    db_put_i64(&call, boot->last_ms);
    db_put_i64(&call, boot->config_ms);
    db_put_i64(&call, boot->booted_ms);
    db_put_i64(&call, boot->files_expected);
    db_put_i64(&call, boot->told);
    db_put_i64(&call, boot->kept);
    db_put_i64(&call, boot->id);
    if (open->is_new) {
        db_put_text(&call, boot->machine);
        db_put_text(&call, boot->node[0] ? boot->node : NULL);
        db_put_text(&call, boot->image[0] ? boot->image : NULL);
        db_put_i64(&call, boot->attempt);
        db_put_i64(&call, boot->started_ms);
    }
    return db_run(&call, err);
}

int boot_write(struct state *state, const struct open_boot *open, struct error *err)
{
    if (write_row(state, open, err) < 0)
        return -1;
    struct buf *text = &state->text;
    for (unsigned part = 0; (part = boot_events_unwritten(&open->events, part)) < BOOT_PARTS_MAX; part++) {
        struct db_call call cleanup_db_call = DB_CALL_INIT;
        buf_clear(text);
        boot_events_format_part(&open->events, state->boots->whats, part, text);
        const char *events = buf_text(text);
        if (text->failed)
            return error_errno(err, ENOMEM, "keeping a boot's events");
        if (db_call(state->db, &put_story, &call, err) < 0)
            return -1;
        db_put_i64(&call, open->boot.id * BOOT_PARTS_MAX + part);
        db_put_text(&call, events);
        if (db_run(&call, err) < 0)
            return -1;
    }
    return 0;
}

int boot_count(struct state *state, int64_t *last_id, int64_t *unknown, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_counts, &call, err) < 0 || db_step(&call, err) < 0)
        return -1;
    *last_id = db_get_i64(&call);
    *unknown = db_get_i64(&call);
    return 0;
}
