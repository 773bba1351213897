#include "proc/channel.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

struct waiting {
    struct waiting *next;
    struct message message; /* body points behind the struct */
};

struct channel {
    int fd;
    sd_event_source *source;
    struct channel_handler handler;
    struct waiting *first, **last;
    size_t waiting_bytes, waiting_fds;
    _Alignas(16) uint8_t buffer[MESSAGE_SIZE_MAX];
};

static void waiting_drop(struct channel *channel)
{
    struct waiting *w = channel->first;
    channel->first = w->next;
    if (!channel->first)
        channel->last = &channel->first;
    channel->waiting_bytes -= sizeof *w + w->message.size;
    if (w->message.fd >= 0) {
        channel->waiting_fds--;
        close(w->message.fd);
    }
    free(w);
}

static void channel_flush(struct channel *channel)
{
    struct error err;
    while (channel->first) {
        if (message_send(channel->fd, &channel->first->message, &err) < 0 && err.code == EAGAIN)
            return;
        waiting_drop(channel); /* sent, or the peer is gone: reading will tell */
    }
    sd_event_source_set_io_events(channel->source, EPOLLIN);
}

static int channel_read(struct channel *channel, struct error *err)
{
    for (unsigned i = 0; i < CHANNEL_BATCH_MAX; i++) {
        struct message m;
        int n = message_receive(channel->fd, channel->buffer, &m, err);
        if (n < 0 && err->code == EAGAIN)
            return 1;
        if (n <= 0)
            return n;
        int result = message_check(&m, err);
        if (result == 0)
            result = channel->handler.message(channel->handler.ctx, channel, &m, err);
        if (m.fd >= 0)
            close(m.fd);
        if (result < 0)
            return -1;
    }
    return 1;
}

static int channel_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct channel *channel = userdata;
    struct error err;
    if (events & EPOLLOUT)
        channel_flush(channel);
    if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        return 0;
    if (channel->handler.batch)
        channel->handler.batch(channel->handler.ctx, channel, true);
    int n = channel_read(channel, &err);
    if (channel->handler.batch)
        channel->handler.batch(channel->handler.ctx, channel, false);
    if (n <= 0) {
        sd_event_source_set_enabled(channel->source, SD_EVENT_OFF);
        channel->handler.gone(channel->handler.ctx, channel, n < 0 ? &err : NULL);
    }
    return 0;
}

int channel_new(sd_event *loop, int fd, const struct channel_handler *handler, struct channel **out,
                struct error *err)
{
    struct channel *channel = calloc(1, sizeof *channel);
    if (!channel) {
        close(fd);
        return error_errno(err, ENOMEM, "channel");
    }
    channel->fd = fd;
    channel->handler = *handler;
    channel->last = &channel->first;
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        error_errno(err, errno, "channel");
        channel_free(channel);
        return -1;
    }
    int r = sd_event_add_io(loop, &channel->source, fd, EPOLLIN, channel_io, channel);
    if (r < 0) {
        channel_free(channel);
        return error_errno(err, -r, "channel");
    }
    *out = channel;
    return 0;
}

void channel_free(struct channel *channel)
{
    if (!channel)
        return;
    while (channel->first)
        waiting_drop(channel);
    sd_event_source_disable_unref(channel->source);
    close(channel->fd);
    free(channel);
}

static int channel_queue(struct channel *channel, const struct message *m, struct error *err)
{
    size_t bytes = sizeof(struct waiting) + m->size;
    if (channel->waiting_bytes + bytes > CHANNEL_QUEUE_MAX || channel->waiting_fds == CHANNEL_FDS_MAX)
        return error_set(err, "another bootherd process takes no messages: %zu bytes wait for it",
                         channel->waiting_bytes);
    struct waiting *w = malloc(bytes);
    if (!w)
        return error_errno(err, ENOMEM, "queue a message");
    *w = (struct waiting){.message = *m};
    w->message.body = w + 1;
    if (m->size)
        memcpy(w + 1, m->body, m->size);
    if (m->fd >= 0 && (w->message.fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3)) < 0) {
        free(w);
        return error_errno(err, errno, "queue a message");
    }
    *channel->last = w;
    channel->last = &w->next;
    channel->waiting_bytes += bytes;
    channel->waiting_fds += m->fd >= 0;
    sd_event_source_set_io_events(channel->source, EPOLLIN | EPOLLOUT);
    return 0;
}

size_t channel_waiting(const struct channel *channel)
{
    return channel->waiting_bytes;
}

int channel_send(struct channel *channel, const struct message *m, struct error *err)
{
    if (channel->first)
        return channel_queue(channel, m, err);
    if (message_send(channel->fd, m, err) == 0)
        return 0;
    return err->code == EAGAIN ? channel_queue(channel, m, err) : -1;
}
