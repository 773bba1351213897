#include "swarm/timers.h"

#include <assert.h>
#include <stdlib.h>

bool swarm_timers_init(struct swarm_timers *all, size_t capacity)
{
    *all = (struct swarm_timers){.heap = calloc(capacity, sizeof *all->heap), .capacity = capacity};
    return all->heap != NULL;
}

void swarm_timers_fini(struct swarm_timers *all)
{
    free(all->heap);
    *all = (struct swarm_timers){0};
}

static void put(struct swarm_timers *all, size_t i, struct swarm_timer *t)
{
    all->heap[i] = t;
    t->place = i + 1;
}

static void rise(struct swarm_timers *all, size_t i, struct swarm_timer *t)
{
    while (i > 0 && all->heap[(i - 1) / 2]->key_us > t->key_us) {
        put(all, i, all->heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    put(all, i, t);
}

static void sink(struct swarm_timers *all, size_t i, struct swarm_timer *t)
{
    for (size_t child; (child = 2 * i + 1) < all->count; i = child) {
        if (child + 1 < all->count && all->heap[child + 1]->key_us < all->heap[child]->key_us)
            child++;
        if (all->heap[child]->key_us >= t->key_us)
            break;
        put(all, i, all->heap[child]);
    }
    put(all, i, t);
}

void swarm_timer_set(struct swarm_timers *all, struct swarm_timer *t, int64_t due_us)
{
    t->due_us = due_us;
    if (t->place && due_us >= t->key_us)
        return;
    t->key_us = due_us;
    if (!t->place) {
        assert(all->count < all->capacity);
        t->place = ++all->count;
    }
    rise(all, t->place - 1, t);
}

void swarm_timer_stop(struct swarm_timers *all, struct swarm_timer *t)
{
    if (!t->place)
        return;
    size_t i = t->place - 1;
    t->place = 0;
    struct swarm_timer *last = all->heap[--all->count];
    if (last == t)
        return;
    if (i > 0 && all->heap[(i - 1) / 2]->key_us > last->key_us)
        rise(all, i, last);
    else
        sink(all, i, last);
}

int64_t swarm_timers_run(struct swarm_timers *all, int64_t now_us)
{
    while (all->count && all->heap[0]->key_us <= now_us) {
        struct swarm_timer *t = all->heap[0];
        if (t->due_us > t->key_us) { /* it was moved meanwhile */
            t->key_us = t->due_us;
            sink(all, 0, t);
            continue;
        }
        swarm_timer_stop(all, t);
        t->fire(t, now_us);
    }
    return all->count ? all->heap[0]->key_us - now_us : -1;
}
