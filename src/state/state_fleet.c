#include "fleet/fleet_schema.h"
#include "fleet/fleet_yaml.h"
#include "state/inside.h"

#include <errno.h>

/* kind: the section of the YAML that the object stands in. */
static const struct db_sql select_objects = {"read the fleet", "SELECT body FROM object WHERE kind = $1"};
static const struct db_sql put_object = {
    "keep an object of the fleet",
    "INSERT INTO object (kind, name, body) VALUES ($1, $2, $3) ON CONFLICT (kind, name) DO UPDATE "
    "SET body = excluded.body WHERE object.body <> excluded.body RETURNING 1"};
static const struct db_sql remove_object = {"remove an object of the fleet",
                                            "DELETE FROM object WHERE kind = $1 AND name = $2 RETURNING 1"};
static const struct db_sql put_audit = {"note a change of the fleet",
                                        "INSERT INTO audit (at_ms, who, change) VALUES ($1, $2, $3)"};

/* An object of a fleet, whatever its kind. */
struct object {
    const void *object;
    const char *name;
};

static size_t object_count(const struct fleet *fleet, enum fleet_kind kind)
{
    return kind == FLEET_NETWORK   ? fleet->network_count
           : kind == FLEET_PROFILE ? fleet->profile_count
                                   : fleet->node_count;
}

static struct object object_at(const struct fleet *fleet, enum fleet_kind kind, size_t i)
{
    if (kind == FLEET_NETWORK)
        return (struct object){&fleet->networks[i], fleet->networks[i].name};
    if (kind == FLEET_PROFILE)
        return (struct object){&fleet->profiles[i], fleet->profiles[i].name};
    return (struct object){&fleet->nodes[i], fleet->nodes[i].name};
}

static bool has_object(const struct fleet *fleet, enum fleet_kind kind, const char *name)
{
    return kind == FLEET_NETWORK   ? fleet_network_by_name(fleet, name) != NULL
           : kind == FLEET_PROFILE ? fleet_profile_by_name(fleet, name) != NULL
                                   : fleet_node_by_name(fleet, name) != NULL;
}

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

/* Returns 1 when the row was changed. */
static int put_one(struct state *state, enum fleet_kind kind, const struct object *object, struct error *err)
{
    struct buf text cleanup_buf = BUF_INIT;
    fleet_format_object(kind, object->object, FLEET_WITH_SECRETS, &text);
    const char *body = buf_text(&text);
    if (text.failed)
        return error_errno(err, ENOMEM, "keeping %s", object->name);
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &put_object, &call, err) < 0)
        return -1;
    db_put_text(&call, fleet_kind_section(kind));
    db_put_text(&call, object->name);
    db_put_text(&call, body);
    return db_step(&call, err);
}

/* Returns 1 when there was such a row. */
static int remove_one(struct state *state, enum fleet_kind kind, const char *name, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &remove_object, &call, err) < 0)
        return -1;
    db_put_text(&call, fleet_kind_section(kind));
    db_put_text(&call, name);
    return db_step(&call, err);
}

/* Returns how many rows of the kind were changed. */
static int64_t write_kind(struct state *state, const struct fleet *next, enum fleet_kind kind,
                          struct error *err)
{
    int64_t changed = 0;
    for (size_t i = 0; i < object_count(state->fleet, kind); i++) {
        const char *name = object_at(state->fleet, kind, i).name;
        int removed = has_object(next, kind, name) ? 0 : remove_one(state, kind, name, err);
        if (removed < 0)
            return -1;
        changed += removed;
    }
    for (size_t i = 0; i < object_count(next, kind); i++) {
        struct object object = object_at(next, kind, i);
        int put = put_one(state, kind, &object, err);
        if (put < 0)
            return -1;
        changed += put;
    }
    return changed;
}

static int64_t write_rows(struct state *state, const struct fleet *next, struct error *err)
{
    int64_t changed = 0;
    for (enum fleet_kind kind = 0; kind < FLEET_KINDS; kind++) {
        int64_t rows = write_kind(state, next, kind, err);
        if (rows < 0)
            return -1;
        changed += rows;
    }
    return changed;
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
