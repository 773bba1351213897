#include "state/vm_versions.h"

#include "base/cleanup.h"
#include "state/state_vm.h"
#include "state/vm_owners.h"

#include <errno.h>
#include <string.h>

static const struct db_sql insert_version = {
    "keep an inventory",
    "INSERT INTO vm_version (node, number, boot, at_ms, who, why, list) VALUES ($1, $2, $3, $4, $5, $6, $7)"};
static const struct db_sql prune_versions = {"forget old inventories",
                                             "DELETE FROM vm_version WHERE node = $1 AND number <= $2"};
static const struct db_sql select_versions = {
    "read the inventories",
    "SELECT number, boot, at_ms, who, why, list FROM vm_version WHERE node = $1 ORDER BY number DESC"};
static const struct db_sql select_version = {"read an inventory",
                                             "SELECT list FROM vm_version WHERE node = $1 AND number = $2"};
static const struct db_sql select_ends = {
    "count the inventories", "SELECT coalesce(min(number), 0), coalesce(max(number), 0) FROM vm_version "
                             "WHERE node = $1"};
static const struct db_sql forget_host = {"forget a host", "DELETE FROM vm_host WHERE node = $1"};

/* --- writing --- */

static int prune_up_to(struct state *state, const char *node, int64_t number, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &prune_versions, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    db_put_i64(&call, number);
    return db_run(&call, err);
}

static int insert(struct state *state, const char *node, const struct vm_row *row, const struct vm_list *list,
                  const char *who, const char *why, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    cleanup_buf struct buf text = BUF_INIT;
    vm_list_format(list, &text);
    const char *body = buf_text(&text);
    if (text.failed)
        return error_errno(err, ENOMEM, "the inventory of %s", node);
    if (db_call(state->db, &insert_version, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    db_put_i64(&call, (int64_t)row->version);
    db_put_i64(&call, row->boot);
    db_put_i64(&call, row->version_ms);
    db_put_text(&call, who);
    db_put_text(&call, why);
    db_put_text(&call, body);
    return db_run(&call, err);
}

int vm_version_write(struct state *state, const struct vm_host *host, struct vm_row *row,
                     const struct vm_list *next, const char *who, const char *why, int64_t now_ms,
                     struct error *err)
{
    row->version = host->row.version + 1;
    row->version_ms = now_ms;
    if (insert(state, host->node, row, next, who, why, err) < 0 ||
        prune_up_to(state, host->node, (int64_t)row->version - STATE_VM_VERSIONS_MAX, err) < 0 ||
        vm_owners_follow(state, host->node, next, row->version, now_ms, err) < 0)
        return -1;
    return vm_host_write(state, host->node, row, err);
}

void vm_host_take(struct state *state, struct vm_host *host, const struct vm_row *row, struct vm_list *next)
{
    host->row = *row;
    if (!next)
        return;
    vm_list_fini(&host->list);
    host->list = *next;
    vm_list_init(next);
    host->has_list = true;
}

/* As text, without what the host reported of them. */
static int format_wanted(const struct vm_list *list, struct buf *out, struct error *err)
{
    struct vm_list copy;
    if (vm_list_copy(list, &copy, err) < 0)
        return -1;
    vm_list_forget_reports(&copy);
    vm_list_format(&copy, out);
    vm_list_fini(&copy);
    return out->failed ? error_errno(err, ENOMEM, "comparing inventories") : 0;
}

int vm_version_same(const struct vm_list *a, const struct vm_list *b, bool *same, struct error *err)
{
    cleanup_buf struct buf left = BUF_INIT, right = BUF_INIT;
    if (format_wanted(a, &left, err) < 0 || format_wanted(b, &right, err) < 0)
        return -1;
    *same = left.size == right.size && (!left.size || memcmp(left.data, right.data, left.size) == 0);
    return 0;
}

int vm_versions_forget(struct state *state, const char *node, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (prune_up_to(state, node, INT64_MAX, err) < 0 || db_call(state->db, &forget_host, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    return db_run(&call, err);
}

/* --- reading --- */

int state_vm_versions(struct state *state, const char *node, void *ctx,
                      int (*each)(void *ctx, const struct state_vm_version *version, struct error *err),
                      struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_versions, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    int more;
    while ((more = db_step(&call, err)) > 0) {
        struct state_vm_version version = {.number = (uint64_t)db_get_i64(&call)};
        version.boot = db_get_i64(&call);
        version.at_ms = db_get_i64(&call);
        version.who = db_get_text(&call);
        version.why = db_get_text(&call);
        const char *list = db_get_text(&call);
        version.text = (struct slice){(const uint8_t *)list, strlen(list)};
        int result = each(ctx, &version, err);
        if (result)
            return result < 0 ? -1 : 0;
    }
    return more;
}

/* The error of a number that there is none of. */
static int no_version(struct state *state, const char *node, uint64_t number, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_ends, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    if (db_step(&call, err) < 0)
        return -1;
    long long first = (long long)db_get_i64(&call), last = (long long)db_get_i64(&call);
    if (!last)
        return error_set(err, "%s has no inventory yet, so no number %llu", node, (unsigned long long)number);
    return error_set(err, "%s has no inventory number %llu: there are %lld to %lld", node,
                     (unsigned long long)number, first, last);
}

int state_vm_version_list(struct state *state, const char *node, uint64_t number, struct vm_list *out,
                          struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_version, &call, err) < 0)
        return -1;
    db_put_text(&call, node);
    db_put_i64(&call, number <= INT64_MAX ? (int64_t)number : 0);
    int found = db_step(&call, err);
    if (found <= 0)
        return found < 0 ? -1 : no_version(state, node, number, err);
    const char *text = db_get_text(&call);
    if (vm_list_parse((struct slice){(const uint8_t *)text, strlen(text)}, out, err) < 0)
        return error_wrap(err, "the database's version %llu of %s", (unsigned long long)number, node);
    vm_list_sort(out);
    vm_list_forget_reports(out); /* a host that gets it back need not have these machines now */
    return 0;
}
