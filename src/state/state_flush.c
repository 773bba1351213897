/* Writing the story behind the events, and forgetting what is more than is kept. */
#include "state/boot.h"
#include "state/vm_hosts.h"

#include <errno.h>
#include <stdlib.h>

#define ROUND_MS 1000 /* the story may lose so much of its end to a crash, and a boot is written so often */

/* Pruning waits for a quiet moment, but not while this much more than is to be kept piles up. */
#define PRUNE_WAITING_MAX 4096

#define BOOTS_AT_ONCE 1000 /* a transaction: some 30 MB of log at most */

/* SQLite's own measure for copying the log into the file; here it waits for a quiet moment. */
#define LOG_PAGES_QUIET 1000 /* of 4 KiB */
#define LEASES_QUIET    50   /* in the round so far */

static const struct db_sql prune_machine = {
    "forget a machine's old boots",
    "DELETE FROM boot WHERE machine = $1 AND id <= "
    "(SELECT id FROM boot WHERE machine = $1 ORDER BY id DESC LIMIT 1 OFFSET $2)"};
static const struct db_sql select_old_unknown = {
    "read which boots of unknown machines are old",
    "SELECT id FROM boot WHERE node IS NULL ORDER BY id DESC LIMIT 1 OFFSET $1"};
static const struct db_sql prune_unknown = {"forget old boots of unknown machines",
                                            "DELETE FROM boot WHERE node IS NULL AND id <= $1"};
static const struct db_sql count_unknown = {"count the boots of unknown machines",
                                            "SELECT count(*) FROM boot WHERE node IS NULL"};

/* --- writing --- */

static bool is_due(const struct state *state, const struct open_boot *open)
{
    return open && (open->waiting_round != state->boots->round || state->boots->bytes > BOOTS_BYTES_MAX);
}

static void note_machine(struct state *state, const struct open_boot *open)
{
    if (open->machine_boots <= BOOT_KEPT_MAX)
        return;
    if (state->prune_count == state->prune_capacity) {
        size_t capacity = state->prune_capacity ? state->prune_capacity * 2 : 64;
        uint64_t *prune = reallocarray(state->prune, capacity, sizeof *prune);
        if (!prune)
            return; /* its next boot notes it again */
        state->prune = prune;
        state->prune_capacity = capacity;
    }
    state->prune[state->prune_count++] = open->key;
}

static void note_written(struct state *state, struct open_boot *open)
{
    if (open->is_new) {
        note_machine(state, open);
        state->unknown += !open->boot.node[0];
    }
    boots_written(state->boots, open);
}

/* One transaction for at most `most` boots; returns how many it wrote, or -1. */
static int64_t write_due(struct state *state, size_t most, struct error *err)
{
    size_t count = 0;
    if (!most || !is_due(state, state->boots->first_waiting))
        return 0;
    if (db_begin_behind(state->db, err) < 0)
        return -1;
    const struct open_boot *open = state->boots->first_waiting;
    int result = 0;
    for (; result == 0 && count < most && is_due(state, open); open = open->next_waiting, count++)
        result = boot_write(state, open, err);
    if (result < 0 || db_commit(state->db, err) < 0) {
        db_rollback(state->db);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        note_written(state, state->boots->first_waiting);
    return (int64_t)count;
}

/* --- pruning --- */

static int forget_machine(struct state *state, uint64_t key, struct error *err)
{
    char machine[BOOT_MACHINE_MAX];
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &prune_machine, &call, err) < 0)
        return -1;
    boot_machine(key, machine);
    db_put_text(&call, machine);
    db_put_i64(&call, BOOT_KEPT_MAX);
    return db_run(&call, err);
}

static int run_i64(struct state *state, const struct db_sql *sql, int64_t value, int64_t *out,
                   struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, sql, &call, err) < 0)
        return -1;
    if (value >= 0)
        db_put_i64(&call, value);
    int found = db_step(&call, err);
    if (found > 0)
        *out = db_get_i64(&call);
    return found;
}

/* *last_id: the highest one that is gone; it stays 0 when none is. */
static int forget_unknown(struct state *state, int64_t *last_id, struct error *err)
{
    int64_t none;
    if (run_i64(state, &select_old_unknown, BOOT_UNKNOWN_MAX, last_id, err) < 0 ||
        run_i64(state, &prune_unknown, *last_id, &none, err) < 0 ||
        run_i64(state, &count_unknown, -1, &state->unknown, err) < 0)
        return -1;
    return 0;
}

static void drop_unknown(struct state *state, int64_t last_id)
{
    struct open_boot *open = state->boots->newest, *older;
    for (; open; open = older) {
        older = open->older;
        if (open->boot.id && open->boot.id <= last_id && !open->boot.node[0])
            boots_drop(state->boots, open);
    }
}

/* Returns 1 when there is more to do. */
static int prune(struct state *state, size_t most, struct error *err)
{
    int64_t last_id = 0;
    size_t count = state->prune_count < most ? state->prune_count : most, done = 0;
    if (!count && state->unknown <= BOOT_UNKNOWN_MAX)
        return 0;
    if (db_begin_behind(state->db, err) < 0)
        return -1;
    int result = state->unknown > BOOT_UNKNOWN_MAX ? forget_unknown(state, &last_id, err) : 0;
    for (; result == 0 && done < count; done++)
        result = forget_machine(state, state->prune[state->prune_count - 1 - done], err);
    if (result < 0 || db_commit(state->db, err) < 0) {
        db_rollback(state->db);
        return -1;
    }
    for (; done; done--) {
        struct open_boot *open = boots_find(state->boots, state->prune[--state->prune_count]);
        if (open && open->machine_boots > BOOT_KEPT_MAX)
            open->machine_boots = BOOT_KEPT_MAX;
    }
    drop_unknown(state, last_id);
    return state->prune_count ? 1 : 0;
}

/* Returns 1 when there is more to do. */
static int write_and_prune(struct state *state, size_t most, bool *wrote, struct error *err)
{
    int64_t written = write_due(state, most, err);
    if (written < 0)
        return -1;
    *wrote = written > 0;
    boots_trim(state->boots, most);
    int hosts = vm_hosts_flush(state, most, wrote, err);
    if (hosts < 0)
        return -1;
    bool is_behind = is_due(state, state->boots->first_waiting);
    bool is_pile = state->prune_count > PRUNE_WAITING_MAX || state->unknown > 2 * BOOT_UNKNOWN_MAX;
    if (is_behind && !is_pile)
        return 1;
    int more = prune(state, most, err);
    return more < 0 ? -1 : is_behind || more > 0 || hosts > 0;
}

int state_flush(struct state *state, int64_t now_ms, size_t most, struct error *err)
{
    bool wrote;
    if (now_ms - state->round_ms >= ROUND_MS) {
        state->round_ms = now_ms;
        state->boots->round++;
        state->round_leases = 0;
    }
    int more = write_and_prune(state, most, &wrote, err);
    if (more != 0 || wrote || state->round_leases >= LEASES_QUIET ||
        db_log_pages(state->db) < LOG_PAGES_QUIET)
        return more;
    return db_checkpoint(state->db, err);
}

int state_flush_all(struct state *state, struct error *err)
{
    bool wrote;
    int more;
    state->boots->round++;
    while ((more = write_and_prune(state, BOOTS_AT_ONCE, &wrote, err)) > 0)
        ;
    return more;
}
