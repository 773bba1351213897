/*
 * The story of one boot: its events -> the steps it took, how far it came and, when it stopped, the likely
 * cause in words. Pure: `now_ms` is given, nothing is read.
 */
#pragma once

#include "base/error.h"
#include "serve/boot_event.h"

#include <stdbool.h>
#include <stddef.h>

#define STORY_CAUSE_MAX 1024
#define STORY_LABEL_MAX 32
#define STORY_TEXT_MAX  768

/* Times are 0 to STORY_TIME_MAX: sums of a few do not overflow. */
#define STORY_TIME_MAX (INT64_MAX / 16)

/* An event of one boot; repeats of it (same kind, file and text) are counted, not listed. Orders count all
 * events of the boot from 1: clocks may jump. event.at_ms, bytes and duration are the last time's. */
struct story_event {
    struct boot_event event;
    int64_t first_ms;
    uint32_t times;
    uint32_t first_order, last_order;
};

/* How far it came. The words of story_stage_word are stable, for JSON. */
enum story_stage {
    STORY_NOTHING,
    STORY_DISCOVER,
    STORY_OFFER,
    STORY_ACK,
    STORY_LOADER,
    STORY_CONFIG,
    STORY_FILES,
    STORY_DONE, /* every file of the plan was fetched */
    STORY_BOOTED,
    STORY_RESTORING, /* its agent mounts datastores and starts virtual machines */
    STORY_RESTORED,
    STORY_OWN_DISK, /* it got what starts its own disk */
};

enum story_outcome {
    STORY_RUNNING,
    STORY_FINISHED,  /* booted */
    STORY_ELSEWHERE, /* a system runs that was not booted from here */
    STORY_TO_DISK,   /* sent to its own disk, as it should be; cause says why */
    STORY_STOPPED,   /* cause says why, as far as one can tell from here */
};

struct story_step {
    const struct story_event *event; /* borrowed; NULL: the "all files" step */
    int64_t at_ms;                   /* the first time */
    bool fault;
};

struct story {
    enum story_stage stage;
    enum story_outcome outcome;
    int64_t started_ms, last_ms;
    int64_t files_ms;                   /* from the first kernel or module asked for to the last one had */
    uint32_t files_done;                /* kernel, modules, overlay */
    uint32_t files_expected;            /* 0: not known */
    uint64_t bytes;                     /* of those files */
    const struct story_event *at_file;  /* the file being fetched, or fetched last; NULL: none. Borrowed */
    const struct story_event *restored; /* what the agent said last when it had tried all; borrowed */
    const struct story_event *restore_failed; /* the first step of it that failed; borrowed */
    char cause[STORY_CAUSE_MAX];              /* of a stop; of a finished boot: what failed in the restore */
    size_t step_count;
    struct story_step *steps; /* owned, in the order things happened */
};

/* events in order of first_order; borrowed for as long as the story is used. */
int story_tell(const struct story_event *events, size_t count, int64_t now_ms, struct story *out,
               struct error *err);
void story_fini(struct story *story);

/* Names that loaders try and may miss on their way: no fault. */
bool story_is_normal_miss(const char *file);
/* Whether a DISCOVER came from firmware or a boot loader, and not from a system that runs (serve's texts of
 * those begin with "booted system"). */
bool story_is_network_boot(const struct boot_event *discover);

/* Words for one event: "module 3/8", and "sys.vgz  41.2 MB in 3.1 s (13.3 MB/s)". */
const char *story_label(const struct boot_event *event, uint32_t files_expected,
                        char out[static STORY_LABEL_MAX]);
const char *story_detail(const struct boot_event *event, char out[static STORY_TEXT_MAX]);
/* Words for a whole story: "module 3/8", "all files", "booted"; and the "all files" step's detail. */
const char *story_reached(const struct story *story, char out[static STORY_LABEL_MAX]);
const char *story_files_detail(const struct story *story, char out[static STORY_TEXT_MAX]);

/* Stable words, for JSON and the database. */
const char *story_stage_word(enum story_stage stage);
const char *story_outcome_word(enum story_outcome outcome);
const char *story_kind_word(enum boot_event_kind kind);
const char *story_role_word(enum boot_file_role role);
bool story_parse_kind(const char *word, enum boot_event_kind *out);
bool story_parse_role(const char *word, enum boot_file_role *out);
