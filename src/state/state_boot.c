/* Events into boots. */
#include "base/text.h"
#include "state/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct db_sql insert_boot = {
    "begin a boot",
    "INSERT INTO boot (machine, node, image, attempt, started_ms, last_ms, files_expected, told, kept) "
    "VALUES ($1, $2, $3, $4, $5, $5, 0, 0, 0) RETURNING id"};
static const struct db_sql update_boot = {
    "bring a boot up to date",
    "UPDATE boot SET ip = $1, last_ms = $2, config_ms = nullif($3, 0), booted_ms = nullif($4, 0), "
    "files_expected = $5, told = $6, kept = $7 WHERE id = $8"};
static const struct db_sql put_event = {
    "keep an event",
    "INSERT INTO event (boot, first_order, last_order, times, kind, role, file, text, file_number, "
    "files_expected, bytes, duration_ms, ip, first_ms, last_ms) "
    "VALUES ($1, $2, $2, 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) "
    "ON CONFLICT (boot, kind, file, text) DO UPDATE SET last_order = excluded.last_order, "
    "times = event.times + 1, role = excluded.role, file_number = excluded.file_number, "
    "files_expected = excluded.files_expected, bytes = excluded.bytes, "
    "duration_ms = excluded.duration_ms, ip = excluded.ip, last_ms = excluded.last_ms RETURNING times"};
static const struct db_sql prune_machine = {
    "forget a machine's old boots",
    "DELETE FROM boot WHERE machine = $1 AND id <= "
    "(SELECT id FROM boot WHERE machine = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)"};
static const struct db_sql prune_unknown = {
    "forget old boots of unknown machines",
    "DELETE FROM boot WHERE node IS NULL AND id <= "
    "(SELECT id FROM boot WHERE node IS NULL ORDER BY id DESC LIMIT 1 OFFSET $1)"};

/* When an event is worth a line: never, the first time in a boot, always. */
enum worth {
    NEVER,
    FIRST,
    ALWAYS
};
static const enum worth worths[BOOT_EVENT_KINDS] = {
    [BOOT_EVENT_DISCOVER] = FIRST,
    [BOOT_EVENT_OFFER] = FIRST,
    [BOOT_EVENT_REQUEST] = NEVER,
    [BOOT_EVENT_ACK] = FIRST,
    [BOOT_EVENT_NAK] = FIRST,
    [BOOT_EVENT_DECLINE] = FIRST,
    [BOOT_EVENT_RELEASE] = ALWAYS,
    [BOOT_EVENT_INFORM] = NEVER,
    [BOOT_EVENT_UNKNOWN_MACHINE] = FIRST,
    [BOOT_EVENT_FILE_START] = NEVER,
    [BOOT_EVENT_FILE_DONE] = ALWAYS,
    [BOOT_EVENT_FILE_PROBED] = NEVER,
    [BOOT_EVENT_FILE_FAILED] = ALWAYS,
    [BOOT_EVENT_FILE_MISSING] = FIRST,
    [BOOT_EVENT_FILE_REFUSED] = FIRST,
    [BOOT_EVENT_PLAN_FAILED] = FIRST,
    [BOOT_EVENT_BOOTED] = FIRST,
};

/*
 * A loader that does its own DHCP (iPXE after the ROM) belongs to the boot that fetched it. A machine that
 * already had its configuration, though, has started anew.
 */
static bool begins_boot(const struct boot *last, const struct fleet_node *node,
                        const struct boot_event *event)
{
    if ((last->node[0] != 0) != (node != NULL))
        return true;
    if (event->kind != BOOT_EVENT_DISCOVER || !story_is_network_boot(event))
        return false;
    return last->config_ms || last->booted_ms || llabs(event->at_ms - last->last_ms) >= BOOT_GAP_MS;
}

static uint32_t attempt_after(const struct boot *last, const struct fleet_node *node, int64_t now_ms)
{
    bool is_retry =
        node && last && last->node[0] && !last->booted_ms && now_ms - last->last_ms < BOOT_LOOP_MS;
    return is_retry ? last->attempt + 1 : 1;
}

static int prune(struct state *state, const struct boot *boot, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &prune_machine, &call, err) < 0)
        return -1;
    db_put_text(&call, boot->machine);
    db_put_i64(&call, BOOT_KEPT_MAX);
    if (db_run(&call, err) < 0 || boot->node[0])
        return boot->node[0] ? 0 : -1;
    if (db_call(state->db, &prune_unknown, &call, err) < 0)
        return -1;
    db_put_i64(&call, BOOT_UNKNOWN_MAX);
    return db_run(&call, err);
}

static int begin_boot(struct state *state, const struct fleet_node *node, const struct boot *last,
                      const struct boot_event *event, struct boot *out, struct error *err)
{
    struct boot boot = {.started_ms = event->at_ms,
                        .last_ms = event->at_ms,
                        .attempt = attempt_after(last, node, event->at_ms)};
    boot_machine(&event->mac, event->ip, boot.machine);
    if (node) {
        const char *image = fleet_effective(state->fleet, node).image;
        snprintf(boot.node, sizeof boot.node, "%s", node->name);
        snprintf(boot.image, sizeof boot.image, "%s", image ? image : "");
    }
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &insert_boot, &call, err) < 0)
        return -1;
    db_put_text(&call, boot.machine);
    db_put_text(&call, boot.node[0] ? boot.node : NULL);
    db_put_text(&call, boot.image[0] ? boot.image : NULL);
    db_put_i64(&call, boot.attempt);
    db_put_i64(&call, boot.started_ms);
    if (db_step(&call, err) < 0)
        return -1;
    boot.id = db_get_i64(&call);
    db_end(&call);
    *out = boot;
    return prune(state, &boot, err);
}

/* Returns how often this happened in this boot, 0 when the boot has no room for more, or -1. */
static int64_t keep_event(struct state *state, struct boot *boot, const struct boot_event *event,
                          struct error *err)
{
    char ip[IP4_TEXT_SIZE];
    if (boot->kept >= BOOT_EVENTS_MAX && event->kind != BOOT_EVENT_BOOTED)
        return 0;
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &put_event, &call, err) < 0)
        return -1;
    db_put_i64(&call, boot->id);
    db_put_i64(&call, boot->told);
    db_put_text(&call, story_kind_word(event->kind));
    db_put_text(&call, story_role_word(event->role));
    db_put_text(&call, event->file);
    db_put_text(&call, event->text);
    db_put_i64(&call, event->file_number);
    db_put_i64(&call, event->files_expected);
    db_put_i64(&call, (int64_t)event->bytes);
    db_put_i64(&call, event->duration_ms);
    db_put_text(&call, inside_ip(event->ip, ip));
    db_put_i64(&call, event->at_ms);
    if (db_step(&call, err) < 0)
        return -1;
    int64_t times = db_get_i64(&call);
    boot->kept += times == 1;
    return times;
}

static void advance(struct boot *boot, const struct boot_event *event)
{
    bool is_transfer = event->kind == BOOT_EVENT_FILE_START || event->kind == BOOT_EVENT_FILE_DONE;
    boot->last_ms = event->at_ms;
    if (event->ip)
        boot->ip = event->ip;
    if (is_transfer && event->role >= BOOT_FILE_CONFIG && !boot->config_ms)
        boot->config_ms = event->at_ms;
    if (event->kind == BOOT_EVENT_FILE_DONE && event->files_expected)
        boot->files_expected = event->files_expected;
    if (event->kind == BOOT_EVENT_BOOTED && !boot->booted_ms)
        boot->booted_ms = event->at_ms;
}

static int write_boot(struct state *state, const struct boot *boot, struct error *err)
{
    char ip[IP4_TEXT_SIZE];
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &update_boot, &call, err) < 0)
        return -1;
    db_put_text(&call, inside_ip(boot->ip, ip));
    db_put_i64(&call, boot->last_ms);
    db_put_i64(&call, boot->config_ms);
    db_put_i64(&call, boot->booted_ms);
    db_put_i64(&call, boot->files_expected);
    db_put_i64(&call, boot->told);
    db_put_i64(&call, boot->kept);
    db_put_i64(&call, boot->id);
    return db_run(&call, err);
}

static int write_event(struct state *state, const struct fleet_node *node, const struct boot_event *event,
                       struct boot *boot, int64_t *times, struct error *err)
{
    char machine[BOOT_MACHINE_MAX];
    struct boot last;
    boot_machine(&event->mac, event->ip, machine);
    int found = node ? boot_latest_of_node(state, node, &last, err) : boot_latest(state, machine, &last, err);
    if (found < 0)
        return -1;
    if (!found || begins_boot(&last, node, event)) {
        if (begin_boot(state, node, found ? &last : NULL, event, boot, err) < 0)
            return -1;
    } else {
        *boot = last;
    }
    boot->told++;
    *times = keep_event(state, boot, event, err);
    if (*times < 0)
        return -1;
    advance(boot, event);
    return write_boot(state, boot, err);
}

/* The last file's line tells of all of them. */
static int append_total(struct state *state, const struct boot *boot, const struct boot_event *event,
                        char *line, struct error *err)
{
    struct story_event *events;
    struct story story;
    size_t count;
    char text[STORY_TEXT_MAX];
    /* Loaders fetch in order: reading the whole boot for the last file only keeps a boot storm cheap. */
    if (event->kind != BOOT_EVENT_FILE_DONE || !boot->files_expected ||
        event->file_number != boot->files_expected)
        return 0;
    if (boot_read_events(state, boot, &events, &count, err) < 0)
        return -1;
    int result = story_tell(events, count, event->at_ms, &story, err);
    if (result == 0 && story.step_count && !story.steps[story.step_count - 1].event) {
        size_t used = strlen(line);
        snprintf(line + used, STATE_LINE_MAX - used, "; all %s", story_files_detail(&story, text));
    }
    if (result == 0)
        story_fini(&story);
    free(events);
    return result;
}

static int format_line(struct state *state, const struct boot *boot, const struct boot_event *event,
                       int64_t times, char line[static STATE_LINE_MAX], struct error *err)
{
    line[0] = 0;
    bool is_normal_miss = event->kind == BOOT_EVENT_FILE_MISSING && story_is_normal_miss(event->file);
    if (is_normal_miss || worths[event->kind] == NEVER || (worths[event->kind] == FIRST && times != 1))
        return 0;
    char label[STORY_LABEL_MAX], detail[STORY_TEXT_MAX], took[TEXT_DURATION_MAX];
    story_label(event, boot->files_expected, label);
    story_detail(event, detail);
    int used = snprintf(line, STATE_LINE_MAX, "%-12s  %-12s  %s", boot->node[0] ? boot->node : boot->machine,
                        label, detail);
    if (event->kind == BOOT_EVENT_BOOTED && !boot->config_ms && used < STATE_LINE_MAX)
        snprintf(line + used, STATE_LINE_MAX - (size_t)used, "; it was not booted from here");
    if (event->kind == BOOT_EVENT_BOOTED && boot->config_ms && used < STATE_LINE_MAX)
        snprintf(line + used, STATE_LINE_MAX - (size_t)used, ", %s after its first DISCOVER",
                 text_duration_ms(event->at_ms - boot->started_ms, took));
    return append_total(state, boot, event, line, err);
}

static int64_t clamp_time(int64_t ms)
{
    return ms < 0 ? 0 : ms > STORY_TIME_MAX ? STORY_TIME_MAX : ms;
}

/* File names and texts come from clients, and the rest from a process that reads hostile packets: what is
 * kept and shown is printable and can be reckoned with. */
static void clean(const struct boot_event *event, struct boot_event *out)
{
    *out = *event;
    out->at_ms = clamp_time(event->at_ms);
    out->duration_ms = clamp_time(event->duration_ms);
    text_printable(event->file, strnlen(event->file, sizeof event->file), out->file, sizeof out->file);
    text_printable(event->text, strnlen(event->text, sizeof event->text), out->text, sizeof out->text);
}

int state_event(struct state *state, const struct boot_event *event, char line[static STATE_LINE_MAX],
                struct error *err)
{
    struct boot_event cleaned;
    struct boot boot;
    int64_t times;
    if (event->kind >= BOOT_EVENT_KINDS || event->role > BOOT_FILE_OVERLAY)
        return error_set(err, "an event of kind %d, role %d, does not exist", (int)event->kind,
                         (int)event->role);
    clean(event, &cleaned);
    const struct fleet_node *node = fleet_node_by_mac(state->fleet, &event->mac);
    bool is_alone = !db_in_transaction(state->db);
    if (is_alone && db_begin(state->db, err) < 0)
        return -1;
    if (write_event(state, node, &cleaned, &boot, &times, err) < 0 ||
        (line && format_line(state, &boot, &cleaned, times, line, err) < 0) ||
        (is_alone && db_commit(state->db, err) < 0)) {
        if (is_alone)
            db_rollback(state->db);
        return -1;
    }
    return 0;
}
