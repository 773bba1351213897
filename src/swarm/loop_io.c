#include "swarm/loop_io.h"

#include "base/clock.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

#define EVENTS_PER_WAKE 256
#define IDLE_MS         1000

int swarm_loop_init(struct swarm_loop *loop, size_t timers_max, struct error *err)
{
    *loop = (struct swarm_loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC), .now_us = clock_monotonic_us()};
    if (loop->epoll_fd < 0)
        return error_errno(err, errno, "epoll");
    if (!swarm_timers_init(&loop->timers, timers_max)) {
        swarm_loop_fini(loop);
        return error_errno(err, ENOMEM, "timers");
    }
    return 0;
}

void swarm_loop_fini(struct swarm_loop *loop)
{
    swarm_timers_fini(&loop->timers);
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    loop->epoll_fd = -1;
}

int swarm_loop_add(struct swarm_loop *loop, int fd, uint32_t events, struct swarm_source *source,
                   struct error *err)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        return error_errno(err, errno, "watch a socket");
    return 0;
}

void swarm_loop_change(struct swarm_loop *loop, int fd, uint32_t events, struct swarm_source *source)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, fd, &event); /* fails for a socket that is none: our bug */
}

int swarm_loop_run(struct swarm_loop *loop, struct error *err)
{
    struct epoll_event events[EVENTS_PER_WAKE];
    while (!loop->stop) {
        loop->now_us = clock_monotonic_us();
        int64_t wait_us = swarm_timers_run(&loop->timers, loop->now_us);
        if (loop->stop)
            break;
        int wait_ms = wait_us < 0 || wait_us > IDLE_MS * 1000 ? IDLE_MS : (int)((wait_us + 999) / 1000);
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_WAKE, wait_ms);
        if (count < 0 && errno != EINTR)
            return error_errno(err, errno, "wait for packets");
        loop->now_us = clock_monotonic_us();
        for (int i = 0; i < count; i++) {
            struct swarm_source *source = events[i].data.ptr;
            source->ready(source, events[i].events);
        }
    }
    return 0;
}
