/*
 * The database under state/: SQLite, opened so that what was committed survives a crash, with its schema
 * brought up to date by numbered migrations and its statements prepared once.
 *
 * One process holds the file at a time (an exclusive lock): two writers would each believe their own fleet.
 * Statements are static const struct db_sql; their address is the key of the cache. Values are bound and read
 * in order, like fields of a wire message; a failed binding is reported by the next step.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3_stmt;
struct db;

struct db_sql {
    const char *purpose; /* in words, for errors: "keep a lease" */
    const char *text;    /* parameters are $1, $2, ... in order of first use */
};

/*
 * Opens or makes the file and runs the migrations it lacks; migration i leads to schema i + 1. A file that is
 * no database, is another program's or was made by a newer bootherd is refused and left as it is. Errors
 * carry an errno (ENOSPC, EROFS, EACCES, EBUSY, EILSEQ for a damaged file, ENOTSUP for a newer one) where one
 * fits.
 */
int db_open(const char *path, const struct db_sql *migrations, size_t count, struct db **out,
            struct error *err);
void db_close(struct db *db); /* NULL is fine */

/* Transactions do not nest. After an error inside one, roll it back. */
int db_begin(struct db *db, struct error *err);
int db_commit(struct db *db, struct error *err);
void db_rollback(struct db *db); /* nothing to undo is fine */
/* A transaction that survives a crash of this program, but a power failure only when a later one of db_begin
 * was committed, or a checkpoint made: its commit does not wait for the disk. */
int db_begin_behind(struct db *db, struct error *err);
bool db_in_transaction(const struct db *db);

/* How many pages of 4 KiB are in the log beside the file; copying them into it takes two syncs. */
size_t db_log_pages(const struct db *db);
int db_checkpoint(struct db *db, struct error *err);

/* One run of a statement, from db_call to db_end; a statement is never run twice at the same time. */
struct db_call {
    struct db *db;
    const struct db_sql *sql;
    struct sqlite3_stmt *stmt; /* owned by the db's cache */
    int put, got;              /* fields bound and read so far */
    int code;                  /* sticky: the first failed binding */
};

int db_call(struct db *db, const struct db_sql *sql, struct db_call *call, struct error *err);
void db_put_i64(struct db_call *call, int64_t value);
void db_put_text(struct db_call *call, const char *value); /* borrowed until db_end; NULL binds NULL */
/* 1: a row is there, read it with db_get; 0: no more; -1: an error. */
int db_step(struct db_call *call, struct error *err);
int64_t db_get_i64(struct db_call *call);      /* NULL reads as 0 */
const char *db_get_text(struct db_call *call); /* borrowed until the next step; "" for NULL */
void db_end(struct db_call *call);             /* twice, or without a call, is fine */

/* Steps to the end and ends: for statements whose rows nobody wants. */
int db_run(struct db_call *call, struct error *err);

#define DB_CALL_INIT                                                                                         \
    {                                                                                                        \
        0                                                                                                    \
    }
#define cleanup_db_call __attribute__((cleanup(db_end)))
