#include "state_fixture.h"

#include "base/clock.h"
#include "state/inside.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static const char two_nodes[] = "networks:\n"
                                "  lab:\n"
                                "    subnet: 10.77.0.0/24\n"
                                "profiles:\n"
                                "  esxi:\n"
                                "    image: esxi-4.0.0\n"
                                "    root_password_hash: $6$abcdefgh$"
                                "0123456789012345678901234567890123456789012345678901234567890123456789012345"
                                "6789012345\n"
                                "nodes:\n"
                                "  rack01: {mac: '52:54:00:00:00:01', ip: 10.77.0.11, profile: esxi}\n"
                                "  rack02: {mac: '52:54:00:00:00:02', ip: 10.77.0.12, profile: esxi}\n";

static void fleet_survives(void **state)
{
    struct error err;
    struct state *s = open_state();
    assert_int_equal(state_fleet(s)->node_count, 0);
    uint64_t generation = state_fleet_generation(s);
    set_fleet(s, two_nodes);
    assert_true(state_fleet_generation(s) > generation);
    struct buf before = BUF_INIT, after = BUF_INIT;
    assert_int_equal(fleet_format_yaml(state_fleet(s), FLEET_WITH_SECRETS, &before, &err), 0);
    state_close(s);
    s = open_state();
    assert_int_equal(fleet_format_yaml(state_fleet(s), FLEET_WITH_SECRETS, &after, &err), 0);
    assert_string_equal(buf_text(&before), buf_text(&after));
    assert_int_equal(state_fleet(s)->node_count, 2);
    assert_non_null(strstr(buf_text(&after), "$6$abcdefgh$"));
    state_close(s);
    buf_fini(&before);
    buf_fini(&after);
}

/* Only the rows that differ are written, and each change leaves one line of audit. */
static void fleet_rows(void **state)
{
    struct state *s = open_state();
    set_fleet(s, two_nodes);
    set_fleet(s, two_nodes); /* the same again: nothing to note */
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM object"), 4);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM audit"), 1);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TABLE touched (name TEXT); CREATE TRIGGER t AFTER UPDATE ON object "
                                  "BEGIN INSERT INTO touched VALUES (new.name); END;",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    s = open_state();
    set_fleet(s, "networks: {lab: {subnet: 10.77.0.0/24}}\n"
                 "nodes:\n"
                 "  rack02: {mac: '52:54:00:00:00:02', ip: 10.77.0.13, image: esxi-4.1.0}\n"
                 "  rack03: {mac: '52:54:00:00:00:03'}\n");
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM touched"), 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM touched WHERE name = 'rack02'"), 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM object"), 3);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM object WHERE name IN ('lab', 'rack02', 'rack03')"), 3);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM audit WHERE who = 'uid 0' AND at_ms = 1700000000000"),
                     2);
    assert_int_equal(
        ask_sqlite("SELECT count(*) FROM audit WHERE change LIKE '%- node rack01%' AND change LIKE "
                   "'%10.77.0.12 -> 10.77.0.13%' AND change LIKE '%+ node rack03%'"),
        1);
}

static void fleet_in_batch(void **state)
{
    struct error err;
    struct state *s = open_state();
    struct fleet *next = fleet_of(two_nodes);
    assert_int_equal(state_begin(s, &err), 0);
    assert_int_equal(state_fleet_replace(s, next, "uid 0", 1, &err), -1);
    state_rollback(s);
    assert_int_equal(state_fleet(s)->node_count, 0);
    fleet_free(next);
    state_close(s);
}

static struct lease lease_of(unsigned machine, uint32_t ip, enum lease_state word)
{
    struct lease lease = {.ip = ip, .state = word, .start_ms = 1000, .expires_ms = 3601000};
    lease.mac =
        (struct mac){{0x52, 0x54, 0, (uint8_t)(machine >> 16), (uint8_t)(machine >> 8), (uint8_t)machine}};
    strcpy(lease.hostname, "rack01");
    return lease;
}

struct found {
    size_t count;
    struct lease lease[8];
};

static int collect(void *ctx, const struct lease *lease)
{
    struct found *found = ctx;
    if (found->count < 8)
        found->lease[found->count] = *lease;
    found->count++;
    return 0;
}

static struct found all_leases(struct state *s)
{
    struct found found = {0};
    struct error err;
    if (state_leases(s, &found, collect, &err) < 0)
        fail_msg("%s", err.text);
    return found;
}

static void put_lease(struct state *s, struct lease lease)
{
    struct error err;
    if (state_lease_put(s, &lease, &err) < 0)
        fail_msg("%s", err.text);
}

static void leases(void **state)
{
    struct state *s = open_state();
    put_lease(s, lease_of(1, 0x0a4d000b, LEASE_BOUND));
    state_close(s);
    s = open_state();
    struct found found = all_leases(s);
    struct lease want = lease_of(1, 0x0a4d000b, LEASE_BOUND);
    assert_int_equal(found.count, 1);
    assert_memory_equal(&found.lease[0].mac, &want.mac, sizeof want.mac);
    assert_int_equal(found.lease[0].ip, 0x0a4d000b);
    assert_int_equal(found.lease[0].state, LEASE_BOUND);
    assert_int_equal(found.lease[0].start_ms, 1000);
    assert_int_equal(found.lease[0].expires_ms, 3601000);
    assert_string_equal(found.lease[0].hostname, "rack01");

    /* A node's address moves to its other card: one holder. */
    put_lease(s, lease_of(2, 0x0a4d000b, LEASE_BOUND));
    found = all_leases(s);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.lease[0].mac.byte[5], 2);

    /* A machine finds its address taken and gets another: the taken one stays out of use. */
    put_lease(s, lease_of(2, 0x0a4d000b, LEASE_DECLINED));
    put_lease(s, lease_of(2, 0x0a4d000c, LEASE_BOUND));
    assert_int_equal(all_leases(s).count, 2);
    /* And when it moves on, what it held before is gone. */
    put_lease(s, lease_of(2, 0xfffffffe, LEASE_BOUND));
    found = all_leases(s);
    assert_int_equal(found.count, 2);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(found.lease[i].ip, found.lease[i].state == LEASE_DECLINED ? 0x0a4d000b : 0xfffffffe);
    state_close(s);
}

/* What was undone is there again, and goes with the next. */
static void lease_rolled_back(void **state)
{
    struct error err;
    struct state *s = open_state();
    put_lease(s, lease_of(1, 0x0a4d000b, LEASE_BOUND));
    assert_int_equal(state_begin(s, &err), 0);
    put_lease(s, lease_of(1, 0x0a4d000c, LEASE_BOUND));
    assert_int_equal(all_leases(s).count, 1);
    state_rollback(s);
    put_lease(s, lease_of(1, 0x0a4d000d, LEASE_BOUND));
    struct found found = all_leases(s);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.lease[0].ip, 0x0a4d000d);
    state_close(s);
}

/* Invented machines take one address after the other: what is remembered of them stays bounded. */
static void leases_taken_over(void **state)
{
    struct error err;
    struct state *s = open_state();
    put_lease(s, lease_of(1, 0x0a4d000b, LEASE_BOUND));
    assert_int_equal(state_begin(s, &err), 0);
    for (unsigned i = 0; i < 140000; i++)
        put_lease(s, lease_of(100 + i, 0x0a4d000c, LEASE_BOUND));
    assert_int_equal(state_commit(s, &err), 0);
    assert_true(s->holds.count < 70000);
    put_lease(s, lease_of(1, 0x0a4d000d, LEASE_BOUND));
    put_lease(s, lease_of(100 + 139999, 0x0a4d000e, LEASE_BOUND));
    struct found found = all_leases(s);
    assert_int_equal(found.count, 2);
    assert_int_equal(found.lease[0].ip, 0x0a4d000d);
    assert_int_equal(found.lease[1].ip, 0x0a4d000e);
    state_close(s);
}

static void lease_refused(void **state)
{
    struct error err;
    struct state *s = open_state();
    struct lease offered = lease_of(1, 0x0a4d000b, LEASE_OFFERED), nowhere = lease_of(1, 0, LEASE_BOUND);
    assert_int_equal(state_lease_put(s, &offered, &err), -1);
    assert_int_equal(state_lease_put(s, &nowhere, &err), -1);
    assert_int_equal(all_leases(s).count, 0);
    state_close(s);
}

/* A lease that cannot be kept leaves the machine's earlier one. */
static void lease_is_whole(void **state)
{
    struct error err;
    struct state *s = open_state();
    put_lease(s, lease_of(1, 0x0a4d000b, LEASE_BOUND));
    state_close(s);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
                                  "CREATE TRIGGER no BEFORE INSERT ON lease WHEN new.ip = '10.77.0.12' "
                                  "BEGIN SELECT RAISE(ABORT, 'not this one'); END",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    s = open_state();
    struct lease next = lease_of(1, 0x0a4d000c, LEASE_BOUND);
    assert_int_equal(state_lease_put(s, &next, &err), -1);
    assert_non_null(strstr(err.text, "cannot keep a lease: not this one"));
    struct found found = all_leases(s);
    assert_int_equal(found.count, 1);
    assert_int_equal(found.lease[0].ip, 0x0a4d000b);
    state_close(s);
}

static void batch(void **state)
{
    struct error err;
    struct state *s = open_state();
    assert_int_equal(state_begin(s, &err), 0);
    put_lease(s, lease_of(1, 0x0a4d000b, LEASE_BOUND));
    state_rollback(s);
    assert_int_equal(all_leases(s).count, 0);
    assert_int_equal(state_begin(s, &err), 0);
    int64_t start_ms = clock_monotonic_ms();
    for (unsigned i = 0; i < 20000; i++)
        put_lease(s, lease_of(i, 0x0a000001 + i, LEASE_BOUND));
    assert_int_equal(state_commit(s, &err), 0);
    int64_t took_ms = clock_monotonic_ms() - start_ms;
    assert_int_equal(all_leases(s).count, 20000);
    if (took_ms > 10000) /* a second or so without sanitizers; the limit only catches a lost index */
        fail_msg("20000 leases took %lld ms", (long long)took_ms);
    state_close(s);
}

/* Puts leases one by one and in batches, and tells each number after its commit. */
static void write_until_killed(int out, unsigned first)
{
    struct error err;
    struct state *s;
    if (state_open(path, &s, &err) < 0)
        _exit(1);
    for (unsigned i = first;; i += 3) {
        struct lease one = lease_of(i, 0x0a000001 + i, LEASE_BOUND);
        struct lease two = lease_of(i + 1, 0x0a000002 + i, LEASE_BOUND);
        struct lease three = lease_of(i + 2, 0x0a000003 + i, LEASE_BOUND);
        unsigned last = i + 2;
        if (state_lease_put(s, &one, &err) < 0 || state_begin(s, &err) < 0 ||
            state_lease_put(s, &two, &err) < 0 || state_lease_put(s, &three, &err) < 0 ||
            state_commit(s, &err) < 0 || write(out, &last, sizeof last) != sizeof last)
            _exit(1);
    }
}

static void killed(void **state)
{
    unsigned next = 0;
    for (int round = 0; round < 25; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0)
            write_until_killed(ends[1], next);
        close(ends[1]);
        struct timespec pause = {0, 10000000 + round * 3700000};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        unsigned last, committed = next;
        while (read(ends[0], &last, sizeof last) == sizeof last)
            committed = last + 1;
        close(ends[0]);
        struct state *s = open_state();
        size_t there = all_leases(s).count;
        state_close(s);
        /* At least what was told; at most the step that was on its way: one alone, then two at once. */
        if (there != committed && there != committed + 1 && there != committed + 3)
            fail_msg("round %d: %u leases were committed, %zu are there", round, committed, there);
        next = committed + 3;
        assert_int_equal(
            ask_sqlite("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
        s = open_state();
        for (unsigned i = (unsigned)committed; i < next; i++) /* fill up, so that counts stay exact */
            put_lease(s, lease_of(i, 0x0a000001 + i, LEASE_BOUND));
        state_close(s);
    }
    assert_true(next > 200);
}

static void bad_rows(void **state)
{
    struct error err;
    struct state *s = open_state();
    set_fleet(s, two_nodes);
    state_close(s);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "INSERT INTO lease (ip, mac, state, start_ms, expires_ms, hostname) VALUES "
                     "('10.77.0.999', 'x', 'bound', 0, 0, '');"
                     "UPDATE object SET body = '  rack01: {colour: blue}\n' WHERE name = 'rack01'",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    assert_int_equal(state_open(path, &s, &err), -1);
    assert_non_null(strstr(err.text, "the fleet in the database:"));
    assert_non_null(strstr(err.text, "colour"));
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM object", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    s = open_state();
    struct found found = {0};
    assert_int_equal(state_leases(s, &found, collect, &err), -1);
    assert_non_null(strstr(err.text, "10.77.0.999"));
    state_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(fleet_survives),
        TEST(fleet_rows),
        TEST(fleet_in_batch),
        TEST(leases),
        TEST(lease_refused),
        TEST(lease_rolled_back),
        TEST(leases_taken_over),
        TEST(lease_is_whole),
        TEST(batch),
        TEST(killed),
        TEST(bad_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
