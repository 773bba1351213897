#include "swarm/outbox_io.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct swarm_letter {
    struct swarm_letter *next;
    int64_t due_us;
    int fd;
    bool close; /* instead of sending */
    bool addressed;
    struct sockaddr_in to;
    size_t size;
    uint8_t data[];
};

static bool send_now(int fd, const struct sockaddr_in *to, const void *data, size_t size)
{
    return sendto(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)to,
                  to ? sizeof *to : 0) == (ssize_t)size;
}

static void deliver(const struct swarm_letter *l)
{
    if (l->close)
        close(l->fd);
    else
        (void)send_now(l->fd, l->addressed ? &l->to : NULL, l->data, l->size);
}

static void fire(struct swarm_timer *t, int64_t now_us)
{
    struct swarm_outbox *box = (struct swarm_outbox *)((char *)t - offsetof(struct swarm_outbox, timer));
    while (box->first && box->first->due_us <= now_us) {
        struct swarm_letter *l = box->first;
        box->first = l->next;
        deliver(l);
        free(l);
    }
    if (box->first)
        swarm_timer_set(&box->loop->timers, t, box->first->due_us);
}

void swarm_outbox_init(struct swarm_outbox *box, struct swarm_loop *loop, uint32_t delay_us)
{
    *box = (struct swarm_outbox){.loop = loop, .delay_us = delay_us, .timer.fire = fire};
}

void swarm_outbox_fini(struct swarm_outbox *box)
{
    for (struct swarm_letter *l = box->first, *next; l; l = next) {
        next = l->next;
        if (l->close)
            close(l->fd);
        free(l);
    }
    box->first = NULL;
}

static struct swarm_letter *put(struct swarm_outbox *box, int fd, size_t size)
{
    struct swarm_letter *l = calloc(1, sizeof *l + size);
    if (!l)
        return NULL;
    l->fd = fd;
    l->size = size;
    l->due_us = box->loop->now_us + box->delay_us;
    if (box->first)
        box->last->next = l;
    else
        box->first = l;
    box->last = l;
    swarm_timer_set(&box->loop->timers, &box->timer, box->first->due_us);
    return l;
}

bool swarm_outbox_send(struct swarm_outbox *box, int fd, const struct sockaddr_in *to, const void *data,
                       size_t size)
{
    if (!box->delay_us)
        return send_now(fd, to, data, size);
    struct swarm_letter *l = put(box, fd, size);
    if (!l)
        return false;
    memcpy(l->data, data, size);
    l->addressed = to != NULL;
    if (to)
        l->to = *to;
    return true;
}

void swarm_outbox_close(struct swarm_outbox *box, int fd)
{
    struct swarm_letter *l = box->delay_us && box->first ? put(box, fd, 0) : NULL;
    if (l) {
        l->close = true;
        (void)epoll_ctl(box->loop->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
    } else {
        close(fd);
    }
}
