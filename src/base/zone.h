/*
 * Time zones: the clock on the wall. A zone is the changes of its offset that are known, and behind them a
 * rule as POSIX writes it in TZ ("CET-1CEST,M3.5.0,M10.5.0/3"; RFC 9636, section 3.3.2). Offsets are seconds
 * east of UTC. "Local seconds" count as UTC's would if the clock on the wall showed UTC. Pure.
 *
 * Times are held within ZONE_TIME_MAX of 1970, so that no sum overflows.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#define ZONE_TIME_MAX ((int64_t)1 << 40) /* seconds: some 34,000 years */
#define ZONE_RULE_MAX 128                /* bytes of a rule with NUL; the longest in use has 35 */

enum zone_day_kind {
    ZONE_DAY_JULIAN,   /* Jn: 1 to 365, 29 February is never counted */
    ZONE_DAY_OF_YEAR,  /* n: 0 to 365 */
    ZONE_DAY_OF_MONTH, /* Mm.w.d: the w-th (5: the last) weekday d (0: Sunday) of month m */
};

/* When summer time begins or ends, each year. */
struct zone_day {
    enum zone_day_kind kind;
    int day, month, week;
    int32_t time_s; /* on the wall just before; -167 to 167 hours */
};

struct zone_rule {
    int32_t offset_s, summer_s; /* without and with summer time */
    bool has_summer;
    struct zone_day begin, end;
};

/* The offset from then on, up to the next change. */
struct zone_change {
    int64_t at_s;
    int32_t offset_s;
};

struct zone {
    struct zone_rule rule; /* from the last change on */
    size_t change_count;
    const struct zone_change
        *changes; /* ascending; the first counts for all times before it, too. Borrowed */
};

/* "<+0530>-5:30", "EST5EDT,M3.2.0,M11.1.0". Summer time without its days is refused. */
int zone_rule_parse(const char *text, struct zone_rule *out, struct error *err);

int32_t zone_offset(const struct zone *zone, int64_t at_s);

/*
 * When the clock on the wall shows these local seconds, as RFC 5545, section 3.3.5, wants it: the first time
 * where it does so twice; where it is put forward over them, as if it had not been.
 */
int64_t zone_utc(const struct zone *zone, int64_t local_s);

/* --- the calendar of the wall --- */

struct zone_date {
    int64_t year;
    int month, day; /* from 1 */
    int weekday;    /* 0: Monday */
    int hour, minute, second;
};
#define ZONE_DAY_S 86400

struct zone_date zone_date(int64_t local_s);
/* Midnight of that day, in local seconds; month 1 to 12. */
int64_t zone_midnight(int64_t year, int month, int day);
