/*
 * Progress of long work: a bar with bytes, rate and time left on a terminal, a plain line now and then
 * elsewhere. On standard error, so that results can be piped.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;   /* "import" */
    const char *things; /* what is counted, "machines"; NULL: bytes */
    bool terminal;
    int64_t started_ms, told_ms;
    bool open; /* a bar stands on the current line */
};

void progress_start(struct progress *p, const char *what);
void progress_start_counting(struct progress *p, const char *what, const char *things);
void progress_tell(struct progress *p, uint64_t done, uint64_t total); /* total 0: unknown */
void progress_clear(struct progress *p); /* before other lines are printed, and at the end */
