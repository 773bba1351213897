#include "state/schema.h"

/*
 * Addresses are text as people write them, so that the file can be read with the sqlite3 shell; times are
 * milliseconds since 1970 UTC. STRICT and the width of INTEGER are the differences to PostgreSQL.
 *
 * object: one object of the fleet a row; body is its YAML as `dump` writes it under "networks:", "profiles:"
 *   or "nodes:".
 * lease: one row an address: who holds it, or who found it taken (state 'declined'). number: the address, by
 * which rows stand in order. boot: machine is a MAC, or "address A.B.C.D" when a client without a lease was
 * seen; node and image are what they were when the boot began. told counts the events, kept the different
 * ones. event: what happened, each different thing once: times says how often, first_order and last_order
 * when among the boot's events (clocks may jump, the order does not). A table in schema 1; since then a view
 * of story: 16 events a row as event_text.h writes them; part is 128 * boot + number of the row, so that a
 * boot's events stand together and are found without an index.
 * vm_host: what is known of a host's agent. vm_version: its inventories, list as vm_list.h writes it; the one
 *   with the highest number is the current. vm_owner: who may run a machine; label is the owner's name for
 *   the volume, version the last of the owner's that has it. vm_secret: one row, hex, by which identities of
 *   boots are made.
 */
static const char first[] = "CREATE TABLE object ("
                            " kind TEXT NOT NULL,"
                            " name TEXT NOT NULL,"
                            " body TEXT NOT NULL,"
                            " PRIMARY KEY (kind, name)) STRICT;"

                            "CREATE TABLE audit ("
                            " id INTEGER PRIMARY KEY,"
                            " at_ms INTEGER NOT NULL,"
                            " who TEXT NOT NULL,"
                            " change TEXT NOT NULL) STRICT;"

                            "CREATE TABLE lease ("
                            " ip TEXT PRIMARY KEY,"
                            " mac TEXT NOT NULL,"
                            " state TEXT NOT NULL CHECK (state IN ('bound', 'released', 'declined')),"
                            " start_ms INTEGER NOT NULL,"
                            " expires_ms INTEGER NOT NULL,"
                            " hostname TEXT NOT NULL) STRICT;"
                            "CREATE INDEX lease_mac ON lease (mac);"

                            "CREATE TABLE boot ("
                            " id INTEGER PRIMARY KEY,"
                            " machine TEXT NOT NULL,"
                            " node TEXT,"
                            " image TEXT,"
                            " ip TEXT,"
                            " attempt INTEGER NOT NULL,"
                            " started_ms INTEGER NOT NULL,"
                            " last_ms INTEGER NOT NULL,"
                            " config_ms INTEGER,"
                            " booted_ms INTEGER,"
                            " files_expected INTEGER NOT NULL,"
                            " told INTEGER NOT NULL,"
                            " kept INTEGER NOT NULL) STRICT;"
                            "CREATE INDEX boot_machine ON boot (machine, id);"
                            "CREATE INDEX boot_unknown ON boot (id) WHERE node IS NULL;"

                            "CREATE TABLE event ("
                            " boot INTEGER NOT NULL REFERENCES boot (id) ON DELETE CASCADE,"
                            " first_order INTEGER NOT NULL,"
                            " last_order INTEGER NOT NULL,"
                            " times INTEGER NOT NULL,"
                            " kind TEXT NOT NULL,"
                            " role TEXT NOT NULL,"
                            " file TEXT NOT NULL,"
                            " text TEXT NOT NULL,"
                            " file_number INTEGER NOT NULL,"
                            " files_expected INTEGER NOT NULL,"
                            " bytes INTEGER NOT NULL,"
                            " duration_ms INTEGER NOT NULL,"
                            " ip TEXT,"
                            " first_ms INTEGER NOT NULL,"
                            " last_ms INTEGER NOT NULL,"
                            " PRIMARY KEY (boot, first_order),"
                            " UNIQUE (boot, kind, file, text)) STRICT;";

/* In a boot storm a row, an index entry and a statement for each event was most of the work. */
static const char second[] =
    "CREATE TABLE story (part INTEGER PRIMARY KEY, events TEXT NOT NULL) STRICT;"

    "INSERT INTO story SELECT DISTINCT 128 * boot + n / 16, '[' || group_concat(body, ',') OVER"
    "  (PARTITION BY boot, n / 16 ORDER BY n ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) || ']'"
    " FROM (SELECT boot, row_number() OVER (PARTITION BY boot ORDER BY first_order) - 1 AS n,"
    "  CASE WHEN times = 1"
    "   THEN json_array(first_order, kind, role, file, text, file_number, files_expected, bytes, duration_ms,"
    "    coalesce(ip, ''), last_ms)"
    "   ELSE json_array(first_order, kind, role, file, text, file_number, files_expected, bytes, duration_ms,"
    "    coalesce(ip, ''), last_ms, times, last_order, first_ms) END AS body"
    "  FROM event);"

    "DROP TABLE event;"

    "CREATE TRIGGER forget_story AFTER DELETE ON boot BEGIN"
    " DELETE FROM story WHERE part BETWEEN 128 * old.id AND 128 * old.id + 127; END;"

    "CREATE VIEW event (boot, first_order, last_order, times, kind, role, file, text, file_number,"
    " files_expected, bytes, duration_ms, ip, first_ms, last_ms) AS"
    " SELECT story.part / 128, e.value ->> 0, coalesce(e.value ->> 12, e.value ->> 0),"
    "  coalesce(e.value ->> 11, 1), e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4,"
    "  e.value ->> 5, e.value ->> 6, e.value ->> 7, e.value ->> 8, nullif(e.value ->> 9, ''),"
    "  coalesce(e.value ->> 13, e.value ->> 10), e.value ->> 10"
    " FROM story, json_each(story.events) AS e;";

/* A lease went into three trees, by row, address and MAC; the state process knows the last by itself. */
static const char third[] =
    "CREATE TABLE lease_by_number ("
    " number INTEGER PRIMARY KEY,"
    " ip TEXT NOT NULL,"
    " mac TEXT NOT NULL,"
    " state TEXT NOT NULL CHECK (state IN ('bound', 'released', 'declined')),"
    " start_ms INTEGER NOT NULL,"
    " expires_ms INTEGER NOT NULL,"
    " hostname TEXT NOT NULL) STRICT;"
    "INSERT INTO lease_by_number"
    " SELECT (part ->> 0) * 16777216 + (part ->> 1) * 65536 + (part ->> 2) * 256 + (part ->> 3),"
    "  ip, mac, state, start_ms, expires_ms, hostname"
    " FROM (SELECT *, '[' || replace(ip, '.', ',') || ']' AS part FROM lease);"
    "DROP TABLE lease;"
    "ALTER TABLE lease_by_number RENAME TO lease;";

static const char fourth[] = "CREATE TABLE vm_host ("
                             " node TEXT PRIMARY KEY,"
                             " boot INTEGER NOT NULL,"
                             " began_ms INTEGER NOT NULL,"
                             " given_ms INTEGER NOT NULL,"
                             " restored_ms INTEGER NOT NULL,"
                             " restored TEXT NOT NULL,"
                             " word_ms INTEGER NOT NULL,"
                             " report_ms INTEGER NOT NULL,"
                             " seq INTEGER NOT NULL,"
                             " wish INTEGER NOT NULL,"
                             " wish_taken INTEGER NOT NULL,"
                             " version INTEGER NOT NULL,"
                             " version_ms INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

                             "CREATE TABLE vm_version ("
                             " node TEXT NOT NULL,"
                             " number INTEGER NOT NULL,"
                             " boot INTEGER NOT NULL,"
                             " at_ms INTEGER NOT NULL,"
                             " who TEXT NOT NULL,"
                             " why TEXT NOT NULL,"
                             " list TEXT NOT NULL,"
                             " PRIMARY KEY (node, number)) STRICT;"

                             "CREATE TABLE vm_owner ("
                             " volume TEXT NOT NULL,"
                             " file TEXT NOT NULL,"
                             " node TEXT NOT NULL,"
                             " label TEXT NOT NULL,"
                             " version INTEGER NOT NULL,"
                             " since_ms INTEGER NOT NULL,"
                             " PRIMARY KEY (volume, file)) STRICT, WITHOUT ROWID;"
                             "CREATE INDEX vm_owner_node ON vm_owner (node, label, file);"

                             "CREATE TABLE vm_secret (secret TEXT NOT NULL) STRICT;";

const struct db_sql schema_migrations[] = {
    {"make the tables", first},
    {"keep events in parts", second},
    {"keep leases by number", third},
    {"keep virtual machines", fourth},
};
const size_t schema_migration_count = sizeof schema_migrations / sizeof schema_migrations[0];
