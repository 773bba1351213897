#include "fleet/fleet_schema.h"
#include "fleet/fleet_yaml.h"
#include "state/inside.h"

#include <errno.h>

/* kind: the section of the YAML that the object stands in. */
static const struct db_sql select_objects = {"read the fleet", "SELECT body FROM object WHERE kind = $1"};
static const struct db_sql put_object = {
    "keep an object of the fleet",
    "INSERT INTO object (kind, name, body) VALUES ($1, $2, $3) ON CONFLICT (kind, name) DO UPDATE "
    "SET body = excluded.body"};
static const struct db_sql remove_object = {"remove an object of the fleet",
                                            "DELETE FROM object WHERE kind = $1 AND name = $2"};
static const struct db_sql put_audit = {"note a change of the fleet",
                                        "INSERT INTO audit (at_ms, who, change) VALUES ($1, $2, $3)"};

int state_fleet_load(struct state *state, struct error *err)
{
    struct buf text cleanup_buf = BUF_INIT;
    for (enum fleet_kind kind = 0; kind < FLEET_KINDS; kind++) {
        struct db_call call cleanup_db_call = DB_CALL_INIT;
        if (db_call(state->db, &select_objects, &call, err) < 0)
            return -1;
        db_put_text(&call, fleet_kind_section(kind));
        int more;
        for (bool first = true; (more = db_step(&call, err)) > 0; first = false) {
            if (first)
                buf_format(&text, "%s:\n", fleet_kind_section(kind));
            buf_append_text(&text, db_get_text(&call));
        }
        if (more < 0)
            return -1;
    }
    if (text.failed)
        return error_errno(err, ENOMEM, "reading the fleet");
    if (fleet_parse_yaml("the fleet in the database", buf_slice(&text), &state->fleet, err) < 0)
        return -1;
    state->generation = 1;
    return 0;
}

/* The rows of what differs, in one transaction. */
struct writer {
    struct state *state;
    int64_t changed; /* rows */
    struct buf text; /* one object's */
    struct error *err;
};

static int put_row(struct writer *w, enum fleet_kind kind, const void *object)
{
    const char *name = *(char *const *)object; /* starts with its name */
    buf_clear(&w->text);
    fleet_format_object(kind, object, FLEET_WITH_SECRETS, &w->text);
    const char *body = buf_text(&w->text);
    if (w->text.failed)
        return error_errno(w->err, ENOMEM, "keeping %s", name);
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(w->state->db, &put_object, &call, w->err) < 0)
        return -1;
    db_put_text(&call, fleet_kind_section(kind));
    db_put_text(&call, name);
    db_put_text(&call, body);
    return db_run(&call, w->err);
}

static int remove_row(struct writer *w, enum fleet_kind kind, const void *object)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(w->state->db, &remove_object, &call, w->err) < 0)
        return -1;
    db_put_text(&call, fleet_kind_section(kind));
    db_put_text(&call, *(char *const *)object);
    return db_run(&call, w->err);
}

static int write_changed(void *ctx, enum fleet_kind kind, const void *before, const void *after)
{
    struct writer *w = ctx;
    w->changed++;
    return after ? put_row(w, kind, after) : remove_row(w, kind, before);
}

/* Returns how many rows were changed. */
static int64_t write_rows(struct state *state, const struct fleet *next, struct error *err)
{
    struct writer w = {.state = state, .err = err};
    int result = fleet_changes(state->fleet, next, &w, write_changed);
    buf_fini(&w.text);
    return result < 0 ? -1 : w.changed;
}

static int write_audit(struct state *state, const struct fleet *next, const char *who, int64_t now_ms,
                       struct error *err)
{
    struct buf change cleanup_buf = BUF_INIT;
    fleet_diff(state->fleet, next, &change);
    const char *text = buf_text(&change);
    if (change.failed)
        return error_errno(err, ENOMEM, "noting the change");
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &put_audit, &call, err) < 0)
        return -1;
    db_put_i64(&call, now_ms);
    db_put_text(&call, who);
    db_put_text(&call, text);
    return db_run(&call, err);
}

int state_fleet_replace(struct state *state, struct fleet *next, const char *who, int64_t now_ms,
                        struct error *err)
{
    /* A batch that is rolled back later would leave the fleet in memory ahead of the one on disk. */
    if (db_in_transaction(state->db))
        return error_set(err, "the fleet cannot be changed inside a batch");
    if (db_begin(state->db, err) < 0)
        return -1;
    int64_t changed = write_rows(state, next, err);
    if (changed < 0 || (changed > 0 && write_audit(state, next, who, now_ms, err) < 0) ||
        db_commit(state->db, err) < 0) {
        db_rollback(state->db);
        return error_wrap(err, "the fleet was not changed");
    }
    fleet_free(state->fleet);
    state->fleet = next;
    state->generation++;
    return 0;
}

const struct fleet *state_fleet(const struct state *state)
{
    return state->fleet;
}

uint64_t state_fleet_generation(const struct state *state)
{
    return state->generation;
}
