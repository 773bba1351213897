/* The story is written behind the events: what is on disk when, what a crash leaves, limits, old databases.
 */
#include "state_fixture.h"

#include "state/boot.h"
#include "state/schema.h"

#include <signal.h>
#include <sys/wait.h>

#define T0     1700000000000
#define CLIENT "PXE, BIOS, iPXE ROM"

static const char rack[] = "networks: {lab: {subnet: 10.0.0.0/8}}\n"
                           "nodes:\n"
                           "  rack01: {mac: '52:54:00:00:00:01'}\n"
                           "  rack02: {mac: '52:54:00:00:00:02'}\n";

static struct mac machine(unsigned i)
{
    return (struct mac){{0x52, 0x54, (uint8_t)(i >> 24), (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}};
}

static void say(struct state *s, unsigned i, int64_t at_ms, enum boot_event_kind kind, const char *text)
{
    struct error err;
    struct boot_event event = {.kind = kind, .at_ms = T0 + at_ms, .mac = machine(i), .ip = 0x0a000000 + i};
    snprintf(event.text, sizeof event.text, "%s", text);
    if (state_event(s, &event, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static void ask_file(struct state *s, unsigned i, int64_t at_ms, enum boot_event_kind kind, const char *name,
                     uint32_t number)
{
    struct error err;
    struct boot_event event = {.kind = kind,
                               .at_ms = T0 + at_ms,
                               .mac = machine(i),
                               .ip = 0x0a000000 + i,
                               .role = number ? BOOT_FILE_MODULE : BOOT_FILE_CONFIG,
                               .file_number = number,
                               .bytes = 1000 + number,
                               .duration_ms = 3};
    snprintf(event.file, sizeof event.file, "%s", name);
    if (state_event(s, &event, NULL, &err) < 0)
        fail_msg("%s", err.text);
}

static int flush(struct state *s, int64_t now_ms, size_t most)
{
    struct error err;
    int result = state_flush(s, now_ms, most, &err);
    if (result < 0)
        fail_msg("%s", err.text);
    return result;
}

/* What would be there after a crash: the files as they are now, opened elsewhere. */
static int64_t ask_crashed(const char *sql)
{
    char copy[96], command[512];
    snprintf(copy, sizeof copy, "%s.crash", path);
    snprintf(command, sizeof command, "cp %s %s && { cp %s-wal %s-wal 2>/dev/null || true; }", path, copy,
             path, copy);
    assert_int_equal(system(command), 0);
    char kept[sizeof path];
    strcpy(kept, path);
    strcpy(path, copy);
    int64_t answer = ask_sqlite(sql);
    int64_t whole = ask_sqlite("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'");
    remove_files();
    strcpy(path, kept);
    assert_int_equal(whole, 0);
    return answer;
}

static void put_lease(struct state *s, unsigned i)
{
    struct error err;
    struct lease lease = {.mac = machine(i), .ip = 0x0a000000 + i, .state = LEASE_BOUND};
    if (state_lease_put(s, &lease, &err) < 0)
        fail_msg("%s", err.text);
}

/* Nothing in the second of the event, everything in the next. A lease is there at once. */
static void in_time(void **state)
{
    struct state *s = open_state();
    set_fleet(s, rack);
    assert_int_equal(flush(s, 5000, 64), 0);
    say(s, 1, 0, BOOT_EVENT_DISCOVER, CLIENT);
    put_lease(s, 1);
    assert_int_equal(flush(s, 5900, 64), 0);
    assert_int_equal(ask_crashed("SELECT count(*) FROM boot"), 0);
    assert_int_equal(ask_crashed("SELECT count(*) FROM lease"), 1);
    assert_int_equal(flush(s, 6000, 64), 0);
    assert_int_equal(ask_crashed("SELECT count(*) FROM boot"), 1);
    assert_int_equal(ask_crashed("SELECT count(*) FROM event WHERE kind = 'discover'"), 1);
    /* The same again, and one more: the row it stands in is brought up to date. */
    say(s, 1, 100, BOOT_EVENT_DISCOVER, CLIENT);
    say(s, 1, 101, BOOT_EVENT_ACK, "boot file \"x\\y\"");
    assert_int_equal(ask_crashed("SELECT times FROM event WHERE kind = 'discover'"), 1);
    assert_int_equal(flush(s, 7000, 64), 0);
    assert_int_equal(ask_crashed("SELECT times FROM event WHERE kind = 'discover'"), 2);
    assert_int_equal(ask_crashed("SELECT last_order FROM event WHERE kind = 'discover'"), 2);
    assert_int_equal(ask_crashed("SELECT count(*) FROM event WHERE text = 'boot file \"x\\y\"'"), 1);
    assert_int_equal(ask_crashed("SELECT told FROM boot"), 3);
    assert_int_equal(ask_crashed("SELECT kept FROM boot"), 2);
    state_close(s);
}

/* A storm is written a few boots at a time, those that wait longest first. */
static void in_pieces(void **state)
{
    struct state *s = open_state();
    assert_int_equal(flush(s, 5000, 64), 0);
    for (unsigned i = 0; i < 150; i++)
        say(s, i, 0, BOOT_EVENT_DISCOVER, CLIENT);
    assert_int_equal(flush(s, 6000, 64), 1);
    assert_int_equal(ask_crashed("SELECT count(*) FROM boot"), 64);
    assert_int_equal(ask_crashed("SELECT count(*) FROM boot WHERE machine < '52:54:00:00:00:40'"), 64);
    say(s, 0, 10, BOOT_EVENT_DISCOVER, CLIENT); /* waits for its next turn */
    assert_int_equal(flush(s, 6010, 64), 1);
    assert_int_equal(flush(s, 6020, 64), 0);
    assert_int_equal(ask_crashed("SELECT count(*) FROM boot"), 150);
    assert_int_equal(ask_crashed("SELECT told FROM boot WHERE machine = '52:54:00:00:00:00'"), 1);
    assert_int_equal(flush(s, 7000, 64), 0);
    assert_int_equal(ask_crashed("SELECT told FROM boot WHERE machine = '52:54:00:00:00:00'"), 2);
    state_close(s);
}

/* Ids go on after a crash; a boot that was never written is not missed. */
static void crash(void **state)
{
    for (int round = 0; round < 8; round++) {
        pid_t child = fork();
        if (child == 0) {
            struct state *s = open_state();
            set_fleet(s, rack);
            for (int64_t at = 0;; at += 7) {
                unsigned i = (unsigned)(at % 200);
                put_lease(s, i);
                say(s, i, at, at % 3 ? BOOT_EVENT_DISCOVER : BOOT_EVENT_ACK, at % 2 ? CLIENT : "lease only");
                flush(s, at * 20, 5);
            }
        }
        usleep(200000 + (unsigned)round * 17000);
        kill(child, SIGKILL);
        int status;
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        struct error err;
        struct buf out = BUF_INIT;
        struct state *s = open_state();
        assert_int_equal(state_status_text(s, NULL, T0, &out, &err), 0);
        say(s, 1, 0, BOOT_EVENT_BOOTED, "");
        state_close(s);
        buf_fini(&out);
        assert_int_equal(ask_sqlite("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> "
                                    "'ok'"),
                         0);
        assert_int_equal(ask_sqlite("SELECT count(*) FROM (SELECT boot.id FROM boot LEFT JOIN event ON "
                                    "event.boot = boot.id GROUP BY boot.id HAVING count(kind) <> kept OR "
                                    "sum(times) <> told)"),
                         0);
        assert_true(ask_sqlite("SELECT count(*) FROM lease") > 0);
    }
}

/* A boot that left memory goes on where it was when its machine speaks again. */
static void comes_back(void **state)
{
    struct state *s = open_state();
    set_fleet(s, rack);
    say(s, 1, 0, BOOT_EVENT_DISCOVER, CLIENT);
    say(s, 1, 1000, BOOT_EVENT_DISCOVER, CLIENT);
    for (unsigned k = 1; k <= 40; k++) {
        char name[32];
        snprintf(name, sizeof name, "module%u", k);
        ask_file(s, 1, 2000 + k, BOOT_EVENT_FILE_DONE, name, k);
    }
    assert_non_null(boots_find(s->boots, boot_key(&(struct mac){{0x52, 0x54, 0, 0, 0, 1}}, 0)));
    for (int64_t second = 10; second < 10 + BOOTS_IDLE_ROUNDS + 3; second++)
        flush(s, second * 1000, 64);
    say(s, 2, 0, BOOT_EVENT_DISCOVER, CLIENT); /* the most recent one is never dropped */
    flush(s, 5000000, 64);
    assert_null(boots_find(s->boots, boot_key(&(struct mac){{0x52, 0x54, 0, 0, 0, 1}}, 0)));
    say(s, 1, 3000, BOOT_EVENT_DISCOVER, CLIENT);
    ask_file(s, 1, 4000, BOOT_EVENT_FILE_DONE, "module7", 7);
    ask_file(s, 1, 4001, BOOT_EVENT_FILE_DONE, "module41", 41);
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot WHERE node = 'rack01'"), 1 + 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event WHERE boot = 1"), 41);
    assert_int_equal(ask_sqlite("SELECT times FROM event WHERE boot = 1 AND kind = 'discover'"), 2);
}

/* The same without a new boot in between: no DISCOVER, so it is the boot that is going on. */
static void goes_on(void **state)
{
    struct state *s = open_state();
    set_fleet(s, rack);
    for (unsigned k = 1; k <= 40; k++) {
        char name[32];
        snprintf(name, sizeof name, "module%u", k);
        ask_file(s, 1, 2000 + k, BOOT_EVENT_FILE_START, name, k);
        ask_file(s, 1, 2000 + k, BOOT_EVENT_FILE_DONE, name, k);
    }
    state_close(s);
    s = open_state();
    ask_file(s, 1, 4000, BOOT_EVENT_FILE_DONE, "module7", 7);
    ask_file(s, 1, 4000, BOOT_EVENT_FILE_DONE, "module7", 7);
    ask_file(s, 1, 4001, BOOT_EVENT_FILE_DONE, "module41", 41);
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot"), 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event"), 81);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM story"), 6); /* 16 a row */
    assert_int_equal(ask_sqlite("SELECT times FROM event WHERE kind = 'file-done' AND file = 'module7'"), 3);
    assert_int_equal(ask_sqlite("SELECT first_ms FROM event WHERE kind = 'file-done' AND file = 'module7'"),
                     T0 + 2007);
    assert_int_equal(ask_sqlite("SELECT last_ms FROM event WHERE kind = 'file-done' AND file = 'module7'"),
                     T0 + 4000);
    assert_int_equal(ask_sqlite("SELECT first_order FROM event WHERE file = 'module41'"), 83);
}

/* Clocks jump; the order does not. */
static void clock_jumps(void **state)
{
    struct state *s = open_state();
    set_fleet(s, rack);
    say(s, 1, 0, BOOT_EVENT_DISCOVER, CLIENT);
    say(s, 1, -50000, BOOT_EVENT_OFFER, "");
    flush(s, 1000, 64);
    flush(s, 2000, 64);
    say(s, 1, -10 * T0, BOOT_EVENT_ACK, "lease only"); /* before 1970 */
    say(s, 1, 9 * T0, BOOT_EVENT_ACK, "lease only");
    flush(s, 1, 64); /* a caller whose clock jumped, too: written late, not lost */
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot"), 1);
    assert_int_equal(ask_sqlite("SELECT first_order FROM event WHERE kind = 'offer'"), 2);
    assert_int_equal(ask_sqlite("SELECT first_ms FROM event WHERE kind = 'ack'"), 0);
    assert_int_equal(ask_sqlite("SELECT last_ms FROM event WHERE kind = 'ack'"), 10 * T0);
}

/* What cannot be written is tried again, and leases are not touched by it. */
static void failing(void **state)
{
    struct error err;
    state_close(open_state());
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "CREATE TABLE gate (a); CREATE TRIGGER no BEFORE INSERT ON story WHEN "
                     "(SELECT count(*) FROM lease) < 2 BEGIN SELECT RAISE(ABORT, 'not yet'); END",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_close(db);
    struct state *s = open_state();
    flush(s, 1000, 64);
    say(s, 1, 0, BOOT_EVENT_DISCOVER, CLIENT);
    put_lease(s, 1);
    assert_int_equal(state_flush(s, 2000, 64, &err), -1);
    assert_non_null(strstr(err.text, "cannot keep a boot's events: not yet"));
    assert_int_equal(ask_crashed("SELECT count(*) FROM boot"), 0);
    say(s, 1, 5, BOOT_EVENT_DISCOVER, CLIENT);
    put_lease(s, 2);
    assert_int_equal(flush(s, 3000, 64), 0);
    assert_int_equal(ask_crashed("SELECT times FROM event"), 2);
    state_close(s);
}

/* Invented machines: memory and database stay within their limits, and what is dropped begins anew. */
static void invented(void **state)
{
    struct state *s = open_state();
    for (unsigned i = 0; i < 5000; i++) {
        say(s, i, i, BOOT_EVENT_DISCOVER, CLIENT);
        if (i % 50 == 49)
            flush(s, 1000 + i, 64);
    }
    flush(s, 10000, 1000);
    while (flush(s, 10001, 1000) > 0)
        ;
    assert_true(ask_crashed("SELECT count(*) FROM boot") <= 1000);
    say(s, 3, 6000, BOOT_EVENT_ACK, "lease only"); /* forgotten meanwhile */
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot"), 1000);
    assert_int_equal(ask_sqlite("SELECT told FROM boot WHERE machine = '52:54:00:00:00:03'"), 1);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event"), 1000);
}

static void memory_is_bounded(void **state)
{
    struct state *s = open_state();
    char text[250];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    /* Each text once: what is shared in a rack is not shared here. */
    for (unsigned i = 0; i < 60 * 2000; i++) {
        int n = snprintf(text, sizeof text, "%u", i);
        text[n] = 'x';
        ask_file(s, i / 2000, 0, BOOT_EVENT_FILE_MISSING, text, 0);
        if (i % 2000 == 1999)
            flush(s, i, 64);
    }
    size_t bytes = s->boots->bytes + what_bytes(s->boots->whats);
    assert_true(bytes > 20 << 20 && bytes <= BOOTS_BYTES_MAX);
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM boot WHERE kept = 2000"), 60);
}

/* Made by the schema that was released first, read by this one: the stories are the same. */
static void old_database(void **state)
{
    struct db *db;
    struct error err;
    if (db_open(path, schema_migrations, 1, &db, &err) < 0)
        fail_msg("%s", err.text);
    db_close(db);
    sqlite3 *old;
    assert_int_equal(sqlite3_open(path, &old), SQLITE_OK);
    static const char rows[] =
        "INSERT INTO boot VALUES (7, '52:54:00:00:00:01', 'rack01', NULL, '10.0.0.1', 2, 1700000000000, "
        "1700000009000, 1700000005000, NULL, 0, 44, 41);"
        "INSERT INTO event VALUES (7, 1, 3, 2, 'discover', 'file', '', 'PXE \"BIOS\", a\\b \xc3\xa9', 0, 0, "
        "0, 0, NULL, 1700000000000, 1700000001000);"
        "WITH RECURSIVE n (i) AS (SELECT 40 UNION ALL SELECT i - 1 FROM n WHERE i > 1) "
        "INSERT INTO event SELECT 7, i + 3, i + 3, 1, 'file-done', 'module', 'm' || i, '', i, 0, 1000 + i, "
        "3, "
        "'10.0.0.1', 1700000002000 + i, 1700000002000 + i FROM n;"
        "INSERT INTO boot VALUES (8, 'address 10.0.0.9', NULL, NULL, '10.0.0.9', 1, 1, 1, NULL, NULL, 0, 1, "
        "1);"
        "INSERT INTO event VALUES (8, 1, 1, 1, 'file-missing', 'file', 'x', '', 0, 0, 0, 0, '10.0.0.9', 1, "
        "1);";
    static const char leases[] =
        "INSERT INTO lease VALUES ('200.1.2.3', '52:54:00:00:00:01', 'bound', 5, 6, 'rack01');"
        "INSERT INTO lease VALUES ('10.0.0.255', '52:54:00:00:00:02', 'declined', 5, 6, '');";
    assert_int_equal(sqlite3_exec(old, rows, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(old, leases, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_exec(old, "CREATE TABLE was AS SELECT * FROM event", NULL, NULL, NULL);
    sqlite3_close(old);

    struct state *s = open_state();
    set_fleet(s, rack);
    struct buf out = BUF_INIT;
    assert_int_equal(state_status_text(s, "rack01", 1700000010000, &out, &err), 0);
    assert_non_null(strstr(buf_text(&out), "DISCOVER       PXE \"BIOS\", a\\b \xc3\xa9 (2 times)"));
    assert_non_null(strstr(buf_text(&out), "m40  1.0 kB in 3 ms"));
    buf_clear(&out);
    assert_int_equal(state_status_text(s, NULL, 1700000010000, &out, &err), 0);
    assert_non_null(strstr(buf_text(&out), "address 10.0.0.9"));
    buf_fini(&out);
    state_close(s);
    static const char difference[] =
        "SELECT count(*) FROM (SELECT * FROM (SELECT * FROM was EXCEPT SELECT * FROM event) UNION ALL "
        "SELECT * FROM (SELECT * FROM event EXCEPT SELECT * FROM was))";
    assert_int_equal(ask_sqlite(difference), 0);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event"), 42);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM story WHERE part / 128 = 7"), 3);

    assert_int_equal(ask_sqlite("SELECT number FROM lease WHERE ip = '200.1.2.3' AND hostname = 'rack01'"),
                     0xc8010203);
    assert_int_equal(ask_sqlite("SELECT number FROM lease WHERE state = 'declined'"), 0x0a0000ff);

    s = open_state();
    put_lease(s, 1); /* the machine's earlier one goes */
    ask_file(s, 1, 9500, BOOT_EVENT_FILE_DONE, "m3", 3);
    ask_file(s, 1, 9600, BOOT_EVENT_FILE_DONE, "m41", 41);
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM event WHERE boot = 7"), 42);
    assert_int_equal(ask_sqlite("SELECT times FROM event WHERE file = 'm3'"), 2);
    assert_int_equal(ask_sqlite("SELECT first_order FROM event WHERE file = 'm41'"), 46);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM lease"), 2);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM lease WHERE ip = '10.0.0.1'"), 1);
}

/* Events that a hand has changed are refused with the boot's number; other machines' stories go on. */
static void bad_story(void **state)
{
    struct error err;
    struct state *s = open_state();
    set_fleet(s, rack);
    say(s, 1, 0, BOOT_EVENT_DISCOVER, CLIENT);
    say(s, 2, 0, BOOT_EVENT_DISCOVER, CLIENT);
    state_close(s);
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE story SET events = '[[1,\"no-such\"]]' WHERE part / 128 = 1",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
    s = open_state();
    struct boot_event event = {.kind = BOOT_EVENT_ACK, .at_ms = T0 + 1, .mac = machine(1)};
    assert_int_equal(state_event(s, &event, NULL, &err), -1);
    assert_non_null(strstr(err.text, "the database's boot 1"));
    say(s, 2, 1, BOOT_EVENT_ACK, "");
    state_close(s);
    assert_int_equal(ask_sqlite("SELECT count(*) FROM story"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(in_time),           TEST(in_pieces),    TEST(crash),     TEST(comes_back),
        TEST(goes_on),           TEST(clock_jumps),  TEST(failing),   TEST(invented),
        TEST(memory_is_bounded), TEST(old_database), TEST(bad_story),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
