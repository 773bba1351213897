#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "swarm/report.h"

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Against the values themselves, sorted: nearest rank, never below, at most 1/32 above. */
static void percentiles(void **state)
{
    enum {
        COUNT = 5000
    };
    static uint64_t value[COUNT];
    static struct report r;
    uint64_t seed = 42;
    report_init(&r, 1, 0);
    for (size_t i = 0; i < COUNT; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        value[i] = (seed >> 33) >> (seed % 31);
        report_time(&r, REPORT_FILE, (int64_t)value[i]);
    }
    qsort(value, COUNT, sizeof value[0], compare);
    const double percents[] = {0, 0.02, 1, 10, 50, 90, 99, 99.9, 100};
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        size_t rank = (size_t)(COUNT * percents[i] / 100);
        uint64_t want = value[rank ? rank - 1 : 0],
                 got = report_percentile_us(&r.step[REPORT_FILE], percents[i]);
        if (got < want || got > want + want / REPORT_CELLS_PER_OCTAVE)
            fail_msg("p%g: %llu, in truth %llu", percents[i], (unsigned long long)got,
                     (unsigned long long)want);
    }
    assert_int_equal(r.step[REPORT_FILE].max_us, value[COUNT - 1]);
}

static void exact_below_64(void **state)
{
    static struct report r;
    report_init(&r, 1, 0);
    assert_int_equal(report_percentile_us(&r.step[REPORT_ACK], 50), 0);
    for (int i = 1; i <= 63; i++)
        report_time(&r, REPORT_ACK, i);
    assert_int_equal(report_percentile_us(&r.step[REPORT_ACK], 50), 32); /* 31.5 of 63: the 32nd */
    assert_int_equal(report_percentile_us(&r.step[REPORT_ACK], 100), 63);
}

static void extremes(void **state)
{
    static struct report r;
    report_init(&r, 1, 0);
    report_time(&r, REPORT_BOOT, -5);
    report_time(&r, REPORT_BOOT, INT64_MAX);
    report_time(&r, REPORT_BOOT, (INT64_C(1) << 38) - 1);
    report_time(&r, REPORT_BOOT, INT64_C(1) << 38);
    assert_int_equal(r.step[REPORT_BOOT].max_us, INT64_MAX);
    assert_int_equal(report_percentile_us(&r.step[REPORT_BOOT], 1), 0);
    assert_int_equal(report_percentile_us(&r.step[REPORT_BOOT], 99), INT64_MAX);
    assert_true(sizeof r < 80 * 1024);
}

static void fill(struct report *r)
{
    report_init(r, 4, 1000000);
    report_time(r, REPORT_BOOT, 30000000);
    report_booted(r, 1, 31000000);
    report_booted(r, 3, 11000000);
    report_booted(r, 99, 12000000);
    report_failed(r, "no OFFER", 5000000);
    report_failed(r, "TFTP: timeout", 5000000);
    report_failed(r, "TFTP: timeout", 5000000);
    r->bytes[REPORT_TFTP] = 300000000;
    r->tftp_timeouts = 7;
}

static void text(void **state)
{
    static struct report r;
    cleanup_buf struct buf out = BUF_INIT;
    fill(&r);
    report_text(&r, &out);
    const char *got = buf_text(&out), *all = strstr(got, "2: TFTP: timeout");
    /* 3 machines in 30 s */
    assert_ptr_equal(strstr(got, "3 of 4 machines booted in 30.0 s: 6 a minute; 1 at the first try\n"), got);
    assert_non_null(strstr(got, "at try 3: 1\n"));
    assert_non_null(strstr(got, "at try 8 or later: 1\n"));
    assert_non_null(strstr(got, "3 failed:\n"));
    assert_true(all && all < strstr(got, "1: no OFFER")); /* the most frequent first */
    assert_non_null(strstr(got, "TFTP: 300.0 MB, 10.0 MB a second\n"));
    assert_null(strstr(got, "HTTP:"));
}

static void boots_begun_anew(void **state)
{
    static struct report r;
    cleanup_buf struct buf out = BUF_INIT;
    report_init(&r, 2, 0);
    report_begun_anew(&r, "no OFFER");
    report_begun_anew(&r, "no OFFER");
    report_booted(&r, 2, 1);
    report_failed(&r, "no OFFER", 2);
    report_text(&r, &out);
    assert_non_null(strstr(buf_text(&out), "1 failed, 2 boots were begun anew:\n  3: no OFFER\n"));
    assert_int_equal(r.booted + r.failed, r.machines);
}

static void json(void **state)
{
    static struct report r;
    cleanup_buf struct buf out = BUF_INIT;
    json_error_t error;
    json_int_t booted, third, p99, count;
    double rate;
    const char *cause;
    fill(&r);
    assert_int_equal(report_json(&r, &out), 0);
    json_t *root = json_loads(buf_text(&out), 0, &error);
    assert_non_null(root);
    assert_int_equal(json_unpack(root, "{s:I, s:F, s:[i,i,I], s:[{s:s, s:I}], s:{s:{s:I}}}", "booted",
                                 &booted, "machines_per_minute", &rate, "booted_at_try", &(int){0}, &(int){0},
                                 &third, "failures", "cause", &cause, "count", &count, "steps", "boot",
                                 "p99_us", &p99),
                     0);
    assert_int_equal(booted, 3);
    assert_int_equal(third, 1);
    assert_true(rate > 5.99 && rate < 6.01);
    assert_string_equal(cause, "TFTP: timeout");
    assert_int_equal(count, 2);
    assert_int_equal(p99, 30000000);
    json_decref(root);
}

static void many_causes(void **state)
{
    static struct report r;
    cleanup_buf struct buf out = BUF_INIT;
    report_init(&r, 100, 0);
    for (int i = 0; i < REPORT_CAUSES_MAX + 10; i++) {
        char cause[300];
        snprintf(cause, sizeof cause, "cause %d \x1b[31m %0200d", i, 0);
        report_failed(&r, cause, i);
        report_failed(&r, cause, i);
    }
    assert_int_equal(r.cause_count, REPORT_CAUSES_MAX);
    assert_int_equal(r.cause[0].count, 2);
    assert_int_equal(r.other_causes, 20);
    assert_int_equal(r.failed, 2 * (REPORT_CAUSES_MAX + 10));
    report_text(&r, &out);
    assert_non_null(strstr(buf_text(&out), "20: other causes"));
    assert_null(strchr(buf_text(&out), '\x1b'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(percentiles), cmocka_unit_test(exact_below_64),   cmocka_unit_test(extremes),
        cmocka_unit_test(text),        cmocka_unit_test(boots_begun_anew), cmocka_unit_test(json),
        cmocka_unit_test(many_causes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
