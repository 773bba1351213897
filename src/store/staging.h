/* Staging folders, as publish sees them. The rest is in store.h. */
#pragma once

#include "store/store.h"

bool staging_name_valid(const char *name);

/* Removes what crashes left: staging folders that nobody holds, but `keep`. The caller holds the lock. */
void staging_sweep(struct store *store, const char *keep);
