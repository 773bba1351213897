#include "serve/tftp_transfer_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS_PER_WAKE  16   /* then the other transfers have their turn */
#define TIMER_ACCURACY_US 1000 /* timers this close may fire together */

/* These return false when the transfer has ended, and t may be gone. */
static bool transfer_step(struct tftp_transfer *t, const struct tftp_event *event, int64_t now_us);
static bool send_blocks(struct tftp_transfer *t, int64_t now_us);

void tftp_transfer_free(struct tftp_transfer *t)
{
    if (!t)
        return;
    sd_event_source_disable_unref(t->input);
    sd_event_source_disable_unref(t->timer);
    if (t->fd >= 0)
        close(t->fd);
    boot_file_unref(t->file);
    free(t->name);
    free(t);
}

static int64_t transfer_now(const struct tftp_transfer *t)
{
    uint64_t now_us = 0;
    sd_event_now(t->loop, CLOCK_MONOTONIC, &now_us);
    return (int64_t)now_us;
}

/* One block. 1: sent, or lost as a packet may be; 0: no room in the send buffer; -1: the file is broken. */
static int send_block(struct tftp_transfer *t, uint64_t block)
{
    const struct tftp_machine *m = &t->machine;
    uint8_t *packet = t->scratch->packet;
    size_t size = tftp_machine_block_size(m, block);
    tftp_put_data_header((uint16_t)block, packet);
    errno = ENODATA;
    if (boot_file_read(t->file, tftp_machine_offset(m, block), packet + TFTP_DATA_HEADER, size) !=
        (ssize_t)size)
        return -1;
    ssize_t n = send(t->fd, packet, TFTP_DATA_HEADER + size, MSG_DONTWAIT);
    return n >= 0 || errno != EAGAIN;
}

/* Sends what is due until the socket is full; then the rest when it has room. */
static bool send_blocks(struct tftp_transfer *t, int64_t now_us)
{
    while (t->send_next < t->send_end) {
        int sent = send_block(t, t->send_next);
        if (sent < 0) {
            char text[TFTP_ERROR_TEXT_MAX];
            snprintf(text, sizeof text, "cannot read the file at block %llu: %s",
                     (unsigned long long)t->send_next, strerror(errno));
            return transfer_step(t, &(struct tftp_event){.kind = TFTP_EVENT_BROKEN, .text = text}, now_us);
        }
        if (sent == 0) {
            sd_event_source_set_io_events(t->input, EPOLLIN | EPOLLOUT);
            return true;
        }
        t->send_next++;
    }
    sd_event_source_set_io_events(t->input, EPOLLIN);
    return true;
}

/* The timer is only ever moved when it would fire too late; when it fires too early it is set anew. So a
 * transfer that runs well costs no timer calls. */
static void set_timer(struct tftp_transfer *t)
{
    uint64_t due_us = (uint64_t)t->machine.deadline_us;
    if (t->timer_us <= due_us)
        return;
    t->timer_us = due_us;
    sd_event_source_set_time(t->timer, due_us);
    sd_event_source_set_enabled(t->timer, SD_EVENT_ONESHOT);
}

static void send_small(struct tftp_transfer *t, size_t size)
{
    /* As good as lost when it cannot leave: it is sent again by the timer. */
    (void)!send(t->fd, t->scratch->packet, size, MSG_DONTWAIT);
}

static bool transfer_step(struct tftp_transfer *t, const struct tftp_event *event, int64_t now_us)
{
    struct tftp_action action;
    tftp_machine_step(&t->machine, event, now_us, &action);
    switch (action.kind) {
    case TFTP_ACTION_NONE:
        break;
    case TFTP_ACTION_OACK:
        send_small(t, tftp_put_oack(&t->machine.granted, t->scratch->packet));
        break;
    case TFTP_ACTION_DATA:
        if (action.first != t->send_end)
            t->send_next = action.first;
        t->send_end = action.end;
        set_timer(t);
        return send_blocks(t, now_us);
    case TFTP_ACTION_END:
        if (action.tell_client)
            send_small(t, tftp_put_error(TFTP_ERROR_UNDEFINED, action.text, t->scratch->packet));
        t->ended(t->ctx, t, action.verdict, action.text);
        return false;
    }
    set_timer(t);
    return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct tftp_transfer *t = userdata;
    t->timer_us = UINT64_MAX;
    transfer_step(t, &(struct tftp_event){.kind = TFTP_EVENT_TIMER}, transfer_now(t));
    return 0;
}

static bool on_packet(struct tftp_transfer *t, struct slice packet, int64_t now_us)
{
    struct tftp_reply reply;
    if (!tftp_reply_parse(packet, &reply))
        return true;
    t->heard_us = now_us;
    bool error = reply.opcode == TFTP_ERROR;
    struct tftp_event event = {
        .kind = error ? TFTP_EVENT_ERROR : TFTP_EVENT_ACK, .number = reply.number, .text = reply.text};
    return transfer_step(t, &event, now_us);
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct tftp_transfer *t = userdata;
    int64_t now_us = transfer_now(t);
    uint8_t packet[TFTP_PACKET_MAX];
    for (int i = 0; i < PACKETS_PER_WAKE && revents & (EPOLLIN | EPOLLERR); i++) {
        ssize_t n = recv(t->fd, packet, sizeof packet, MSG_DONTWAIT);
        if (n < 0 && errno == ECONNREFUSED) {
            tftp_transfer_gone(t, "the client closed its port", now_us);
            return 0;
        }
        if (n < 0)
            break;
        if (!on_packet(t, (struct slice){packet, (size_t)n}, now_us))
            return 0;
    }
    if (revents & EPOLLOUT)
        send_blocks(t, now_us);
    return 0;
}

static int open_socket(struct tftp_transfer *t, struct error *err)
{
    t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (t->fd < 0)
        return error_errno(err, errno, "cannot open a socket");
    /* Boot ROMs do no path MTU discovery: let routers fragment rather than drop. */
    int dont = IP_PMTUDISC_DONT;
    setsockopt(t->fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof dont);
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr = t->local};
    if (bind(t->fd, (struct sockaddr *)&local, sizeof local) < 0)
        return error_errno(err, errno, "cannot bind to the address that was asked");
    if (connect(t->fd, (struct sockaddr *)&t->client, sizeof t->client) < 0)
        return error_errno(err, errno, "cannot reach the client");
    return 0;
}

int tftp_transfer_open(struct tftp_transfer *t, struct error *err)
{
    if (open_socket(t, err) < 0)
        return -1;
    int r = sd_event_add_io(t->loop, &t->input, t->fd, EPOLLIN, on_input, t);
    if (r >= 0)
        r = sd_event_add_time(t->loop, &t->timer, CLOCK_MONOTONIC, UINT64_MAX, TIMER_ACCURACY_US, on_timer,
                              t);
    if (r < 0)
        return error_errno(err, -r, "cannot watch a socket");
    t->timer_us = UINT64_MAX;
    tftp_machine_init(&t->machine, t->file->size, &t->asked);
    return 0;
}

void tftp_transfer_start(struct tftp_transfer *t, int64_t now_us)
{
    transfer_step(t, &(struct tftp_event){.kind = TFTP_EVENT_START}, now_us);
}

void tftp_transfer_gone(struct tftp_transfer *t, const char *how, int64_t now_us)
{
    transfer_step(t, &(struct tftp_event){.kind = TFTP_EVENT_GONE, .text = how}, now_us);
}
