#include "base/zone.h"

#include <string.h>

#define MINUTE_S  60
#define HOUR_S    3600
#define NAME_MIN  3   /* letters of an abbreviation */
#define HOURS_MAX 167 /* a week less an hour: RFC 9636, section 3.3.2 */

static int64_t clamp(int64_t s)
{
    return s > ZONE_TIME_MAX ? ZONE_TIME_MAX : s < -ZONE_TIME_MAX ? -ZONE_TIME_MAX : s;
}

/* --- days --- */

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static const int before_month[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};

/* Days from 1970-01-01 to 1 January; years divide towards the earlier one. */
static int64_t days_to_year(int64_t year)
{
    int64_t y = year - 1;
    int64_t leaps = (y >= 0 ? y / 4 : (y - 3) / 4) - (y >= 0 ? y / 100 : (y - 99) / 100) +
                    (y >= 0 ? y / 400 : (y - 399) / 400);
    return 365 * (year - 1970) + leaps - 477; /* 477: leap days before 1970 */
}

static int days_to_month(int64_t year, int month)
{
    return before_month[month - 1] + (month > 2 && is_leap(year));
}

int64_t zone_midnight(int64_t year, int month, int day)
{
    return (days_to_year(year) + days_to_month(year, month) + day - 1) * ZONE_DAY_S;
}

/* 1970-01-01 was a Thursday. */
static int weekday_of(int64_t days)
{
    int64_t weekday = (days + 3) % 7;
    return (int)(weekday < 0 ? weekday + 7 : weekday);
}

static int64_t year_of(int64_t days)
{
    int64_t year = 1970 + days / 366;
    while (days_to_year(year + 1) <= days)
        year++;
    while (days_to_year(year) > days)
        year--;
    return year;
}

static int64_t days_of(int64_t local_s)
{
    return local_s / ZONE_DAY_S - (local_s % ZONE_DAY_S < 0);
}

struct zone_date zone_date(int64_t local_s)
{
    int64_t days = days_of(clamp(local_s));
    int second = (int)(clamp(local_s) - days * ZONE_DAY_S);
    int64_t year = year_of(days);
    int in_year = (int)(days - days_to_year(year)), month = 12;
    while (days_to_month(year, month) > in_year)
        month--;
    return (struct zone_date){.year = year,
                              .month = month,
                              .day = in_year - days_to_month(year, month) + 1,
                              .weekday = weekday_of(days),
                              .hour = second / HOUR_S,
                              .minute = second % HOUR_S / MINUTE_S,
                              .second = second % MINUTE_S};
}

/* --- reading a rule --- */

struct reader {
    const char *at;
    bool failed; /* sticky */
};

static bool take(struct reader *r, char c)
{
    if (r->failed || *r->at != c)
        return false;
    r->at++;
    return true;
}

static void expect(struct reader *r, char c)
{
    if (!take(r, c))
        r->failed = true;
}

static int get_number(struct reader *r, int min, int max)
{
    int value = 0, digits = 0;
    for (; *r->at >= '0' && *r->at <= '9' && digits < 4; digits++)
        value = value * 10 + (*r->at++ - '0');
    if (!digits || value < min || value > max)
        r->failed = true;
    return r->failed ? min : value;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* "CET", or "<+0530>" in which digits and signs are letters, too. */
static void skip_name(struct reader *r)
{
    bool quoted = take(r, '<');
    int size = 0;
    while (is_letter(*r->at) ||
           (quoted && ((*r->at >= '0' && *r->at <= '9') || *r->at == '+' || *r->at == '-'))) {
        r->at++;
        size++;
    }
    if (size < NAME_MIN)
        r->failed = true;
    if (quoted)
        expect(r, '>');
}

/* [+-]hh[:mm[:ss]] */
static int32_t get_time(struct reader *r, int hours_max)
{
    bool negative = take(r, '-');
    if (!negative)
        take(r, '+');
    int32_t s = get_number(r, 0, hours_max) * HOUR_S;
    if (take(r, ':')) {
        s += get_number(r, 0, 59) * MINUTE_S;
        if (take(r, ':'))
            s += get_number(r, 0, 59);
    }
    return negative ? -s : s;
}

static void get_day(struct reader *r, struct zone_day *out)
{
    *out = (struct zone_day){.kind = ZONE_DAY_OF_YEAR, .time_s = 2 * HOUR_S};
    expect(r, ',');
    if (take(r, 'M')) {
        out->kind = ZONE_DAY_OF_MONTH;
        out->month = get_number(r, 1, 12);
        expect(r, '.');
        out->week = get_number(r, 1, 5);
        expect(r, '.');
        out->day = get_number(r, 0, 6);
    } else if (take(r, 'J')) {
        out->kind = ZONE_DAY_JULIAN;
        out->day = get_number(r, 1, 365);
    } else {
        out->day = get_number(r, 0, 365);
    }
    if (take(r, '/'))
        out->time_s = get_time(r, HOURS_MAX);
}

int zone_rule_parse(const char *text, struct zone_rule *out, struct error *err)
{
    struct reader r = {.at = text};
    *out = (struct zone_rule){0};
    skip_name(&r);
    out->offset_s = out->summer_s = -get_time(&r, 24); /* POSIX counts to the west */
    if (!r.failed && *r.at) {
        out->has_summer = true;
        skip_name(&r);
        out->summer_s = *r.at == ',' ? out->offset_s + HOUR_S : -get_time(&r, 24);
        get_day(&r, &out->begin);
        get_day(&r, &out->end);
    }
    if (!r.failed && !*r.at)
        return 0;
    return error_set(err,
                     "byte %zu: this is no rule of a time zone as POSIX writes it, as in "
                     "CET-1CEST,M3.5.0,M10.5.0/3",
                     (size_t)(r.at - text) + 1);
}

/* --- offsets --- */

/* In local seconds. */
static int64_t day_in(const struct zone_day *day, int64_t year)
{
    if (day->kind == ZONE_DAY_OF_YEAR)
        return zone_midnight(year, 1, 1) + (int64_t)day->day * ZONE_DAY_S + day->time_s;
    if (day->kind == ZONE_DAY_JULIAN) {
        int leap = is_leap(year) && day->day > 59; /* 60 is 1 March */
        return zone_midnight(year, 1, 1) + (int64_t)(day->day - 1 + leap) * ZONE_DAY_S + day->time_s;
    }
    int64_t first = zone_midnight(year, day->month, 1) / ZONE_DAY_S;
    int sunday_based = (weekday_of(first) + 1) % 7;
    int in_month = (day->day - sunday_based + 7) % 7 + 7 * (day->week - 1);
    int size = (day->month == 12 ? 365 + is_leap(year) : days_to_month(year, day->month + 1)) -
               days_to_month(year, day->month);
    if (in_month >= size)
        in_month -= 7;
    return (first + in_month) * ZONE_DAY_S + day->time_s;
}

static int32_t rule_offset(const struct zone_rule *rule, int64_t at_s)
{
    if (!rule->has_summer)
        return rule->offset_s;
    int64_t year = year_of(days_of(at_s + rule->offset_s));
    int64_t begin = day_in(&rule->begin, year) - rule->offset_s,
            end = day_in(&rule->end, year) - rule->summer_s;
    bool is_summer = begin < end ? at_s >= begin && at_s < end : at_s >= begin || at_s < end;
    return is_summer ? rule->summer_s : rule->offset_s;
}

int32_t zone_offset(const struct zone *zone, int64_t at_s)
{
    size_t low = 0, high = zone->change_count;
    at_s = clamp(at_s);
    if (!high || at_s >= zone->changes[high - 1].at_s)
        return rule_offset(&zone->rule, at_s);
    while (low < high) { /* the first that is later */
        size_t middle = low + (high - low) / 2;
        if (zone->changes[middle].at_s > at_s)
            high = middle;
        else
            low = middle + 1;
    }
    return zone->changes[low ? low - 1 : 0].offset_s;
}

int64_t zone_utc(const struct zone *zone, int64_t local_s)
{
    local_s = clamp(local_s);
    /* No offset is a day or more, and none changes twice in two days. */
    int32_t before = zone_offset(zone, local_s - ZONE_DAY_S), after = zone_offset(zone, local_s + ZONE_DAY_S);
    bool is_before = zone_offset(zone, local_s - before) == before;
    bool is_after = zone_offset(zone, local_s - after) == after;
    return local_s - (is_before || !is_after ? before : after);
}
