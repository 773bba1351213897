/* A folder with a state.db, and fleets from YAML. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fleet/fleet_yaml.h"
#include "state/state.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "state_folder.h"

static struct state *open_state(void)
{
    struct state *s = NULL;
    struct error err;
    if (state_open(path, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static struct fleet *fleet_of(const char *yaml)
{
    struct fleet *fleet = NULL;
    struct error err;
    struct slice text = {(const uint8_t *)yaml, strlen(yaml)};
    if (fleet_parse_yaml("test.yaml", text, &fleet, &err) < 0)
        fail_msg("%s", err.text);
    return fleet;
}

static void set_fleet(struct state *s, const char *yaml)
{
    struct error err;
    if (state_fleet_replace(s, fleet_of(yaml), "uid 0", 1700000000000, &err) < 0)
        fail_msg("%s", err.text);
}

/* What SQLite itself says of the closed file. */
static inline int64_t ask_sqlite(const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t answer = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return answer;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
