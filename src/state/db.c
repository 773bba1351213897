#include "state/db.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* "BtHd": PRAGMA application_id of our files, so that another program's database is not taken for ours. */
#define DB_APPLICATION_ID 0x42744864

/* How long to wait for another bootherd that has the file open: a command's few statements end well before.
 */
#define DB_BUSY_MS 5000

/* The log is copied into the file when somebody finds the time (db_checkpoint), but never grows beyond this:
 * 32 MiB. SQLite's own 1,000 pages would stop a boot storm for two syncs every few hundred milliseconds. */
#define DB_LOG_PAGES_MAX 8192

/* What is read and written in a storm stays in memory: 16 MiB. */
#define DB_CACHE_PRAGMA "PRAGMA cache_size = -16384;"

#define DB_STATEMENTS_MAX 64 /* the room's statements; the cache is a table, not a hash */

struct cached {
    const struct db_sql *sql;
    sqlite3_stmt *stmt;
    bool in_use;
};

struct db {
    sqlite3 *handle;
    char *path;
    bool in_transaction;
    bool is_behind; /* the transaction: synchronous is lowered for it */
    size_t log_pages;
    size_t count;
    struct cached statement[DB_STATEMENTS_MAX];
};

/* What an operator can do about the failures that are not ours. */
static const struct {
    int result; /* an extended code, or a primary code for the rest of its kind */
    int code;
    const char *text;
} advices[] = {
    {SQLITE_FULL, ENOSPC, "the disk is full: free some space; nothing of this change was kept"},
    {SQLITE_BUSY, EBUSY, "another bootherd is using it: wait for it, or stop it"},
    {SQLITE_READONLY, EROFS, "it cannot be written: check the file system, and the owner of file and folder"},
    {SQLITE_CANTOPEN, EACCES, "a file beside it cannot be made: check the owner and mode of the folder"},
    {SQLITE_PERM, EACCES, "permission denied: check the owner of file and folder"},
    {SQLITE_AUTH, EACCES, "permission denied: check the owner of file and folder"},
    {SQLITE_NOTADB, EILSEQ,
     "it is not a database; left as it is: move it away, or put a backup in its place"},
    {SQLITE_CORRUPT, EILSEQ, "it is damaged; left as it is: move it away, or put a backup in its place"},
    {SQLITE_IOERR_WRITE, EIO,
     "a write failed: a quota, a file size limit or the disk itself; nothing of this change was kept"},
    {SQLITE_IOERR, EIO, "reading or writing it failed: see the kernel's log for the disk"},
    {SQLITE_NOMEM, ENOMEM, "memory ran out"},
};

static int db_fail(struct db *db, const char *purpose, struct error *err)
{
    int result = sqlite3_extended_errcode(db->handle);
    for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++)
        if (advices[i].result == result || advices[i].result == (result & 0xff)) {
            error_set(err, "%s: cannot %s: %s (%s)", db->path, purpose, advices[i].text,
                      sqlite3_errmsg(db->handle));
            if (err)
                err->code = advices[i].code;
            return -1;
        }
    return error_set(err, "%s: cannot %s: %s", db->path, purpose, sqlite3_errmsg(db->handle));
}

static int db_exec(struct db *db, const char *purpose, const char *text, struct error *err)
{
    return sqlite3_exec(db->handle, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : db_fail(db, purpose, err);
}

/* The file's first integer answer to a query. */
static int db_ask(struct db *db, const char *purpose, const char *text, int64_t *out, struct error *err)
{
    sqlite3_stmt *stmt = NULL;
    int result = sqlite3_prepare_v2(db->handle, text, -1, &stmt, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(stmt);
    if (result == SQLITE_ROW)
        *out = sqlite3_column_int64(stmt, 0);
    int status = result == SQLITE_ROW ? 0 : db_fail(db, purpose, err);
    sqlite3_finalize(stmt);
    return status;
}

/* Before anything is written: is it ours, or empty, and not from the future? */
static int check_schema(struct db *db, size_t known, int64_t *version, struct error *err)
{
    static const char purpose[] = "read the schema version";
    int64_t application = 0, objects = 0;
    if (db_ask(db, purpose, "PRAGMA application_id", &application, err) < 0 ||
        db_ask(db, purpose, "PRAGMA user_version", version, err) < 0 ||
        db_ask(db, purpose, "SELECT count(*) FROM sqlite_master", &objects, err) < 0)
        return -1;
    if (application != DB_APPLICATION_ID && (application || *version || objects)) {
        error_set(err, "%s: this is the database of another program; left as it is: move it away", db->path);
        if (err)
            err->code = EILSEQ;
        return -1;
    }
    if (*version < 0 || (uint64_t)*version > known) {
        error_set(err,
                  "%s: made by a newer bootherd (schema %lld, this one knows %zu); left as it is: run that "
                  "bootherd, or put a backup from before the upgrade in its place",
                  db->path, (long long)*version, known);
        if (err)
            err->code = ENOTSUP;
        return -1;
    }
    return 0;
}

static int migrate(struct db *db, const struct db_sql *migrations, size_t count, int64_t version,
                   struct error *err)
{
    for (size_t i = (size_t)version; i < count; i++) {
        char stamp[96];
        snprintf(stamp, sizeof stamp, "PRAGMA application_id = %d; PRAGMA user_version = %zu",
                 DB_APPLICATION_ID, i + 1);
        if (db_begin(db, err) < 0)
            return -1;
        if (db_exec(db, migrations[i].purpose, migrations[i].text, err) < 0 ||
            db_exec(db, "note the schema version", stamp, err) < 0 || db_commit(db, err) < 0) {
            db_rollback(db);
            return error_wrap(err, "schema %zu", i + 1);
        }
    }
    return 0;
}

/*
 * The file is made here and not by SQLite: it holds password hashes, so nobody else may read it (the -wal
 * file takes over its mode), and the errors of open(2) say more than SQLite's.
 */
static int make_file(const char *path, struct error *err)
{
    cleanup_close int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno == EEXIST && access(path, R_OK | W_OK) == 0))
        return 0;
    return error_errno(err, errno, "%s: cannot open the database", path);
}

static int note_log(void *ctx, sqlite3 *handle, const char *name, int pages)
{
    struct db *db = ctx;
    db->log_pages = (size_t)pages;
    /* What was committed stays so when this fails, and the next commit comes here again. */
    if (pages >= DB_LOG_PAGES_MAX)
        sqlite3_wal_checkpoint_v2(handle, name, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

static int set_up(struct db *db, const struct db_sql *migrations, size_t count, struct error *err)
{
    int64_t version = 0;
    if (sqlite3_open_v2(db->path, &db->handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        return db_fail(db, "open it", err);
    sqlite3_extended_result_codes(db->handle, 1);
    sqlite3_busy_timeout(db->handle, DB_BUSY_MS);
    /* locking_mode first: with it the write-ahead log needs no shared memory file. */
    if (db_exec(db, "lock it", "PRAGMA locking_mode = EXCLUSIVE; PRAGMA temp_store = MEMORY", err) < 0 ||
        check_schema(db, count, &version, err) < 0 ||
        db_exec(db, "prepare it",
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
                "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF;" DB_CACHE_PRAGMA,
                err) < 0)
        return -1;
    sqlite3_wal_hook(db->handle, note_log, db);
    return migrate(db, migrations, count, version, err);
}

int db_open(const char *path, const struct db_sql *migrations, size_t count, struct db **out,
            struct error *err)
{
    if (make_file(path, err) < 0)
        return -1;
    struct db *db = calloc(1, sizeof *db);
    if (!db || !(db->path = strdup(path))) {
        free(db);
        return error_errno(err, ENOMEM, "%s", path);
    }
    if (set_up(db, migrations, count, err) < 0) {
        db_close(db);
        return -1;
    }
    *out = db;
    return 0;
}

void db_close(struct db *db)
{
    if (!db)
        return;
    for (size_t i = 0; i < db->count; i++)
        sqlite3_finalize(db->statement[i].stmt);
    sqlite3_close(db->handle);
    free(db->path);
    free(db);
}

static int db_end_behind(struct db *db, struct error *err)
{
    if (db->is_behind && db_exec(db, "wait for the disk again", "PRAGMA synchronous = FULL", err) < 0)
        return -1;
    db->is_behind = false;
    return 0;
}

int db_begin(struct db *db, struct error *err)
{
    assert(!db->in_transaction);
    /* Tried at the end of the one behind already: what waits for the disk must never begin without it. */
    if (db_end_behind(db, err) < 0 || db_exec(db, "begin a transaction", "BEGIN IMMEDIATE", err) < 0)
        return -1;
    db->in_transaction = true;
    return 0;
}

int db_begin_behind(struct db *db, struct error *err)
{
    assert(!db->in_transaction);
    db->is_behind = true;
    if (db_exec(db, "stop waiting for the disk", "PRAGMA synchronous = NORMAL", err) < 0 ||
        db_exec(db, "begin a transaction", "BEGIN IMMEDIATE", err) < 0) {
        struct error ignored;
        db_end_behind(db, &ignored);
        return -1;
    }
    db->in_transaction = true;
    return 0;
}

/* After a full disk or a failed write SQLite may have undone the transaction by itself; what came after it
 * must not be kept alone. */
static int check_not_undone(struct db *db, struct error *err)
{
    if (!db->in_transaction || !sqlite3_get_autocommit(db->handle))
        return 0;
    return error_set(err, "%s: an earlier failure has undone this batch of changes: none of it is kept",
                     db->path);
}

int db_commit(struct db *db, struct error *err)
{
    assert(db->in_transaction);
    if (check_not_undone(db, err) < 0 || db_exec(db, "commit", "COMMIT", err) < 0)
        return -1;
    db->in_transaction = false;
    struct error ignored; /* db_begin tries again */
    db_end_behind(db, &ignored);
    return 0;
}

void db_rollback(struct db *db)
{
    if (db->in_transaction && !sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    db->in_transaction = false;
    struct error ignored;
    db_end_behind(db, &ignored);
}

bool db_in_transaction(const struct db *db)
{
    return db->in_transaction;
}

size_t db_log_pages(const struct db *db)
{
    return db->log_pages;
}

int db_checkpoint(struct db *db, struct error *err)
{
    if (sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
        return db_fail(db, "copy the log into the file", err);
    db->log_pages = 0;
    return 0;
}

static struct cached *find_cached(struct db *db, const struct db_sql *sql)
{
    for (size_t i = 0; i < db->count; i++)
        if (db->statement[i].sql == sql)
            return &db->statement[i];
    return NULL;
}

int db_call(struct db *db, const struct db_sql *sql, struct db_call *call, struct error *err)
{
    *call = (struct db_call){.db = db, .sql = sql};
    if (check_not_undone(db, err) < 0)
        return error_wrap(err, "cannot %s", sql->purpose);
    struct cached *cached = find_cached(db, sql);
    if (!cached) {
        assert(db->count < DB_STATEMENTS_MAX);
        cached = &db->statement[db->count];
        if (sqlite3_prepare_v3(db->handle, sql->text, -1, SQLITE_PREPARE_PERSISTENT, &cached->stmt, NULL) !=
            SQLITE_OK)
            return db_fail(db, sql->purpose, err);
        cached->sql = sql;
        db->count++;
    }
    assert(!cached->in_use);
    cached->in_use = true;
    call->stmt = cached->stmt;
    return 0;
}

static void note_binding(struct db_call *call, int result)
{
    if (call->code == SQLITE_OK)
        call->code = result;
}

void db_put_i64(struct db_call *call, int64_t value)
{
    note_binding(call, sqlite3_bind_int64(call->stmt, ++call->put, value));
}

void db_put_text(struct db_call *call, const char *value)
{
    note_binding(call, sqlite3_bind_text(call->stmt, ++call->put, value, -1, SQLITE_STATIC));
}

int db_step(struct db_call *call, struct error *err)
{
    call->got = 0;
    if (call->code != SQLITE_OK)
        return error_set(err, "%s: cannot %s: binding value %d: %s", call->db->path, call->sql->purpose,
                         call->put, sqlite3_errstr(call->code));
    int result = sqlite3_step(call->stmt);
    if (result == SQLITE_ROW)
        return 1;
    return result == SQLITE_DONE ? 0 : db_fail(call->db, call->sql->purpose, err);
}

int64_t db_get_i64(struct db_call *call)
{
    return sqlite3_column_int64(call->stmt, call->got++);
}

const char *db_get_text(struct db_call *call)
{
    const unsigned char *text = sqlite3_column_text(call->stmt, call->got++);
    return text ? (const char *)text : "";
}

void db_end(struct db_call *call)
{
    if (!call->stmt)
        return;
    sqlite3_reset(call->stmt);
    sqlite3_clear_bindings(call->stmt);
    find_cached(call->db, call->sql)->in_use = false;
    call->stmt = NULL;
}

int db_run(struct db_call *call, struct error *err)
{
    int more;
    do
        more = db_step(call, err);
    while (more > 0);
    db_end(call);
    return more;
}
