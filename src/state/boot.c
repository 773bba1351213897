#include "state/boot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOOT_FIELDS                                                                                          \
    "id, machine, node, image, ip, attempt, started_ms, last_ms, config_ms, booted_ms, files_expected, "     \
    "told, "                                                                                                 \
    "kept"

static const struct db_sql select_latest = {
    "read a boot", "SELECT " BOOT_FIELDS " FROM boot WHERE machine = $1 ORDER BY id DESC LIMIT 1"};
static const struct db_sql select_unknown = {
    "read the boots of unknown machines",
    "SELECT " BOOT_FIELDS " FROM boot WHERE node IS NULL AND id IN "
    "(SELECT max(id) FROM boot GROUP BY machine) ORDER BY last_ms DESC, id DESC"};
static const struct db_sql select_events = {
    "read a boot's events",
    "SELECT first_order, last_order, times, kind, role, file, text, file_number, files_expected, bytes, "
    "duration_ms, ip, first_ms, last_ms FROM event WHERE boot = $1 ORDER BY first_order"};

void boot_machine(const struct mac *mac, uint32_t ip, char out[static BOOT_MACHINE_MAX])
{
    char text[MAC_TEXT_SIZE];
    if (!mac_is_zero(mac))
        snprintf(out, BOOT_MACHINE_MAX, "%s", mac_format(mac, text));
    else
        snprintf(out, BOOT_MACHINE_MAX, "address %s", ip4_format(ip, text));
}

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

int boot_latest(struct state *state, const char *machine, struct boot *out, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_latest, &call, err) < 0)
        return -1;
    db_put_text(&call, machine);
    int found = db_step(&call, err);
    if (found > 0)
        read_boot(&call, out);
    return found;
}

int boot_latest_of_node(struct state *state, const struct fleet_node *node, struct boot *out,
                        struct error *err)
{
    int found = 0;
    for (size_t i = 0; i < node->mac_count; i++) {
        char machine[BOOT_MACHINE_MAX];
        struct boot boot;
        boot_machine(&node->macs[i], 0, machine);
        int result = boot_latest(state, machine, &boot, err);
        if (result < 0)
            return -1;
        if (result > 0 && (!found || boot.id > out->id)) {
            *out = boot;
            found = 1;
        }
    }
    return found;
}

int boot_each_unknown(struct state *state, void *ctx,
                      int (*each)(void *ctx, const struct boot *boot, struct error *err), struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_unknown, &call, err) < 0)
        return -1;
    int more;
    while ((more = db_step(&call, err)) > 0) {
        struct boot boot;
        read_boot(&call, &boot);
        if (each(ctx, &boot, err) < 0)
            return -1;
    }
    return more;
}

static int read_event(struct db_call *call, struct story_event *out, struct error *err)
{
    *out = (struct story_event){.first_order = read_u32(call), .last_order = read_u32(call)};
    out->times = read_u32(call);
    const char *kind = db_get_text(call), *role = db_get_text(call);
    struct boot_event *event = &out->event;
    if (!story_parse_kind(kind, &event->kind) || !story_parse_role(role, &event->role))
        return error_set(err, "the database holds an event of an unknown kind (%s, %s)", kind, role);
    read_text(call, event->file, sizeof event->file);
    read_text(call, event->text, sizeof event->text);
    event->file_number = read_u32(call);
    event->files_expected = read_u32(call);
    event->bytes = (uint64_t)db_get_i64(call);
    event->duration_ms = db_get_i64(call);
    event->ip = read_ip(call);
    out->first_ms = db_get_i64(call);
    event->at_ms = db_get_i64(call);
    return 0;
}

int boot_read_events(struct state *state, const struct boot *boot, struct story_event **out, size_t *count,
                     struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    struct story_event *events = calloc(boot->kept ? boot->kept : 1, sizeof *events);
    if (!events)
        return error_errno(err, ENOMEM, "reading %u events", boot->kept);
    if (db_call(state->db, &select_events, &call, err) < 0) {
        free(events);
        return -1;
    }
    db_put_i64(&call, boot->id);
    size_t n = 0;
    int more = 0;
    while (n < boot->kept && (more = db_step(&call, err)) > 0)
        if (read_event(&call, &events[n++], err) < 0) {
            more = -1;
            break;
        }
    if (more < 0) {
        free(events);
        return -1;
    }
    *out = events;
    *count = n;
    return 0;
}
