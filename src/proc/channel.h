/*
 * A channel: one end of a SOCK_SEQPACKET pair in an event loop. Sending never waits: what the peer has no
 * room for is queued, in order, up to CHANNEL_QUEUE_MAX; a peer that falls further behind is as good as dead.
 *
 * A channel that gathers keeps small messages until the work in hand is done, and sends them as packs: one
 * datagram for hundreds. There leases and their answers go first, past all that waits: a machine waits for
 * them, and nobody for the story.
 */
#pragma once

#include "proc/message.h"

#include <systemd/sd-event.h>

#define CHANNEL_QUEUE_MAX (64u << 20) /* bytes waiting */
#define CHANNEL_FDS_MAX   8192        /* descriptors waiting: more than net asks overlays for at a time */
#define CHANNEL_READ_MAX  1024        /* messages, from where on others get their turn */
#define CHANNEL_BATCH_MAX (CHANNEL_READ_MAX + MESSAGE_PACK_MAX) /* the most between two calls of `batch` */

struct channel;

struct channel_handler {
    void *ctx;
    bool gathers; /* then `gone` is also called for a peer that takes no more */
    /* Takes m->fd by setting it to -1. A negative return closes the channel. */
    int (*message)(void *ctx, struct channel *channel, struct message *m, struct error *err);
    void (*batch)(void *ctx, struct channel *channel,
                  bool begins); /* around the messages of one wake-up; may be NULL */
    void (*gone)(void *ctx, struct channel *channel,
                 const struct error *why); /* why NULL: the peer closed it */
};

/* Takes fd. handler is copied; its ctx is borrowed. */
int channel_new(sd_event *loop, int fd, const struct channel_handler *handler, struct channel **out,
                struct error *err);
void channel_free(struct channel *channel); /* NULL is fine; allowed in `gone`, not in `message` */

/* Duplicates m->fd when it has to wait. An error means the channel is broken or its queue full. */
int channel_send(struct channel *channel, const struct message *m, struct error *err);

/* Sends what was gathered now. */
int channel_flush(struct channel *channel, struct error *err);

/* Bytes that the peer had no room for: what can be left out is left out in time. */
size_t channel_waiting(const struct channel *channel);
