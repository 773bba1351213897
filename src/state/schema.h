/* The schema of state.db: the migrations, oldest first. What has been released is never edited; a change is a
 * new line. */
#pragma once

#include "state/db.h"

extern const struct db_sql schema_migrations[];
extern const size_t schema_migration_count;
