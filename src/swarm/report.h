/*
 * What a herd of machines went through, as numbers: how long each step took, bytes, tries, failures by cause.
 * Pure: the times come from the caller. Memory does not grow with machines or files: some 80 KB.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* Times are counted in cells, 32 to each power of two: a p50 or p99 is at most 1/32 (3.2 %) above the true
 * one, and exact below 64 us. Count, sum and max are exact. */
#define REPORT_CELLS_PER_OCTAVE 32
#define REPORT_OCTAVES          38 /* 2^37 us are 38 hours; longer counts as that */
#define REPORT_CELLS            (REPORT_CELLS_PER_OCTAVE * (REPORT_OCTAVES - 4))

#define REPORT_TRIES_MAX  8  /* the eighth stands for all further ones */
#define REPORT_CAUSES_MAX 32 /* what comes beyond is counted as "other causes" */
#define REPORT_CAUSE_MAX  120

enum report_step {
    REPORT_OFFER,  /* first DISCOVER to OFFER */
    REPORT_ACK,    /* REQUEST to ACK */
    REPORT_LOADER, /* the boot file and what it fetches beside itself */
    REPORT_CONFIG, /* one configuration */
    REPORT_FILE,   /* one kernel or module */
    REPORT_FILES,  /* all of them */
    REPORT_BOOT,   /* first DISCOVER to the last byte of the last file */
    REPORT_STEPS,
};

enum report_door {
    REPORT_TFTP,
    REPORT_HTTP,
    REPORT_DOORS,
};

struct report_times {
    uint64_t count, sum_us, max_us;
    uint64_t cell[REPORT_CELLS];
};

struct report {
    uint64_t machines; /* that took part */
    uint64_t booted;
    uint64_t failed;
    uint64_t begun_anew;                      /* boots that failed, of machines that had another try */
    uint64_t booted_at_try[REPORT_TRIES_MAX]; /* [0]: at the first */
    uint64_t bytes[REPORT_DOORS];
    uint64_t dhcp_retries;         /* DISCOVERs and REQUESTs sent again */
    uint64_t tftp_timeouts;        /* a client waited in vain and asked again */
    uint64_t tftp_retransmissions; /* blocks that came more than once */
    int64_t began_us, ended_us;    /* the first machine's start, the last boot or failure; on one clock */
    struct report_times step[REPORT_STEPS];
    size_t cause_count;
    struct {
        uint64_t count;
        char text[REPORT_CAUSE_MAX];
    } cause[REPORT_CAUSES_MAX];
    uint64_t other_causes;
};

void report_init(struct report *report, uint64_t machines, int64_t began_us);
void report_time(struct report *report, enum report_step step, int64_t us); /* negative counts as 0 */
void report_booted(struct report *report, unsigned tries, int64_t now_us);  /* tries: 1 for the first */
/* A machine gave up. Alike texts are counted together, so the text must name no machine and no number that
 * varies. */
void report_failed(struct report *report, const char *cause, int64_t now_us);
/* A boot failed, and the machine begins anew. Its cause is counted among the others. */
void report_begun_anew(struct report *report, const char *cause);

/* At most how long it took for `percent` of those counted; 0 where there were none. */
uint64_t report_percentile_us(const struct report_times *times, double percent);
double report_machines_per_minute(const struct report *report);

void report_text(const struct report *report, struct buf *out); /* for people; lines with newlines */
int report_json(const struct report *report,
                struct buf *out); /* one object and a newline; negative: out of memory */
