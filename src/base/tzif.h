/* Time zones as the system keeps them: TZif files (RFC 9636), what they say of now and later. Pure. */
#pragma once

#include "base/zone.h"

#define TZIF_CHANGES_MAX 256 /* after today: two a year up to 2037, or to 2087 as Morocco's */

struct tzif {
    struct zone_rule rule;
    size_t change_count;
    struct zone_change changes[TZIF_CHANGES_MAX]; /* the first is the one in force at from_s */
};

/* What is over at from_s is left out; what comes behind TZIF_CHANGES_MAX, too. Files that count leap seconds
 * are refused. */
int tzif_parse(struct slice file, int64_t from_s, struct tzif *out, struct error *err);
