/* Windows of the week and what they decide. Expectations by hand from the zones' rules and RFC 5545,
 * section 3.3.5. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/policy.h"

#define UTC    "UTC0"
#define VIENNA "CET-1CEST,M3.5.0,M10.5.0/3"
#define SYDNEY "AEST-10AEDT,M10.1.0,M4.1.0/3"
#define NUUK   "<-02>2<-01>,M3.5.0/-1,M10.5.0/0"

static struct zone zone_of(const char *rule)
{
    struct zone zone = {0};
    struct error err;
    assert_int_equal(zone_rule_parse(rule, &zone.rule, &err), 0);
    return zone;
}

static int64_t at(const char *text)
{
    int year, month, day, hour, minute, second = 0;
    assert_true(sscanf(text, "%d-%d-%d %d:%d:%d", &year, &month, &day, &hour, &minute, &second) >= 5);
    return zone_midnight(year, month, day) + hour * 3600 + minute * 60 + second;
}

static struct calendar calendar_of(const char *windows, const char *days)
{
    struct calendar calendar = {.days = CALENDAR_DAYS_ALL};
    struct error err;
    if (calendar_parse_windows(windows, &calendar, &err) < 0 ||
        (days && calendar_parse_days(days, &calendar.days, &err) < 0))
        fail_msg("%s", err.text);
    return calendar;
}

/* All times in UTC; 2026-11-23 is a Monday. */
static const struct {
    const char *zone, *windows, *days, *now;
    bool inside;
    const char *since, *until; /* NULL: forever */
} cases[] = {
    {UTC, "19:00-06:00", NULL, "2026-11-23 18:59:59", false, "2026-11-23 06:00", "2026-11-23 19:00"},
    {UTC, "19:00-06:00", NULL, "2026-11-23 19:00", true, "2026-11-23 19:00", "2026-11-24 06:00"},
    {UTC, "19:00-06:00", NULL, "2026-11-24 05:59:59", true, "2026-11-23 19:00", "2026-11-24 06:00"},
    {UTC, "19:00-06:00", NULL, "2026-11-24 06:00", false, "2026-11-24 06:00", "2026-11-24 19:00"},
    /* a window belongs to the day it begins on: Friday's ends on Saturday, and Monday has no early morning */
    {UTC, "19:00-06:00", "mon-fri", "2026-11-28 05:00", true, "2026-11-27 19:00", "2026-11-28 06:00"},
    {UTC, "19:00-06:00", "mon-fri", "2026-11-30 05:00", false, "2026-11-28 06:00", "2026-11-30 19:00"},
    {UTC, "19:00-06:00", "mon-fri", "2026-11-28 20:00", false, "2026-11-28 06:00", "2026-11-30 19:00"},
    {UTC, "19:00-06:00", "sun", "2026-11-30 05:00", true, "2026-11-29 19:00", "2026-11-30 06:00"},
    {UTC, "19:00-06:00", "sun", "2026-11-30 06:00", false, "2026-11-30 06:00", "2026-12-06 19:00"},
    {UTC, "12:00-13:00", "fri-mon", "2026-11-24 12:30", false, "2026-11-23 13:00", "2026-11-27 12:00"},
    /* over the year's end, and a leap day */
    {UTC, "19:00-06:00", NULL, "2027-01-01 00:00", true, "2026-12-31 19:00", "2027-01-01 06:00"},
    {UTC, "19:00-06:00", "thu", "2026-12-31 23:59", true, "2026-12-31 19:00", "2027-01-01 06:00"},
    {UTC, "22:00-21:00", "mon", "2028-02-29 20:00", true, "2028-02-28 22:00", "2028-02-29 21:00"},
    /* whole days */
    {UTC, "00:00-24:00", NULL, "2026-11-23 12:00", true, NULL, NULL},
    {UTC, "00:00-24:00", "sat,sun", "2026-11-28 12:00", true, "2026-11-28 00:00", "2026-11-30 00:00"},
    {UTC, "00:00-00:01,00:01-24:00", NULL, "2026-11-23 12:00", true, NULL, NULL},
    {UTC, "12:00-11:59", NULL, "2026-11-23 11:59", false, "2026-11-23 11:59", "2026-11-23 12:00"},
    /* windows that touch or overlap are one */
    {UTC, "06:00-07:00,07:00-08:00", NULL, "2026-11-23 06:30", true, "2026-11-23 06:00", "2026-11-23 08:00"},
    {UTC, "05:00-07:30,19:00-06:00", NULL, "2026-11-23 05:30", true, "2026-11-22 19:00", "2026-11-23 07:30"},
    {UTC, "12:00-13:00,19:00-06:00", NULL, "2026-11-23 12:59", true, "2026-11-23 12:00", "2026-11-23 13:00"},
    /* another clock than UTC's: Tuesday in Vienna is Monday in UTC, for an hour */
    {VIENNA, "00:00-01:00", "tue", "2026-11-23 23:30", true, "2026-11-23 23:00", "2026-11-24 00:00"},
    {SYDNEY, "06:00-07:00", "tue", "2026-11-23 19:30", true, "2026-11-23 19:00", "2026-11-23 20:00"},
    /* Vienna, 2026-03-29: 02:00 to 03:00 is left out */
    {VIENNA, "19:00-06:00", NULL, "2026-03-29 03:59", true, "2026-03-28 18:00", "2026-03-29 04:00"},
    {VIENNA, "02:30-05:00", NULL, "2026-03-29 01:29", false, "2026-03-28 04:00", "2026-03-29 01:30"},
    {VIENNA, "02:30-05:00", NULL, "2026-03-29 01:30", true, "2026-03-29 01:30", "2026-03-29 03:00"},
    {VIENNA, "02:00-03:00", NULL, "2026-03-29 01:00", false, "2026-03-28 02:00", "2026-03-30 00:00"},
    /* 2026-10-25: 02:00 to 03:00 comes twice, and the first counts */
    {VIENNA, "19:00-02:30", NULL, "2026-10-25 00:29", true, "2026-10-24 17:00", "2026-10-25 00:30"},
    {VIENNA, "19:00-02:30", NULL, "2026-10-25 00:30", false, "2026-10-25 00:30", "2026-10-25 18:00"},
    {VIENNA, "02:30-04:00", NULL, "2026-10-25 01:30", true, "2026-10-25 00:30", "2026-10-25 03:00"},
    {VIENNA, "19:00-06:00", "sat", "2026-10-25 04:59", true, "2026-10-24 17:00", "2026-10-25 05:00"},
    /* Sydney: back on 2026-04-05, forward on 2026-10-04 */
    {SYDNEY, "19:00-06:00", NULL, "2026-04-04 19:59", true, "2026-04-04 08:00", "2026-04-04 20:00"},
    {SYDNEY, "02:30-06:00", NULL, "2026-10-03 16:29", false, "2026-10-02 20:00", "2026-10-03 16:30"},
    {SYDNEY, "02:30-06:00", NULL, "2026-10-03 18:59", true, "2026-10-03 16:30", "2026-10-03 19:00"},
    /* Nuuk goes forward at 23:00 on a Saturday, in local time before */
    {NUUK, "22:00-00:30", "sat", "2026-03-29 01:29", true, "2026-03-29 00:00", "2026-03-29 01:30"},
};

static void test_spans(void **state)
{
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zone zone = zone_of(cases[i].zone);
        struct calendar calendar = calendar_of(cases[i].windows, cases[i].days);
        struct calendar_span span = calendar_at(&calendar, &zone, at(cases[i].now));
        bool ok = span.inside == cases[i].inside && span.forever == !cases[i].since;
        if (ok && cases[i].since)
            ok = span.since_s == at(cases[i].since) && span.until_s == at(cases[i].until);
        if (!ok)
            fail_msg("case %zu, %s %s at %s: inside %d forever %d since %+lld until %+lld", i,
                     cases[i].windows, cases[i].zone, cases[i].now, span.inside, span.forever,
                     (long long)(span.since_s - at(cases[i].now)),
                     (long long)(span.until_s - at(cases[i].now)));
    }
}

/* A span's ends are where it changes, and nowhere between; a year of odd minutes in zones of both
 * hemispheres. */
static void test_edges(void **state)
{
    static const char *const zones[] = {UTC, VIENNA, SYDNEY, NUUK};
    static const char *const windows[] = {"19:00-06:00", "02:15-02:45,23:00-01:00", "00:00-24:00",
                                          "06:00-05:59"};
    static const char *const days[] = {"mon-sun", "mon-fri", "sun", "sat,mon"};
    for (unsigned i = 0; i < 64; i++) {
        struct zone zone = zone_of(zones[i % 4]);
        struct calendar calendar = calendar_of(windows[i / 4 % 4], days[i / 16]);
        for (int64_t now = at("2026-01-01 00:00"); now < at("2027-01-02 00:00"); now += 7 * 3600 + 61) {
            struct calendar_span span = calendar_at(&calendar, &zone, now);
            assert_int_equal(calendar_is_inside(&calendar, &zone, now), span.inside);
            if (span.forever)
                continue;
            assert_true(span.since_s <= now && now < span.until_s);
            assert_int_equal(calendar_is_inside(&calendar, &zone, span.since_s), span.inside);
            assert_int_equal(calendar_is_inside(&calendar, &zone, span.since_s - 1), !span.inside);
            assert_int_equal(calendar_is_inside(&calendar, &zone, span.until_s - 1), span.inside);
            assert_int_equal(calendar_is_inside(&calendar, &zone, span.until_s), !span.inside);
        }
    }
}

static void test_bad_texts(void **state)
{
    static const char *const windows[] = {
        "",
        ",",
        "19:00",
        "19:00-",
        "-06:00",
        "19:00-19:00",
        "00:00-00:00",
        "24:00-06:00",
        "19:00-24:01",
        "19:60-06:00",
        "25:00-06:00",
        "9:00-06:00",
        "19:00-6:00",
        "19.00-06.00",
        "19:00 - 06:00",
        "19:00-06:00,",
        "19:00-06:00,,07:00-08:00",
        "19:00-06:00;07:00-08:00",
        "1a:00-06:00",
        "19:00\xe2\x80\x93"
        "06:00",
        "00:00-00:01,00:02-00:03,00:04-00:05,00:06-00:07,00:08-00:09,00:10-00:11,"
        "00:12-00:13,00:14-00:15,00:16-00:17,00:18-00:19,00:20-00:21,00:22-00:23,"
        "00:24-00:25,00:26-00:27,00:28-00:29,00:30-00:31,00:32-00:33"};
    static const char *const days[] = {"",     ",",        "mon,",    "monday", "mo",          "mon-",
                                       "-fri", "mon--fri", "mon fri", "1-5",    "mon-fri-sun", "mon,,tue"};
    struct calendar calendar;
    struct error err;
    unsigned bits;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++)
        if (calendar_parse_windows(windows[i], &calendar, &err) == 0)
            fail_msg("\"%s\" was taken", windows[i]);
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++)
        if (calendar_parse_days(days[i], &bits, &err) == 0)
            fail_msg("\"%s\" was taken", days[i]);
    assert_int_equal(calendar_parse_days("Mon,TUE,fri-sun", &bits, &err), 0);
    assert_int_equal(bits, 0x73);
    assert_int_equal(calendar_parse_days("sat-mon", &bits, &err), 0);
    assert_int_equal(bits, 0x61);
}

static void next_is(const struct zones *zones, struct fleet_settings settings, const char *now, bool local,
                    const char *text)
{
    char got[POLICY_NEXT_MAX];
    struct policy policy;
    struct error err;
    bool is_local;
    assert_int_equal(policy_is_local(&settings, zones, at(now), &is_local, &err), 0);
    assert_int_equal(policy_at(&settings, zones, at(now), &policy, &err), 0);
    assert_int_equal(is_local, local);
    assert_int_equal(policy.local, local);
    policy_next_text(&settings, &policy, at(now), got);
    assert_string_equal(got, text);
}

#define SET(...)                                                                                             \
    (struct fleet_settings)                                                                                  \
    {                                                                                                        \
        .image = (char[]){"esxi4"}, __VA_ARGS__                                                              \
    }
#define TEXT(t)                                                                                              \
    (char[])                                                                                                 \
    {                                                                                                        \
        t                                                                                                    \
    }

static void test_policy(void **state)
{
    setenv("TZ", "UTC", 1);
    struct zones *zones = zones_read(at("2026-11-23 00:00"));
    next_is(zones, SET(0), "2026-11-23 12:00", false, "image esxi4");
    next_is(zones, SET(.boot = TEXT("image")), "2026-11-23 12:00", false, "image esxi4 (boot is image)");
    next_is(zones, SET(.boot = TEXT("local")), "2026-11-23 12:00", true, "the local disk (boot is local)");
    next_is(zones, SET(.boot = TEXT("once")), "2026-11-23 12:00", false,
            "image esxi4 (boot is once); then the local disk");
    next_is(zones, SET(.between = TEXT("19:00-06:00")), "2026-11-23 12:00", true,
            "the local disk until Mon 19:00 (outside 19:00-06:00); then image esxi4");
    next_is(zones, SET(.between = TEXT("19:00-06:00"), .days = TEXT("mon-fri")), "2026-11-23 22:00", false,
            "image esxi4 until Tue 06:00 (between 19:00-06:00 mon-fri); then the local disk");
    next_is(zones, SET(.boot = TEXT("local"), .between = TEXT("06:00-19:00")), "2026-11-23 22:00", false,
            "image esxi4 until Tue 06:00 (outside 06:00-19:00); then the local disk");
    next_is(zones, SET(.between = TEXT("19:00-06:00"), .days = TEXT("mon")), "2026-11-24 07:00", true,
            "the local disk until Mon 2026-11-30 19:00 (outside 19:00-06:00 mon); then image esxi4");
    next_is(zones, SET(.between = TEXT("00:00-24:00")), "2026-11-24 07:00", false,
            "image esxi4 (between 00:00-24:00)");
    if (zones_count(zones) > 100)
        next_is(zones, SET(.between = TEXT("19:00-06:00"), .time_zone = TEXT("Europe/Vienna")),
                "2026-11-24 04:59:59", false,
                "image esxi4 until Tue 06:00 (between 19:00-06:00, Europe/Vienna); then the local disk");
    struct fleet_settings lost = SET(.between = TEXT("19:00-06:00"), .time_zone = TEXT("Europe/Atlantis"));
    struct error err;
    bool local;
    assert_int_equal(policy_is_local(&lost, zones, 0, &local, &err), -1);
    assert_non_null(strstr(err.text, "tzdata"));
    zones_free(zones);
}

static void test_together(void **state)
{
    struct fleet_settings once = SET(.boot = TEXT("once"), .between = TEXT("19:00-06:00"));
    struct fleet_settings days = SET(.days = TEXT("mon"));
    struct fleet_settings zone = SET(.time_zone = TEXT("Europe/Vienna"));
    struct error err;
    assert_int_equal(policy_check(&once, &err), -1);
    assert_non_null(strstr(err.text, "once"));
    assert_int_equal(policy_check(&days, &err), -1);
    assert_non_null(strstr(err.text, "add between"));
    assert_int_equal(policy_check(&zone, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spans),  cmocka_unit_test(test_edges),    cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_policy), cmocka_unit_test(test_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
