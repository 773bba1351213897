/*
 * Windows of the week on the wall's clock: "19:00-06:00,12:00-13:00" on "mon-fri". Pure.
 *
 * A window belongs to the day it begins on, and may end on the next. Windows that touch or overlap count as
 * one. Where the clock is put forward over a beginning or an end, or shows it twice, RFC 5545, section 3.3.5,
 * says when it is (zone_utc): an hour that is left out moves what is in it by that hour, of one that comes
 * twice the first counts. A window of which nothing is left on such a day is none.
 */
#pragma once

#include "base/zone.h"

#define CALENDAR_WINDOWS_MAX 16
#define CALENDAR_DAYS_ALL    0x7fu

struct calendar_window {
    int start, end; /* minutes of the day, 0 to 1440; end <= start: it ends on the next day */
};

struct calendar {
    size_t count;
    struct calendar_window window[CALENDAR_WINDOWS_MAX];
    unsigned days; /* of the windows' beginnings: bit 0 is Monday */
};

/* "19:00-06:00,12:00-13:00"; 24:00 is an end. Fills the windows. */
int calendar_parse_windows(const char *text, struct calendar *out, struct error *err);

/* "mon-fri,sun"; "fri-mon" goes over the week's end. */
int calendar_parse_days(const char *text, unsigned *out, struct error *err);

bool calendar_is_inside(const struct calendar *calendar, const struct zone *zone, int64_t at_s);

/* What holds at a time, and how long: from since_s on, up to before until_s. */
struct calendar_span {
    bool inside;
    bool forever; /* the windows leave nothing out: no since, no until */
    int64_t since_s, until_s;
};
struct calendar_span calendar_at(const struct calendar *calendar, const struct zone *zone, int64_t at_s);

const char *calendar_day_name(int weekday); /* "Mon"; 0: Monday */
