#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "state/db.h"
#include "state/schema.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "state_folder.h"

static const struct db_sql migrations[] = {
    {"make t", "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT) STRICT;"},
    {"give t a colour", "ALTER TABLE t ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue';"},
    {"fail", "CREATE TABLE u (a INTEGER) STRICT; INSERT INTO missing VALUES (1);"},
};
static const struct db_sql insert = {"add a row", "INSERT INTO t (a, b) VALUES ($1, $2)"};
static const struct db_sql select_all = {"read the rows", "SELECT a, b FROM t ORDER BY a"};

static struct db *open_db(size_t known)
{
    struct db *db = NULL;
    struct error err;
    if (db_open(path, migrations, known, &db, &err) < 0)
        fail_msg("%s", err.text);
    return db;
}

static int put(struct db *db, int64_t a, const char *b, struct error *err)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    if (db_call(db, &insert, &call, err) < 0)
        return -1;
    db_put_i64(&call, a);
    db_put_text(&call, b);
    return db_run(&call, err);
}

static int64_t count_rows(struct db *db)
{
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    struct error err;
    int64_t rows = 0;
    assert_int_equal(db_call(db, &select_all, &call, &err), 0);
    while (db_step(&call, &err) == 1)
        rows++;
    return rows;
}

static void write_file(const void *data, size_t size)
{
    struct error err;
    assert_int_equal(file_replace_at(AT_FDCWD, path, data, size, 0600, &err), 0);
}

static void refused(size_t known, int code, const char *why)
{
    struct db *db = NULL;
    struct error err = {0};
    struct buf before = BUF_INIT, after = BUF_INIT;
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &before, &err), 0);
    assert_int_equal(db_open(path, migrations, known, &db, &err), -1);
    if (!strstr(err.text, why) || !strstr(err.text, path))
        fail_msg("%s", err.text);
    assert_int_equal(err.code, code);
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &after, &err), 0);
    assert_int_equal(before.size, after.size);
    assert_memory_equal(before.data, after.data, after.size);
    buf_fini(&before);
    buf_fini(&after);
}

static void values(void **state)
{
    struct error err;
    struct db *db = open_db(1);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    assert_int_equal(put(db, INT64_MIN, "", &err), 0);
    assert_int_equal(put(db, INT64_MAX, NULL, &err), 0);
    assert_int_equal(put(db, 1, "it's; --", &err), 0);
    assert_int_equal(put(db, 1, "again", &err), -1);
    assert_non_null(strstr(err.text, "cannot add a row: UNIQUE"));
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    assert_int_equal(db_call(db, &select_all, &call, &err), 0);
    assert_int_equal(db_step(&call, &err), 1);
    assert_true(db_get_i64(&call) == INT64_MIN);
    assert_string_equal(db_get_text(&call), "");
    assert_int_equal(db_step(&call, &err), 1);
    assert_int_equal(db_get_i64(&call), 1);
    assert_string_equal(db_get_text(&call), "it's; --");
    assert_int_equal(db_step(&call, &err), 1);
    assert_true(db_get_i64(&call) == INT64_MAX);
    assert_string_equal(db_get_text(&call), "");
    assert_int_equal(db_step(&call, &err), 0);
    db_end(&call);
    db_close(db);
}

static void transactions(void **state)
{
    struct error err;
    struct db *db = open_db(1);
    assert_int_equal(db_begin(db, &err), 0);
    assert_int_equal(put(db, 1, "a", &err), 0);
    db_rollback(db);
    assert_int_equal(count_rows(db), 0);
    assert_int_equal(db_begin(db, &err), 0);
    assert_int_equal(put(db, 1, "a", &err), 0);
    assert_int_equal(db_commit(db, &err), 0);
    db_close(db);
    db = open_db(1);
    assert_int_equal(count_rows(db), 1);
    db_close(db);
}

static void upgrade(void **state)
{
    struct error err;
    struct db *db = open_db(1);
    assert_int_equal(put(db, 1, "a", &err), 0);
    db_close(db);
    db = open_db(2);
    assert_int_equal(count_rows(db), 1);
    static const struct db_sql colour = {"read a colour", "SELECT colour FROM t"};
    struct db_call call cleanup_db_call = DB_CALL_INIT;
    assert_int_equal(db_call(db, &colour, &call, &err), 0);
    assert_int_equal(db_step(&call, &err), 1);
    assert_string_equal(db_get_text(&call), "blue");
    db_end(&call);
    db_close(db);

    /* A migration that fails leaves the schema before it. */
    assert_int_equal(db_open(path, migrations, 3, &db, &err), -1);
    assert_non_null(strstr(err.text, "schema 3: "));
    assert_non_null(strstr(err.text, "cannot fail: no such table: missing"));
    db = open_db(2);
    assert_int_equal(count_rows(db), 1);
    db_close(db);
    refused(1, ENOTSUP, "made by a newer bootherd (schema 2, this one knows 1)");
}

static void foreign_files(void **state)
{
    static const char text[] =
        "This is a letter and no database. It is longer than a header of 100 bytes, so "
        "that nobody can say it was only cut short.";
    write_file(text, sizeof text);
    refused(1, EILSEQ, "it is not a database; left as it is");

    unlink(path);
    sqlite3 *other;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE letters (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    refused(1, EILSEQ, "database of another program");
}

static void damaged(void **state)
{
    struct error err;
    struct db *db = open_db(1);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(put(db, i, "a row of some length, so that there are many pages", &err), 0);
    db_close(db);
    struct buf all = BUF_INIT;
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &all, &err), 0);
    memset(all.data + 100, 0xa5, 4096 - 100); /* the first page: the schema */
    write_file(all.data, all.size);
    refused(1, EILSEQ, "it is damaged; left as it is");
    assert_int_equal(file_read_at(AT_FDCWD, path, 1 << 20, &all, &err), 0);
    buf_fini(&all);
}

/* Another bootherd holds the file: refused with the reason, not mixed up. */
static void second_process(void **state)
{
    struct db *db = open_db(1);
    pid_t child = fork();
    if (child == 0) {
        struct db *second;
        struct error err;
        int result = db_open(path, migrations, 1, &second, &err);
        _exit(result < 0 && err.code == EBUSY && strstr(err.text, "another bootherd is using it") ? 0 : 1);
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    db_close(db);
}

static void become_nobody(void)
{
    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
        _exit(2);
}

static int try_open(const char *want, int code)
{
    struct db *db;
    struct error err;
    if (db_open(path, migrations, 1, &db, &err) == 0)
        return 3;
    if (!strstr(err.text, want) || err.code != code) {
        print_error("%s (%d)\n", err.text, err.code);
        return 4;
    }
    return 0;
}

static void read_only_folder(void **state)
{
    int status;
    assert_int_equal(chmod(folder, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        become_nobody();
        _exit(try_open("cannot open the database: Permission denied", EACCES));
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);

    /* The file is there and may be written, but nothing may be made beside it. */
    assert_int_equal(chmod(folder, 0755), 0);
    db_close(open_db(1));
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    child = fork();
    if (child == 0) {
        become_nobody();
        _exit(try_open("the owner of file and folder", EROFS));
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(folder, 0755), 0);
}

static int fill_disk(int code, const char *why)
{
    struct db *db = open_db(1);
    struct error err = {0};
    struct rlimit limit = {100000, 100000};
    signal(SIGXFSZ, SIG_IGN);
    if (code == EIO)
        setrlimit(RLIMIT_FSIZE, &limit);
    char text[4000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    int64_t kept = 0;
    while (kept < 1000 && put(db, kept, text, &err) == 0)
        kept++;
    if (kept == 1000 || err.code != code || !strstr(err.text, why)) {
        print_error("after %lld rows: %s\n", (long long)kept, err.text);
        return 1;
    }
    if (count_rows(db) != kept)
        return 2;
    /* A batch that met the full disk does not come back in part. */
    if (db_begin(db, &err) == 0) {
        int64_t i;
        for (i = 0; i < 200 && put(db, 10000 + i, text, &err) == 0; i++)
            ;
        if (i == 200 && db_commit(db, &err) == 0)
            return 3;
        put(db, 20000, "after the failure", &err);
        db_rollback(db);
    }
    int result = count_rows(db) == kept ? 0 : 4;
    db_close(db);
    return result;
}

static void file_size_limit(void **state)
{
    pid_t child = fork();
    if (child == 0)
        _exit(fill_disk(EIO, "a write failed: a quota, a file size limit"));
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    struct db *db = open_db(1); /* with room again it opens, and takes more */
    struct error err;
    assert_true(count_rows(db) > 0);
    assert_int_equal(put(db, 30000, "room again", &err), 0);
    db_close(db);
}

/* A real full disk: a small tmpfs that only the child sees. */
static void full_disk(void **state)
{
    pid_t child = fork();
    if (child == 0) {
        int flags = geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS;
        if (unshare(flags) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("small", folder, "tmpfs", 0, "size=200k") != 0) {
            print_error("this test needs a mount namespace: %s\n", strerror(errno));
            _exit(9);
        }
        _exit(fill_disk(ENOSPC, "the disk is full"));
    }
    int status;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void no_folder(void **state)
{
    struct db *db;
    struct error err;
    assert_int_equal(db_open("/nonexistent/state.db", migrations, 1, &db, &err), -1);
    assert_int_equal(err.code, ENOENT);
    assert_string_equal(err.text,
                        "/nonexistent/state.db: cannot open the database: No such file or directory");
}

static void real_schema(void **state)
{
    struct db *db;
    struct error err;
    for (int i = 0; i < 2; i++) {
        if (db_open(path, schema_migrations, schema_migration_count, &db, &err) < 0)
            fail_msg("%s", err.text);
        db_close(db);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(values),    TEST(transactions),   TEST(upgrade),          TEST(foreign_files),
        TEST(damaged),   TEST(second_process), TEST(read_only_folder), TEST(file_size_limit),
        TEST(full_disk), TEST(no_folder),      TEST(real_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
