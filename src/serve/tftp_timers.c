#include "serve/tftp_timers.h"

#include <assert.h>
#include <stdlib.h>

#define ROOM_FIRST 64

bool tftp_timers_reserve(struct tftp_timers *timers, size_t count)
{
    if (count <= timers->room)
        return true;
    size_t room = timers->room ? timers->room : ROOM_FIRST;
    while (room < count)
        room *= 2;
    struct tftp_timer **heap = reallocarray(timers->heap, room, sizeof(struct tftp_timer *));
    if (!heap)
        return false;
    timers->heap = heap;
    timers->room = room;
    return true;
}

void tftp_timers_fini(struct tftp_timers *timers)
{
    free(timers->heap);
    *timers = (struct tftp_timers){0};
}

static void put(struct tftp_timers *timers, size_t at, struct tftp_timer *timer)
{
    timers->heap[at] = timer;
    timer->place = at + 1;
}

/* Both move the hole at `at` to where the timer belongs, and put it there. */
static void sift_up(struct tftp_timers *timers, size_t at, struct tftp_timer *timer)
{
    while (at > 0 && timers->heap[(at - 1) / 2]->due_us > timer->due_us) {
        put(timers, at, timers->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    put(timers, at, timer);
}

static void sift_down(struct tftp_timers *timers, size_t at, struct tftp_timer *timer)
{
    for (size_t child; (child = 2 * at + 1) < timers->count; at = child) {
        if (child + 1 < timers->count && timers->heap[child + 1]->due_us < timers->heap[child]->due_us)
            child++;
        if (timers->heap[child]->due_us >= timer->due_us)
            break;
        put(timers, at, timers->heap[child]);
    }
    put(timers, at, timer);
}

static void settle(struct tftp_timers *timers, size_t at, struct tftp_timer *timer)
{
    if (at > 0 && timers->heap[(at - 1) / 2]->due_us > timer->due_us)
        sift_up(timers, at, timer);
    else
        sift_down(timers, at, timer);
}

void tftp_timers_set(struct tftp_timers *timers, struct tftp_timer *timer, int64_t due_us)
{
    timer->due_us = due_us;
    if (timer->place) {
        settle(timers, timer->place - 1, timer);
        return;
    }
    assert(timers->count < timers->room);
    sift_up(timers, timers->count++, timer);
}

void tftp_timers_unset(struct tftp_timers *timers, struct tftp_timer *timer)
{
    if (!timer->place)
        return;
    size_t at = timer->place - 1;
    timer->place = 0;
    struct tftp_timer *last = timers->heap[--timers->count];
    if (last != timer)
        settle(timers, at, last);
}
