#include "swarm/report.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* 2^5 cells an octave; times below 2^6 have a cell each. */
#define CELL_BITS  5
#define EXACT_SIZE (2 * REPORT_CELLS_PER_OCTAVE)

_Static_assert(1 << CELL_BITS == REPORT_CELLS_PER_OCTAVE, "cells of an octave");

/* --- times --- */

static size_t cell_of(uint64_t us)
{
    if (us < EXACT_SIZE)
        return (size_t)us;
    unsigned octave = 63 - (unsigned)__builtin_clzll(us);
    if (octave >= REPORT_OCTAVES)
        return REPORT_CELLS - 1;
    return ((size_t)(octave - CELL_BITS) << CELL_BITS) + (size_t)(us >> (octave - CELL_BITS));
}

/* The longest time that is counted there. */
static uint64_t cell_end(size_t cell)
{
    if (cell < EXACT_SIZE)
        return cell;
    unsigned shift = (unsigned)(cell >> CELL_BITS) - 1;
    uint64_t first = ((uint64_t)cell - ((uint64_t)shift << CELL_BITS)) << shift;
    return first + ((uint64_t)1 << shift) - 1;
}

void report_time(struct report *r, enum report_step step, int64_t us)
{
    struct report_times *t = &r->step[step];
    uint64_t value = us < 0 ? 0 : (uint64_t)us;
    t->count++;
    t->sum_us += value;
    t->max_us = value > t->max_us ? value : t->max_us;
    t->cell[cell_of(value)]++;
}

/* By nearest rank: the smallest time that at least `percent` of them do not exceed. */
uint64_t report_percentile_us(const struct report_times *t, double percent)
{
    double exact = (double)t->count * percent / 100;
    uint64_t want = (uint64_t)exact, seen = 0;
    if (t->count == 0)
        return 0;
    want += (double)want < exact || want == 0;
    for (size_t i = 0; i < REPORT_CELLS - 1; i++)
        if ((seen += t->cell[i]) >= want)
            return cell_end(i) < t->max_us ? cell_end(i) : t->max_us;
    return t->max_us;
}

/* --- machines --- */

void report_init(struct report *r, uint64_t machines, int64_t began_us)
{
    *r = (struct report){.machines = machines, .began_us = began_us, .ended_us = began_us};
}

static void finish(struct report *r, int64_t now_us)
{
    r->ended_us = now_us > r->ended_us ? now_us : r->ended_us;
}

void report_booted(struct report *r, unsigned tries, int64_t now_us)
{
    unsigned at = tries ? tries - 1 : 0;
    r->booted++;
    r->booted_at_try[at < REPORT_TRIES_MAX ? at : REPORT_TRIES_MAX - 1]++;
    finish(r, now_us);
}

static void count_cause(struct report *r, const char *cause)
{
    char text[REPORT_CAUSE_MAX];
    text_printable(cause, strlen(cause), text, sizeof text);
    size_t i = 0;
    while (i < r->cause_count && strcmp(r->cause[i].text, text) != 0)
        i++;
    if (i == REPORT_CAUSES_MAX) {
        r->other_causes++;
        return;
    }
    if (i == r->cause_count) {
        memcpy(r->cause[i].text, text, sizeof text);
        r->cause_count++;
    }
    r->cause[i].count++;
}

void report_failed(struct report *r, const char *cause, int64_t now_us)
{
    r->failed++;
    finish(r, now_us);
    count_cause(r, cause);
}

void report_begun_anew(struct report *r, const char *cause)
{
    r->begun_anew++;
    count_cause(r, cause);
}

static double seconds(const struct report *r)
{
    return (double)(r->ended_us - r->began_us) / 1e6;
}

double report_machines_per_minute(const struct report *r)
{
    return r->ended_us > r->began_us ? (double)r->booted * 60 / seconds(r) : 0;
}

/* Causes, the most frequent first. */
static void sort_causes(const struct report *r, size_t order[static REPORT_CAUSES_MAX])
{
    for (size_t i = 0; i < r->cause_count; i++) {
        size_t at = i;
        for (; at && r->cause[order[at - 1]].count < r->cause[i].count; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* --- out --- */

static const struct {
    const char *key;   /* of JSON: stable */
    const char *label; /* for people */
} steps[REPORT_STEPS] = {
    [REPORT_OFFER] = {"offer", "DHCP OFFER"},        [REPORT_ACK] = {"ack", "DHCP ACK"},
    [REPORT_LOADER] = {"loader", "boot loader"},     [REPORT_CONFIG] = {"config", "configuration"},
    [REPORT_FILE] = {"file", "each kernel, module"}, [REPORT_FILES] = {"files", "all of these"},
    [REPORT_BOOT] = {"boot", "whole boot"},
};

static const struct {
    const char *key, *label;
} doors[REPORT_DOORS] = {[REPORT_TFTP] = {"tftp", "TFTP"}, [REPORT_HTTP] = {"http", "HTTP"}};

static const char *time_text(uint64_t us, char out[static TEXT_DURATION_MAX])
{
    if (us >= 10000)
        return text_duration_ms((int64_t)(us / 1000), out);
    snprintf(out, TEXT_DURATION_MAX, "%.1f ms", (double)us / 1000);
    return out;
}

static void put_steps(const struct report *r, struct buf *out)
{
    char p50[TEXT_DURATION_MAX], p99[TEXT_DURATION_MAX], max[TEXT_DURATION_MAX];
    buf_format(out, "%-20s %9s %12s %12s %12s\n", "step", "count", "p50", "p99", "max");
    for (size_t i = 0; i < REPORT_STEPS; i++) {
        const struct report_times *t = &r->step[i];
        if (t->count)
            buf_format(out, "%-20s %9llu %12s %12s %12s\n", steps[i].label, (unsigned long long)t->count,
                       time_text(report_percentile_us(t, 50), p50),
                       time_text(report_percentile_us(t, 99), p99), time_text(t->max_us, max));
    }
}

static void put_tries(const struct report *r, struct buf *out)
{
    for (unsigned i = 1; i < REPORT_TRIES_MAX; i++)
        if (r->booted_at_try[i])
            buf_format(out, "  at try %u%s: %llu\n", i + 1, i + 1 == REPORT_TRIES_MAX ? " or later" : "",
                       (unsigned long long)r->booted_at_try[i]);
}

static void put_causes(const struct report *r, struct buf *out)
{
    size_t order[REPORT_CAUSES_MAX];
    sort_causes(r, order);
    for (size_t i = 0; i < r->cause_count; i++)
        buf_format(out, "  %llu: %s\n", (unsigned long long)r->cause[order[i]].count,
                   r->cause[order[i]].text);
    if (r->other_causes)
        buf_format(out, "  %llu: other causes\n", (unsigned long long)r->other_causes);
}

static void put_bytes(const struct report *r, struct buf *out)
{
    char size[TEXT_SIZE_MAX], rate[TEXT_SIZE_MAX];
    for (size_t i = 0; i < REPORT_DOORS; i++)
        if (r->bytes[i]) {
            double per_second = seconds(r) > 0 ? (double)r->bytes[i] / seconds(r) : 0;
            buf_format(out, "%s: %s, %s a second\n", doors[i].label, text_size(r->bytes[i], size),
                       text_size((uint64_t)per_second, rate));
        }
}

void report_text(const struct report *r, struct buf *out)
{
    char time[TEXT_DURATION_MAX];
    buf_format(out, "%llu of %llu machines booted in %s: %.0f a minute; %llu at the first try\n",
               (unsigned long long)r->booted, (unsigned long long)r->machines,
               time_text((uint64_t)(r->ended_us - r->began_us), time), report_machines_per_minute(r),
               (unsigned long long)r->booted_at_try[0]);
    put_tries(r, out);
    if (r->begun_anew)
        buf_format(out, "%llu failed, %llu boots were begun anew:\n", (unsigned long long)r->failed,
                   (unsigned long long)r->begun_anew);
    else if (r->failed)
        buf_format(out, "%llu failed:\n", (unsigned long long)r->failed);
    put_causes(r, out);
    put_steps(r, out);
    put_bytes(r, out);
    buf_format(out, "asked again: DHCP %llu, TFTP %llu; TFTP blocks that came twice: %llu\n",
               (unsigned long long)r->dhcp_retries, (unsigned long long)r->tftp_timeouts,
               (unsigned long long)r->tftp_retransmissions);
}

static json_t *json_steps(const struct report *r)
{
    json_t *out = json_object();
    for (size_t i = 0; i < REPORT_STEPS; i++) {
        const struct report_times *t = &r->step[i];
        double mean = t->count ? (double)t->sum_us / (double)t->count : 0;
        json_object_set_new(out, steps[i].key,
                            json_pack("{s:I, s:I, s:I, s:I, s:f}", "count", (json_int_t)t->count, "p50_us",
                                      (json_int_t)report_percentile_us(t, 50), "p99_us",
                                      (json_int_t)report_percentile_us(t, 99), "max_us",
                                      (json_int_t)t->max_us, "mean_us", mean));
    }
    return out;
}

static json_t *json_causes(const struct report *r)
{
    json_t *out = json_array();
    size_t order[REPORT_CAUSES_MAX];
    sort_causes(r, order);
    for (size_t i = 0; i < r->cause_count; i++)
        json_array_append_new(out, json_pack("{s:s, s:I}", "cause", r->cause[order[i]].text, "count",
                                             (json_int_t)r->cause[order[i]].count));
    if (r->other_causes)
        json_array_append_new(
            out, json_pack("{s:s, s:I}", "cause", "other causes", "count", (json_int_t)r->other_causes));
    return out;
}

static json_t *json_numbers(size_t count, const uint64_t number[])
{
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(out, json_integer((json_int_t)number[i]));
    return out;
}

static json_t *json_bytes(const struct report *r)
{
    json_t *out = json_object();
    for (size_t i = 0; i < REPORT_DOORS; i++)
        json_object_set_new(out, doors[i].key, json_integer((json_int_t)r->bytes[i]));
    return out;
}

int report_json(const struct report *r, struct buf *out)
{
    json_t *root = json_pack(
        "{s:I, s:I, s:I, s:I, s:f, s:f, s:o, s:o, s:o, s:I, s:I, s:I, s:o}", "machines",
        (json_int_t)r->machines, "booted", (json_int_t)r->booted, "failed", (json_int_t)r->failed,
        "begun_anew", (json_int_t)r->begun_anew, "seconds", seconds(r), "machines_per_minute",
        report_machines_per_minute(r), "booted_at_try", json_numbers(REPORT_TRIES_MAX, r->booted_at_try),
        "failures", json_causes(r), "bytes", json_bytes(r), "dhcp_retries", (json_int_t)r->dhcp_retries,
        "tftp_timeouts", (json_int_t)r->tftp_timeouts, "tftp_retransmissions",
        (json_int_t)r->tftp_retransmissions, "steps", json_steps(r));
    char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(9)) : NULL;
    if (text)
        buf_format(out, "%s\n", text);
    free(text);
    json_decref(root);
    return text && !out->failed ? 0 : -1;
}
