/*
 * The deadlines of all transfers in one heap: the nearest is known at once, and setting one costs a few
 * comparisons. Pure; times are microseconds, monotonic.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Embedded in what it belongs to, which does not move while it is set. */
struct tftp_timer {
    int64_t due_us;
    size_t place; /* in the heap, from 1; 0: not set */
};

struct tftp_timers {
    struct tftp_timer **heap; /* owned; heap[0] is due first */
    size_t count;
    size_t room;
};

/* Room for `count` timers that are set at one time; false when memory runs out. */
bool tftp_timers_reserve(struct tftp_timers *timers, size_t count);
void tftp_timers_fini(struct tftp_timers *timers);

/* Sets a timer, or moves one that is set. There must be room. */
void tftp_timers_set(struct tftp_timers *timers, struct tftp_timer *timer, int64_t due_us);
void tftp_timers_unset(struct tftp_timers *timers,
                       struct tftp_timer *timer); /* one that is not set is fine */

/* The one that is due first; NULL when none is set. */
static inline struct tftp_timer *tftp_timers_first(const struct tftp_timers *timers)
{
    return timers->count ? timers->heap[0] : NULL;
}
