/*
 * Many timers, one of which is due next: a heap. A timer is part of what it belongs to. Moving one to a later
 * time costs nothing until its old time comes, for deadlines that are moved with every packet.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct swarm_timer {
    int64_t due_us;
    int64_t key_us; /* its place in the heap; not above due_us */
    size_t place;   /* index + 1; 0: not set */
    void (*fire)(struct swarm_timer *t, int64_t now_us);
};

struct swarm_timers {
    struct swarm_timer **heap; /* owned array of borrowed timers */
    size_t count, capacity;
};

/* Room for so many timers. False when memory runs out. */
bool swarm_timers_init(struct swarm_timers *all, size_t capacity);
void swarm_timers_fini(struct swarm_timers *all);

void swarm_timer_set(struct swarm_timers *all, struct swarm_timer *t, int64_t due_us);
void swarm_timer_stop(struct swarm_timers *all, struct swarm_timer *t); /* one that is not set is fine */

/* Fires those that are due. Returns how long until the next one, -1 when there is none. */
int64_t swarm_timers_run(struct swarm_timers *all, int64_t now_us);
