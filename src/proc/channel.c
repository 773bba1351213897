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

/* What goes out, in the order of sending. */
struct lane {
    struct waiting *first, **last;
    struct message_pack pack; /* gathered; younger than all that waits */
};

enum {
    LANE_URGENT,
    LANE_PLAIN,
    LANES
};

struct channel {
    int fd;
    sd_event_source *source;
    sd_event_source *flush; /* NULL: it does not gather */
    struct channel_handler handler;
    size_t waiting_bytes, waiting_fds;
    struct lane lanes[LANES];
    _Alignas(16) uint8_t buffer[MESSAGE_SIZE_MAX];
};

static void waiting_drop(struct channel *channel, struct lane *lane)
{
    struct waiting *w = lane->first;
    lane->first = w->next;
    if (!lane->first)
        lane->last = &lane->first;
    channel->waiting_bytes -= sizeof *w + w->message.size;
    if (w->message.fd >= 0) {
        channel->waiting_fds--;
        close(w->message.fd);
    }
    free(w);
}

/* The peer has room again. */
static void channel_catch_up(struct channel *channel)
{
    struct error err;
    for (size_t i = 0; i < LANES; i++) {
        struct lane *lane = &channel->lanes[i];
        while (lane->first) {
            if (message_send(channel->fd, &lane->first->message, &err) < 0 && err.code == EAGAIN)
                return;
            waiting_drop(channel, lane); /* sent, or the peer is gone: reading will tell */
        }
    }
    sd_event_source_set_io_events(channel->source, EPOLLIN);
}

/* --- in --- */

/* Counts what it hands over. */
static int channel_deliver(struct channel *channel, struct message *m, size_t *count, struct error *err)
{
    struct message part;
    size_t at = 0;
    int result = 0;
    if (m->type != MESSAGE_PACK) {
        ++*count;
        result = message_check(m, err);
        return result < 0 ? result : channel->handler.message(channel->handler.ctx, channel, m, err);
    }
    while (result >= 0 && (result = message_pack_next(m, &at, &part, err)) > 0) {
        ++*count;
        result = channel->handler.message(channel->handler.ctx, channel, &part, err);
    }
    return result;
}

static int channel_read(struct channel *channel, struct error *err)
{
    for (size_t count = 0; count < CHANNEL_READ_MAX;) {
        struct message m;
        int n = message_receive(channel->fd, channel->buffer, &m, err);
        if (n < 0 && err->code == EAGAIN)
            return 1;
        if (n <= 0)
            return n;
        int result = channel_deliver(channel, &m, &count, err);
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
        channel_catch_up(channel);
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

/* --- out --- */

static int channel_queue(struct channel *channel, struct lane *lane, const struct message *m,
                         struct error *err)
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
    *lane->last = w;
    lane->last = &w->next;
    channel->waiting_bytes += bytes;
    channel->waiting_fds += m->fd >= 0;
    sd_event_source_set_io_events(channel->source, EPOLLIN | EPOLLOUT);
    return 0;
}

static int datagram_send(struct channel *channel, struct lane *lane, const struct message *m,
                         struct error *err)
{
    if (channel->waiting_bytes)
        return channel_queue(channel, lane, m, err);
    if (message_send(channel->fd, m, err) == 0)
        return 0;
    return err->code == EAGAIN ? channel_queue(channel, lane, m, err) : -1;
}

static int lane_flush(struct channel *channel, struct lane *lane, struct error *err)
{
    if (lane->pack.count == 0)
        return 0;
    struct message all = message_pack_all(&lane->pack);
    int result = datagram_send(channel, lane, &all, err);
    lane->pack.size = lane->pack.count = 0;
    return result;
}

int channel_flush(struct channel *channel, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < LANES && result == 0; i++)
        result = lane_flush(channel, &channel->lanes[i], err);
    return result;
}

/* A peer that takes no more is told to the owner as one that is gone; of one that is gone reading will tell,
 * and better: it did not end because of us. */
static int on_flush(sd_event_source *source, void *userdata)
{
    struct channel *channel = userdata;
    struct error err;
    if (channel_flush(channel, &err) < 0 && err.code != EPIPE)
        channel->handler.gone(channel->handler.ctx, channel, &err);
    return 0;
}

static int message_gather(struct channel *channel, struct lane *lane, const struct message *m,
                          struct error *err)
{
    if (message_pack_add(&lane->pack, m))
        return sd_event_source_set_enabled(channel->flush, SD_EVENT_ONESHOT) < 0
                   ? error_set(err, "cannot send what was gathered")
                   : 0;
    if (lane_flush(channel, lane, err) < 0)
        return -1;
    return message_pack_add(&lane->pack, m) ? 0 : datagram_send(channel, lane, m, err);
}

static struct lane *lane_of(struct channel *channel, enum message_type type)
{
    bool urgent = channel->flush && (type == MESSAGE_LEASE || type == MESSAGE_COMMITTED);
    return &channel->lanes[urgent ? LANE_URGENT : LANE_PLAIN];
}

int channel_send(struct channel *channel, const struct message *m, struct error *err)
{
    struct lane *lane = lane_of(channel, m->type);
    if (channel->flush && m->fd < 0)
        return message_gather(channel, lane, m, err);
    return lane_flush(channel, lane, err) < 0 ? -1 : datagram_send(channel, lane, m, err);
}

size_t channel_waiting(const struct channel *channel)
{
    return channel->waiting_bytes;
}

/* --- life --- */

static int channel_watch(sd_event *loop, struct channel *channel, struct error *err)
{
    int flags = fcntl(channel->fd, F_GETFL);
    if (flags < 0 || fcntl(channel->fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return error_errno(err, errno, "channel");
    int r = sd_event_add_io(loop, &channel->source, channel->fd, EPOLLIN, channel_io, channel);
    if (r >= 0 && channel->handler.gathers) {
        r = sd_event_add_defer(loop, &channel->flush, on_flush, channel);
        if (r >= 0) /* as soon as the source that is being served returns */
            r = sd_event_source_set_priority(channel->flush, SD_EVENT_PRIORITY_IMPORTANT);
        if (r >= 0)
            r = sd_event_source_set_enabled(channel->flush, SD_EVENT_OFF);
    }
    return r < 0 ? error_errno(err, -r, "channel") : 0;
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
    for (size_t i = 0; i < LANES; i++)
        channel->lanes[i].last = &channel->lanes[i].first;
    if (channel_watch(loop, channel, err) < 0) {
        channel_free(channel);
        return -1;
    }
    *out = channel;
    return 0;
}

void channel_free(struct channel *channel)
{
    if (!channel)
        return;
    for (size_t i = 0; i < LANES; i++)
        while (channel->lanes[i].first)
            waiting_drop(channel, &channel->lanes[i]);
    sd_event_source_disable_unref(channel->source);
    sd_event_source_disable_unref(channel->flush);
    close(channel->fd);
    free(channel);
}
