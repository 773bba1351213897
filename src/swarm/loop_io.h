/* The loop that all machines of a herd share: sockets by epoll, timers, the time. One thread, no allocation.
 */
#pragma once

#include "base/error.h"
#include "swarm/timers.h"

/* Part of what owns a socket. */
struct swarm_source {
    void (*ready)(struct swarm_source *s, uint32_t events);
};

struct swarm_loop {
    int epoll_fd;
    bool stop;      /* set it: the loop ends */
    int64_t now_us; /* monotonic; of this wake */
    struct swarm_timers timers;
};

int swarm_loop_init(struct swarm_loop *loop, size_t timers_max, struct error *err);
void swarm_loop_fini(struct swarm_loop *loop);

/* Watches fd (EPOLLIN ...) until it is closed; source is borrowed. swarm_loop_change: other events. */
int swarm_loop_add(struct swarm_loop *loop, int fd, uint32_t events, struct swarm_source *source,
                   struct error *err);
void swarm_loop_change(struct swarm_loop *loop, int fd, uint32_t events, struct swarm_source *source);

int swarm_loop_run(struct swarm_loop *loop, struct error *err);
