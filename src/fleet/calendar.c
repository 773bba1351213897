#include "fleet/calendar.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define DAY_MINUTES 1440
#define MINUTE_S    60
#define HORIZON                                                                                              \
    16 /* days: two weeks, as one window a week may be lost, and the two days that a window touches */
#define SHOWN_MAX 40

static const char *const day_names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
#define DAYS (int)(sizeof day_names / sizeof day_names[0])

const char *calendar_day_name(int weekday)
{
    return day_names[weekday];
}

/* --- reading --- */

/* One word of a list with commas, for a message. */
static const char *shown(const char *word, size_t size, char out[static SHOWN_MAX])
{
    text_printable(word, size, out, SHOWN_MAX);
    return out;
}

/* "19:00" -> minutes. -1: it is none. */
static int get_time(const char *text)
{
    for (int i = 0; i < 5; i++)
        if (i == 2 ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return -1;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    return hour > 24 || minute > 59 || (hour == 24 && minute) ? -1 : hour * 60 + minute;
}

static int get_window(const char *word, size_t size, struct calendar_window *out, struct error *err)
{
    char text[SHOWN_MAX];
    shown(word, size, text);
    out->start = size == strlen("19:00-06:00") ? get_time(word) : -1;
    out->end = out->start >= 0 && word[5] == '-' ? get_time(word + 6) : -1;
    if (out->start < 0 || out->end < 0)
        return error_set(err, "'%s' is no time of day; write 19:00-06:00, several with commas between", text);
    if (out->start == DAY_MINUTES)
        return error_set(err, "'%s' begins at 24:00; write 00:00", text);
    if (out->start == out->end)
        return error_set(err, "'%s' ends when it begins; write 00:00-24:00 for the whole day", text);
    return 0;
}

int calendar_parse_windows(const char *text, struct calendar *out, struct error *err)
{
    out->count = 0;
    for (const char *word = text;; word++) {
        size_t size = strcspn(word, ",");
        if (out->count == CALENDAR_WINDOWS_MAX)
            return error_set(err, "more than %d windows", CALENDAR_WINDOWS_MAX);
        if (get_window(word, size, &out->window[out->count++], err) < 0)
            return -1;
        word += size;
        if (!*word)
            return 0;
    }
}

static int get_day(const char *word, size_t size)
{
    for (int i = 0; size == 3 && i < DAYS; i++)
        if (strncasecmp(word, day_names[i], 3) == 0)
            return i;
    return -1;
}

int calendar_parse_days(const char *text, unsigned *out, struct error *err)
{
    char bad[SHOWN_MAX];
    *out = 0;
    for (const char *word = text;; word++) {
        size_t size = strcspn(word, ","), first_size = strcspn(word, ",-");
        int first = get_day(word, first_size);
        int last = first_size < size ? get_day(word + first_size + 1, size - first_size - 1) : first;
        if (first < 0 || last < 0)
            return error_set(
                err, "'%s' is no day of the week; write mon, tue, wed, thu, fri, sat, sun, or mon-fri",
                shown(word, size, bad));
        for (int day = first;; day = (day + 1) % DAYS) {
            *out |= 1u << day;
            if (day == last)
                break;
        }
        word += size;
        if (!*word)
            return 0;
    }
}

/* --- the wall --- */

/* Midnight before a time, as the wall shows it, and which day that is. */
struct day {
    int64_t midnight; /* local seconds */
    int weekday;
};

static struct day day_of(const struct zone *zone, int64_t at_s)
{
    struct zone_date date = zone_date(at_s + zone_offset(zone, at_s));
    return (struct day){zone_midnight(date.year, date.month, date.day), date.weekday};
}

/* The window that begins so many days after `day`; false: none does, or nothing is left of it. */
static bool window_at(const struct calendar *c, const struct zone *zone, const struct day *day, int after,
                      size_t i, int64_t *start_s, int64_t *end_s)
{
    const struct calendar_window *w = &c->window[i];
    int weekday = ((day->weekday + after) % DAYS + DAYS) % DAYS;
    int64_t midnight = day->midnight + (int64_t)after * ZONE_DAY_S;
    if (!(c->days & (1u << weekday)))
        return false;
    *start_s = zone_utc(zone, midnight + (int64_t)w->start * MINUTE_S);
    *end_s = zone_utc(zone, midnight + (int64_t)(w->end + (w->end <= w->start ? DAY_MINUTES : 0)) * MINUTE_S);
    return *start_s < *end_s;
}

/* Where the windows that hold this time end, or begin; the time itself when there is none. */
static int64_t edge_of(const struct calendar *c, const struct zone *zone, int64_t at_s, bool end)
{
    struct day day = day_of(zone, at_s);
    int64_t edge = at_s, start_s, end_s;
    for (int after = -2; after <= 1; after++)
        for (size_t i = 0; i < c->count; i++) {
            if (!window_at(c, zone, &day, after, i, &start_s, &end_s))
                continue;
            if (end && start_s <= at_s && end_s > edge)
                edge = end_s;
            if (!end && end_s >= at_s && start_s < edge)
                edge = start_s;
        }
    return edge;
}

bool calendar_is_inside(const struct calendar *calendar, const struct zone *zone, int64_t at_s)
{
    return edge_of(calendar, zone, at_s, true) > at_s;
}

static void span_inside(const struct calendar *c, const struct zone *zone, int64_t at_s,
                        struct calendar_span *span)
{
    for (int64_t edge; (edge = edge_of(c, zone, span->until_s, true)) > span->until_s;) {
        span->until_s = edge;
        span->forever = edge - at_s > (int64_t)HORIZON * ZONE_DAY_S;
        if (span->forever)
            return;
    }
    for (int64_t edge; (edge = edge_of(c, zone, span->since_s, false)) < span->since_s;)
        span->since_s = edge;
}

/* Between the last end and the next beginning. */
static void span_outside(const struct calendar *c, const struct zone *zone, int64_t at_s,
                         struct calendar_span *span)
{
    struct day day = day_of(zone, at_s);
    int64_t start_s, end_s;
    span->since_s = INT64_MIN;
    span->until_s = INT64_MAX;
    for (int after = -HORIZON; after <= HORIZON; after++)
        for (size_t i = 0; i < c->count; i++) {
            if (!window_at(c, zone, &day, after, i, &start_s, &end_s))
                continue;
            if (end_s <= at_s && end_s > span->since_s)
                span->since_s = end_s;
            if (start_s > at_s && start_s < span->until_s)
                span->until_s = start_s;
        }
    span->forever = span->since_s == INT64_MIN || span->until_s == INT64_MAX;
}

struct calendar_span calendar_at(const struct calendar *calendar, const struct zone *zone, int64_t at_s)
{
    struct calendar_span span = {.since_s = at_s, .until_s = at_s};
    span.inside = calendar_is_inside(calendar, zone, at_s);
    if (span.inside)
        span_inside(calendar, zone, at_s, &span);
    else
        span_outside(calendar, zone, at_s, &span);
    return span;
}
