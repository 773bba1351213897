#include "state/vm_hosts.h"

#include "base/cleanup.h"
#include "state/boots.h"
#include "state/state_vm.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const struct db_sql select_secret = {"read the agents' secret", "SELECT secret FROM vm_secret"};
static const struct db_sql insert_secret = {"keep the agents' secret", "INSERT INTO vm_secret VALUES ($1)"};
static const struct db_sql select_hosts = {"read the hosts",
                                           "SELECT node, boot, began_ms, given_ms, restored_ms, restored, "
                                           "word_ms, report_ms, seq, wish, wish_taken, "
                                           "version, version_ms FROM vm_host"};
static const struct db_sql put_host = {
    "keep a host",
    "INSERT INTO vm_host (node, boot, began_ms, given_ms, restored_ms, restored, word_ms, report_ms, seq, "
    "wish, wish_taken, version, version_ms) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) "
    "ON CONFLICT (node) DO UPDATE SET boot = excluded.boot, began_ms = excluded.began_ms, given_ms = "
    "excluded.given_ms, restored_ms = excluded.restored_ms, restored = excluded.restored, word_ms = "
    "excluded.word_ms, report_ms = excluded.report_ms, seq = excluded.seq, wish = excluded.wish, wish_taken "
    "= "
    "excluded.wish_taken, version = excluded.version, version_ms = excluded.version_ms"};
static const struct db_sql select_list = {"read a host's inventory",
                                          "SELECT list FROM vm_version WHERE node = $1 AND number = $2"};

/* --- the table --- */

/* The place of the name, or where it would be. */
static size_t find_place(const struct vm_hosts *hosts, const char *node, bool *found)
{
    size_t low = 0, high = hosts->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(hosts->places[middle].host->node, node);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct vm_host *vm_hosts_find(const struct state *state, const char *node)
{
    bool found;
    size_t at = find_place(state->vms, node, &found);
    return found ? state->vms->places[at].host : NULL;
}

struct vm_host *vm_hosts_of_boot(const struct state *state, int64_t boot)
{
    for (size_t i = 0; boot && i < state->vms->count; i++)
        if (state->vms->places[i].boot == boot)
            return state->vms->places[i].host;
    return NULL;
}

static int reserve(struct vm_hosts *hosts)
{
    if (hosts->count < hosts->capacity)
        return 0;
    size_t capacity = hosts->capacity ? hosts->capacity * 2 : 64;
    struct vm_place *places = reallocarray(hosts->places, capacity, sizeof *places);
    if (!places)
        return -1;
    hosts->places = places;
    hosts->capacity = capacity;
    return 0;
}

struct vm_host *vm_hosts_get(struct state *state, const char *node, struct error *err)
{
    struct vm_hosts *hosts = state->vms;
    bool found;
    size_t at = find_place(hosts, node, &found);
    if (found)
        return hosts->places[at].host;
    struct vm_host *host = reserve(hosts) < 0 ? NULL : calloc(1, sizeof *host);
    if (!host) {
        error_errno(err, ENOMEM, "the virtual machines of %s", node);
        return NULL;
    }
    snprintf(host->node, sizeof host->node, "%s", node);
    host->has_list = true; /* version 0: empty */
    memmove(hosts->places + at + 1, hosts->places + at, (hosts->count - at) * sizeof *hosts->places);
    hosts->places[at] = (struct vm_place){0, host};
    hosts->count++;
    return host;
}

void vm_host_clear_conflicts(struct vm_host *host)
{
    for (size_t i = 0; i < host->conflict_count; i++)
        free(host->conflicts[i]);
    free(host->conflicts);
    host->conflicts = NULL;
    host->conflict_count = 0;
}

static void host_free(struct vm_host *host)
{
    vm_host_clear_conflicts(host);
    vm_list_fini(&host->list);
    vm_list_fini(&host->seen);
    free(host);
}

void vm_hosts_drop(struct state *state, const char *node)
{
    struct vm_hosts *hosts = state->vms;
    bool found;
    size_t at = find_place(hosts, node, &found);
    if (!found)
        return;
    hosts->dirty_count -= hosts->places[at].host->is_dirty;
    host_free(hosts->places[at].host);
    hosts->count--;
    memmove(hosts->places + at, hosts->places + at + 1, (hosts->count - at) * sizeof *hosts->places);
}

void vm_hosts_free(struct vm_hosts *hosts)
{
    for (size_t i = 0; hosts && i < hosts->count; i++)
        host_free(hosts->places[i].host);
    if (hosts)
        free(hosts->places);
    free(hosts);
}

/* --- a host --- */

bool vm_host_is_known(const struct vm_host *host)
{
    return host->row.version || host->row.wish || host->row.boot;
}

int64_t vm_host_lease(const struct state *state, const struct vm_host *host)
{
    if (!host || (!host->row.word_ms && !host->row.given_ms))
        return 0;
    int64_t word_ms = state->vms->serving_ms;
    if (word_ms < host->row.word_ms)
        word_ms = host->row.word_ms;
    if (word_ms < host->row.given_ms)
        word_ms = host->row.given_ms;
    return word_ms + STATE_VM_LEASE_MS;
}

void vm_host_set_boot(struct state *state, struct vm_host *host, int64_t boot)
{
    bool found;
    size_t at = find_place(state->vms, host->node, &found);
    host->row.boot = boot;
    state->vms->places[at].boot = boot;
    if (state->last_boot < boot)
        state->last_boot = boot;
}

void vm_host_begin_boot(struct state *state, struct vm_host *host, int64_t boot, int64_t now_ms)
{
    vm_host_set_boot(state, host, boot);
    host->row.began_ms = host->row.given_ms = now_ms;
    host->row.restored_ms = host->row.report_ms = 0;
    host->row.restored[0] = 0;
    host->row.seq = 0;
    host->row.wish_taken = host->row.wish;
    host->has_report = false;
    host->hold[0] = 0;
    vm_list_fini(&host->seen);
    vm_list_init(&host->seen);
    vm_host_clear_conflicts(host);
    vm_list_forget_reports(&host->list);
    vm_host_changed(state, host);
}

int vm_host_load(struct state *state, struct vm_host *host, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (host->has_list)
        return 0;
    if (db_call(state->db, &select_list, &call, err) < 0)
        return -1;
    db_put_text(&call, host->node);
    db_put_i64(&call, (int64_t)host->row.version);
    int found = db_step(&call, err);
    if (found < 0)
        return -1;
    const char *text = found ? db_get_text(&call) : "";
    struct slice slice = {(const uint8_t *)text, strlen(text)};
    if (vm_list_parse(slice, &host->list, err) < 0)
        return error_wrap(err, "the database's version %llu of %s", (unsigned long long)host->row.version,
                          host->node);
    vm_list_sort(&host->list);
    vm_list_forget_reports(&host->list); /* of reports to another server process */
    host->has_list = true;
    return 0;
}

/* --- rows --- */

int vm_host_write(struct state *state, const char *node, const struct vm_row *row, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &put_host, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    db_put_i64(&call, row->boot);
    db_put_i64(&call, row->began_ms);
    db_put_i64(&call, row->given_ms);
    db_put_i64(&call, row->restored_ms);
    db_put_text(&call, row->restored);
    db_put_i64(&call, row->word_ms);
    db_put_i64(&call, row->report_ms);
    db_put_i64(&call, (int64_t)row->seq);
    db_put_i64(&call, (int64_t)row->wish);
    db_put_i64(&call, (int64_t)row->wish_taken);
    db_put_i64(&call, (int64_t)row->version);
    db_put_i64(&call, row->version_ms);
    return db_run(&call, err);
}

int vm_host_write_behind(struct state *state, struct vm_host *host, struct error *err)
{
    if (db_in_transaction(state->db))
        return vm_host_write(state, host->node, &host->row, err);
    if (db_begin_behind(state->db, err) < 0)
        return -1;
    return vm_end(state, true, vm_host_write(state, host->node, &host->row, err), err);
}

void vm_host_changed(struct state *state, struct vm_host *host)
{
    if (host->is_dirty)
        return;
    host->is_dirty = true;
    host->dirty_round = state->boots->round;
    state->vms->dirty_count++;
}

/* Writes what is due of the next places, from where the last flush ended. */
static int write_places(struct state *state, size_t most, size_t *count, struct error *err)
{
    struct vm_hosts *hosts = state->vms;
    for (size_t looks = hosts->count; looks && hosts->dirty_count && *count < most; looks--) {
        hosts->dirty_at = hosts->dirty_at + 1 < hosts->count ? hosts->dirty_at + 1 : 0;
        struct vm_host *host = hosts->places[hosts->dirty_at].host;
        if (!host->is_dirty || host->dirty_round == state->boots->round)
            continue;
        if (vm_host_write(state, host->node, &host->row, err) < 0)
            return -1;
        host->is_dirty = false;
        hosts->dirty_count--;
        ++*count;
    }
    return 0;
}

int vm_hosts_flush(struct state *state, size_t most, bool *wrote, struct error *err)
{
    size_t count = 0, waiting = state->vms->dirty_count;
    if (!waiting || !most)
        return 0;
    if (db_begin_behind(state->db, err) < 0)
        return -1;
    if (write_places(state, most, &count, err) < 0 || db_commit(state->db, err) < 0) {
        db_rollback(state->db);
        return -1; /* those that were written until then come again with their next word */
    }
    *wrote |= count > 0;
    return count == most;
}

/* --- opening --- */

static int hex_value(char digit)
{
    return digit >= '0' && digit <= '9' ? digit - '0' : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

static int parse_secret(const char *text, uint8_t out[static VM_SECRET_SIZE], struct error *err)
{
    if (strlen(text) != (size_t)2 * VM_SECRET_SIZE)
        return error_set(err, "the database's vm_secret is damaged: put a backup in its place");
    for (size_t i = 0; i < VM_SECRET_SIZE; i++) {
        int high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
        if (high < 0 || low < 0)
            return error_set(err, "the database's vm_secret is damaged: put a backup in its place");
        out[i] = (uint8_t)(high << 4 | low);
    }
    return 0;
}

static int make_secret(struct state *state, struct error *err)
{
    char text[2 * VM_SECRET_SIZE + 1];
    uint8_t *secret = state->vms->secret;
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (getrandom(secret, VM_SECRET_SIZE, 0) != VM_SECRET_SIZE)
        return error_errno(err, errno, "random numbers");
    for (size_t i = 0; i < VM_SECRET_SIZE; i++)
        snprintf(text + 2 * i, 3, "%02x", secret[i]);
    if (db_call(state->db, &insert_secret, &call, err) < 0)
        return -1;
    db_put_text(&call, text);
    return db_run(&call, err);
}

static int load_secret(struct state *state, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_secret, &call, err) < 0)
        return -1;
    int found = db_step(&call, err);
    if (found > 0)
        return parse_secret(db_get_text(&call), state->vms->secret, err);
    db_end(&call);
    return found < 0 ? -1 : make_secret(state, err);
}

static void read_row(struct db_call *call, struct vm_row *out)
{
    *out = (struct vm_row){.boot = db_get_i64(call)};
    out->began_ms = db_get_i64(call);
    out->given_ms = db_get_i64(call);
    out->restored_ms = db_get_i64(call);
    snprintf(out->restored, sizeof out->restored, "%s", db_get_text(call));
    out->word_ms = db_get_i64(call);
    out->report_ms = db_get_i64(call);
    out->seq = (uint64_t)db_get_i64(call);
    out->wish = (uint64_t)db_get_i64(call);
    out->wish_taken = (uint64_t)db_get_i64(call);
    out->version = (uint64_t)db_get_i64(call);
    out->version_ms = db_get_i64(call);
}

static int load_hosts(struct state *state, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_hosts, &call, err) < 0)
        return -1;
    int more;
    while ((more = db_step(&call, err)) > 0) {
        struct vm_host *host = vm_hosts_get(state, db_get_text(&call), err);
        if (!host)
            return -1;
        read_row(&call, &host->row);
        host->has_list = !host->row.version;
        vm_host_set_boot(state, host, host->row.boot);
    }
    return more;
}

int vm_hosts_load(struct state *state, struct error *err)
{
    state->vms = calloc(1, sizeof *state->vms);
    if (!state->vms)
        return error_errno(err, ENOMEM, "the virtual machines");
    return load_secret(state, err) < 0 || load_hosts(state, err) < 0 ? -1 : 0;
}

/* --- transactions --- */

int vm_begin(struct state *state, bool *own, struct error *err)
{
    *own = !db_in_transaction(state->db);
    return *own ? db_begin(state->db, err) : 0;
}

int vm_end(struct state *state, bool own, int result, struct error *err)
{
    if (own && result >= 0)
        result = db_commit(state->db, err);
    if (own && result < 0)
        db_rollback(state->db);
    return result;
}
