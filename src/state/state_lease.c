#include "base/text.h"
#include "state/boot.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* In memory only; no row of it is ever written. */
static const char *const state_words[] = {
    [LEASE_OFFERED] = NULL,
    [LEASE_BOUND] = "bound",
    [LEASE_RELEASED] = "released",
    [LEASE_DECLINED] = "declined",
};
#define STATE_WORDS (sizeof state_words / sizeof state_words[0])

/*
 * One row an address. A machine holds one address, so what it held before goes; but an address that it found
 * taken stays out of use until that row expires or the address is leased again.
 */
static const struct db_sql forget_other = {
    "forget the machine's earlier lease",
    "DELETE FROM lease WHERE number = $1 AND mac = $2 AND state <> 'declined'"};
static const struct db_sql put_lease = {
    "keep a lease",
    "INSERT INTO lease (number, ip, mac, state, start_ms, expires_ms, hostname) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (number) DO UPDATE SET mac = excluded.mac, state = "
    "excluded.state, start_ms = excluded.start_ms, expires_ms = excluded.expires_ms, hostname = "
    "excluded.hostname"};
static const struct db_sql select_leases = {
    "read the leases", "SELECT ip, mac, state, start_ms, expires_ms, hostname FROM lease"};

static int forget_others(struct state *state, uint64_t machine, const char *mac, uint32_t ip,
                         struct error *err)
{
    struct lease_hold *hold = NULL;
    while ((hold = lease_holds_other(&state->holds, machine, ip, hold))) {
        struct db_call call cleanup_db_call = DB_CALL_INIT;
        if (db_call(state->db, &forget_other, &call, err) < 0)
            return -1;
        db_put_i64(&call, hold->ip);
        db_put_text(&call, mac);
        if (db_run(&call, err) < 0)
            return -1;
        hold->ip = ip;
    }
    return 0;
}

static int no_lease(void *ctx, const struct lease *lease)
{
    return 0;
}

static int write_lease(struct state *state, const struct lease *lease, struct error *err)
{
    char ip[IP4_TEXT_SIZE], mac[MAC_TEXT_SIZE], hostname[LEASE_HOSTNAME_MAX];
    uint64_t machine = boot_key(&lease->mac, 0);
    ip4_format(lease->ip, ip);
    mac_format(&lease->mac, mac);
    text_printable(lease->hostname, strnlen(lease->hostname, sizeof lease->hostname), hostname,
                   sizeof hostname);
    if ((!state->holds.is_known || lease_holds_is_stale(&state->holds)) &&
        state_leases(state, NULL, no_lease, err) < 0)
        return -1;
    if (lease->state == LEASE_BOUND && forget_others(state, machine, mac, lease->ip, err) < 0)
        return -1;
    if (lease->state != LEASE_DECLINED && !lease_holds_add(&state->holds, machine, lease->ip))
        return error_errno(err, ENOMEM, "keeping a lease");
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &put_lease, &call, err) < 0)
        return -1;
    db_put_i64(&call, lease->ip);
    db_put_text(&call, ip);
    db_put_text(&call, mac);
    db_put_text(&call, state_words[lease->state]);
    db_put_i64(&call, lease->start_ms);
    db_put_i64(&call, lease->expires_ms);
    db_put_text(&call, hostname);
    return db_run(&call, err);
}

int state_lease_put(struct state *state, const struct lease *lease, struct error *err)
{
    if (lease->state >= STATE_WORDS || !state_words[lease->state] || !lease->ip)
        return error_set(err, "a lease without an address, or one that is only offered, is not kept");
    state->round_leases++;
    if (db_in_transaction(state->db))
        return write_lease(state, lease, err);
    if (db_begin(state->db, err) < 0)
        return -1;
    if (write_lease(state, lease, err) < 0 || db_commit(state->db, err) < 0) {
        state_rollback(state);
        return -1;
    }
    return 0;
}

static int read_lease(struct db_call *call, struct lease *out, struct error *err)
{
    *out = (struct lease){0};
    const char *ip = db_get_text(call), *mac = db_get_text(call), *word = db_get_text(call);
    while (out->state < STATE_WORDS && !text_equal(state_words[out->state], word))
        out->state++;
    if (!ip4_parse(ip, &out->ip) || !mac_parse(mac, &out->mac) || out->state == STATE_WORDS)
        return error_set(err, "the database's lease of %s by %s (%s) makes no sense: remove it with sqlite3",
                         ip, mac, word);
    out->start_ms = db_get_i64(call);
    out->expires_ms = db_get_i64(call);
    snprintf(out->hostname, sizeof out->hostname, "%s", db_get_text(call));
    return 0;
}

int state_leases(struct state *state, void *ctx, int (*each)(void *ctx, const struct lease *lease),
                 struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(state->db, &select_leases, &call, err) < 0)
        return -1;
    lease_holds_fini(&state->holds);
    int more;
    while ((more = db_step(&call, err)) > 0) {
        struct lease lease;
        if (read_lease(&call, &lease, err) < 0)
            return -1;
        if (lease.state != LEASE_DECLINED &&
            !lease_holds_add(&state->holds, boot_key(&lease.mac, 0), lease.ip))
            return error_errno(err, ENOMEM, "reading the leases");
        if (each(ctx, &lease) < 0)
            return error_set(err, "reading the leases was broken off");
    }
    state->holds.is_known = more == 0;
    state->holds.count_read = state->holds.count;
    return more;
}
