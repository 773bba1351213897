/* Expectations: RFC 9636 and RFC 5545 by hand; glibc's localtime_r for all zones of this host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/tzif.h"
#include "base/zones.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <fcntl.h>

#define VIENNA "CET-1CEST,M3.5.0,M10.5.0/3"
#define SYDNEY "AEST-10AEDT,M10.1.0,M4.1.0/3"
#define HOUR   3600

static struct zone zone_of(const char *rule)
{
    struct zone zone = {0};
    struct error err;
    if (zone_rule_parse(rule, &zone.rule, &err) < 0)
        fail_msg("%s: %s", rule, err.text);
    return zone;
}

/* "2026-03-29 02:30" as seconds, whatever zone it is of. */
static int64_t at(const char *text)
{
    int year, month, day, hour, minute;
    assert_int_equal(sscanf(text, "%d-%d-%d %d:%d", &year, &month, &day, &hour, &minute), 5);
    return zone_midnight(year, month, day) + hour * HOUR + minute * 60;
}

static void test_dates(void **state)
{
    static const int64_t times[] = {0, -1, 951782400, 1774746000, -2208988800, 253402300799, 4102444800};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        time_t t = (time_t)times[i];
        struct tm tm;
        gmtime_r(&t, &tm);
        struct zone_date d = zone_date(times[i]);
        assert_int_equal(d.year, tm.tm_year + 1900);
        assert_int_equal(d.month, tm.tm_mon + 1);
        assert_int_equal(d.day, tm.tm_mday);
        assert_int_equal(d.weekday, (tm.tm_wday + 6) % 7);
        assert_int_equal(d.hour, tm.tm_hour);
        assert_int_equal(d.minute, tm.tm_min);
        assert_int_equal(d.second, tm.tm_sec);
        assert_int_equal(zone_midnight(d.year, d.month, d.day),
                         times[i] - d.hour * HOUR - d.minute * 60 - d.second);
    }
}

static void test_rules(void **state)
{
    static const struct {
        const char *rule, *utc;
        int32_t offset_s;
    } cases[] = {
        {"UTC0", "2026-07-01 00:00", 0},
        {"<+0530>-5:30", "2026-07-01 00:00", 5 * HOUR + 1800},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08 06:59", -5 * HOUR},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08 07:00", -4 * HOUR},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-11-01 05:59", -4 * HOUR},
        {"EST5EDT,M3.2.0,M11.1.0", "2026-11-01 06:00", -5 * HOUR},
        {SYDNEY, "2026-01-01 00:00", 11 * HOUR},
        {SYDNEY, "2026-04-04 16:00", 10 * HOUR},
        {SYDNEY, "2026-12-31 23:59", 11 * HOUR},
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-07-01 00:00", HOUR}, /* Dublin: winter is the exception */
        {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-12-31 23:30", 0},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29 00:59", -2 * HOUR},
        {"<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "2026-03-29 01:00", -HOUR},
        {"XXX3EDT4,0/0,J365/23", "2026-12-31 23:59", -4 * HOUR}, /* section 3.3.2: summer all year */
        {"XXX3EDT4,0/0,J365/23", "2028-02-29 12:00", -4 * HOUR},
        {"AAA0BBB,J60/0,J61/0", "2028-03-01 00:00", HOUR}, /* J60 is 1 March in leap years, too */
        {"AAA0BBB,J60/0,J61/0", "2028-02-29 23:59", 0},
        {"AAA0BBB,59/0,60/0", "2028-02-29 00:00", HOUR}, /* 59 is 29 February in a leap year */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zone zone = zone_of(cases[i].rule);
        if (zone_offset(&zone, at(cases[i].utc)) != cases[i].offset_s)
            fail_msg("%s at %s: %d, expected %d", cases[i].rule, cases[i].utc,
                     (int)zone_offset(&zone, at(cases[i].utc)), (int)cases[i].offset_s);
    }
}

static void test_no_rules(void **state)
{
    static const char *const texts[] = {"",
                                        "CET",
                                        "CET-25",
                                        "CE-1",
                                        "<+01-1",
                                        "CET-1CEST",
                                        "CET-1CEST,M3.5.0",
                                        "CET-1CEST,M13.5.0,M10.5.0",
                                        "CET-1CEST,M3.6.0,M10.5.0",
                                        "CET-1CEST,M3.5.7,M10.5.0",
                                        "CET-1CEST,J0,J365",
                                        "CET-1CEST,366,1",
                                        "CET-1CEST,M3.5.0/168,M10.5.0",
                                        "CET-1CEST,M3.5.0,M10.5.0/3 ",
                                        "Europe/Vienna",
                                        "CET-1:60",
                                        "CET-00001"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct zone_rule rule;
        struct error err;
        if (zone_rule_parse(texts[i], &rule, &err) == 0)
            fail_msg("\"%s\" was taken", texts[i]);
        assert_non_null(strstr(err.text, "byte "));
    }
}

/* RFC 5545, section 3.3.5. */
static void test_local(void **state)
{
    static const struct {
        const char *rule, *local, *utc;
    } cases[] = {
        {VIENNA, "2026-03-29 01:59", "2026-03-29 00:59"}, {VIENNA, "2026-03-29 02:30", "2026-03-29 01:30"},
        {VIENNA, "2026-03-29 03:00", "2026-03-29 01:00"}, {VIENNA, "2026-10-25 01:59", "2026-10-24 23:59"},
        {VIENNA, "2026-10-25 02:30", "2026-10-25 00:30"}, {VIENNA, "2026-10-25 03:00", "2026-10-25 02:00"},
        {SYDNEY, "2026-04-05 02:30", "2026-04-04 15:30"}, {SYDNEY, "2026-10-04 02:30", "2026-10-03 16:30"},
        {"UTC0", "2026-10-04 02:30", "2026-10-04 02:30"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct zone zone = zone_of(cases[i].rule);
        if (zone_utc(&zone, at(cases[i].local)) != at(cases[i].utc))
            fail_msg("%s: %s is not %s", cases[i].rule, cases[i].local, cases[i].utc);
    }
}

/* glibc reads the same files by another's code. */
static void test_host(void **state)
{
    static const char *const names[] = {
        "UTC",          "Europe/Vienna",     "Europe/Dublin",      "Europe/London",        "Europe/Moscow",
        "Asia/Kolkata", "Asia/Kathmandu",    "Asia/Gaza",          "Asia/Tehran",          "Asia/Tokyo",
        "America/Nuuk", "America/New_York",  "America/St_Johns",   "America/Sao_Paulo",    "America/Santiago",
        "Africa/Cairo", "Africa/Casablanca", "Africa/El_Aaiun",    "Australia/Lord_Howe",  "Australia/Sydney",
        "Pacific/Apia", "Pacific/Chatham",   "Pacific/Kiritimati", "Pacific/Easter",       "Antarctica/Troll",
        "Pacific/Niue", "America/Asuncion",  "Asia/Beirut",        "America/Indiana/Knox", "Etc/GMT+12",
    };
    int64_t now = at("2026-11-23 00:00");
    struct zones *zones = zones_read(now);
    if (zones_count(zones) < 100) {
        zones_free(zones);
        skip(); /* no tzdata here */
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const struct zone *zone = zones_find(zones, names[i]);
        assert_non_null(zone);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t t = now; t < at("2045-01-01 00:00"); t += 6 * HOUR + 7) {
            time_t seconds = (time_t)t;
            struct tm tm;
            localtime_r(&seconds, &tm);
            if (zone_offset(zone, t) != tm.tm_gmtoff)
                fail_msg("%s at %lld: %d, and glibc says %ld", names[i], (long long)t,
                         (int)zone_offset(zone, t), tm.tm_gmtoff);
        }
    }
    unsetenv("TZ");
    zones_free(zones);
}

static void test_names(void **state)
{
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    struct zones *zones = zones_read(at("2026-11-23 00:00"));
    assert_int_equal(zone_offset(zones_find(zones, NULL), at("2027-07-01 00:00")), 2 * HOUR);
    assert_string_equal(zones_own_name(zones), "");
    assert_non_null(zones_find(zones, "UTC"));
    assert_null(zones_find(zones, "Europe/Atlantis"));
    assert_null(zones_find(zones, "../../../etc/passwd"));
    assert_null(zones_find(zones, "posix/Europe/Vienna"));
    assert_null(zones_find(zones, ""));
    if (zones_count(zones) > 100) {
        assert_string_equal(zones_nearest(zones, "Europe/Wienna"), "Europe/Vienna");
        assert_string_equal(zones_nearest(zones, "vienna"), "Europe/Vienna");
        assert_null(zones_nearest(zones, "no such place at all"));
    }
    zones_free(zones);
    setenv("TZ", "nonsense", 1);
    zones = zones_read(0);
    assert_int_equal(zone_offset(zones_find(zones, NULL), 0), 0);
    zones_free(zones);
    unsetenv("TZ");
}

/* Files that are damaged give an error at any length. */
static void test_damaged(void **state)
{
    cleanup_buf struct buf bytes = BUF_INIT;
    struct tzif file;
    struct error err;
    if (file_read_at(AT_FDCWD, "/usr/share/zoneinfo/Africa/Casablanca", 1 << 20, &bytes, &err) < 0)
        skip();
    assert_int_equal(tzif_parse(buf_slice(&bytes), 0, &file, &err), 0);
    assert_true(file.change_count > 100);
    for (size_t size = 0; size < bytes.size; size++) {
        struct slice cut = {bytes.data, size};
        assert_int_equal(tzif_parse(cut, 0, &file, &err), -1);
    }
    bytes.data[4] = 0; /* the first version */
    assert_int_equal(tzif_parse(buf_slice(&bytes), 0, &file, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dates),   cmocka_unit_test(test_rules), cmocka_unit_test(test_no_rules),
        cmocka_unit_test(test_local),   cmocka_unit_test(test_host),  cmocka_unit_test(test_names),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
