#include "serve/tftp_port_io.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define PACKETS_PER_WAKE 64 /* then running timers and requests have their turn */
#define WAKES_AT_ONCE    64
#define PACKET_MAX       160  /* an ACK has 4 bytes, an ERROR's text is cut at TFTP_ERROR_TEXT_MAX */
#define PAUSE_US         1000 /* a queue below us was full and says nothing when it no longer is */

struct tftp_port {
    int fd; /* owned */
    struct tftp_batch *batch;
    struct tftp_port_owner owner;
    sd_event_source *input;
    sd_event_source *pause;
    bool full;   /* nothing leaves until the socket or the pause says so */
    int refused; /* errno of the last send, 0 when it went well */
    struct tftp_sender *first, *last;
    struct mmsghdr message[PACKETS_PER_WAKE];
    struct iovec part[PACKETS_PER_WAKE];
    struct sockaddr_in from[PACKETS_PER_WAKE];
    uint8_t packet[PACKETS_PER_WAKE][PACKET_MAX];
};

/* --- the queue --- */

void tftp_port_queue(struct tftp_port *port, struct tftp_sender *s)
{
    if (s->queued)
        return;
    s->queued = true;
    s->next = NULL;
    s->before = port->last;
    *(port->last ? &port->last->next : &port->first) = s;
    port->last = s;
}

void tftp_port_unqueue(struct tftp_port *port, struct tftp_sender *s)
{
    if (!s->queued)
        return;
    s->queued = false;
    *(s->before ? &s->before->next : &port->first) = s->next;
    *(s->next ? &s->next->before : &port->last) = s->before;
}

/* The first in the queue has sent one message. */
static void first_sent(struct tftp_port *port, size_t number)
{
    struct tftp_sender *s = port->first;
    tftp_batch_settle(port->batch, number, s);
    tftp_port_unqueue(port, s);
    if (tftp_sender_done(s))
        port->owner.left(port->owner.ctx, s);
    else
        tftp_port_queue(port, s);
}

/* One message of each, from the first on. False: the first one's file could not be read, and nothing is in
 * the batch. */
static bool fill_batch(struct tftp_port *port)
{
    tftp_batch_clear(port->batch);
    for (struct tftp_sender *s = port->first; s; s = s->next) {
        enum tftp_batch_answer answer = tftp_batch_add(port->batch, s);
        if (answer == TFTP_BATCH_UNREADABLE && s == port->first) {
            int code = errno;
            tftp_port_unqueue(port, s);
            port->owner.unreadable(port->owner.ctx, s, code);
            return false;
        }
        if (answer != TFTP_BATCH_TAKEN)
            break;
    }
    return true;
}

static void wait_writable(struct tftp_port *port)
{
    port->full = true;
    sd_event_source_set_io_events(port->input, EPOLLIN | EPOLLOUT);
}

static void wait_a_moment(struct tftp_port *port)
{
    port->full = true;
    sd_event_source_set_time_relative(port->pause, PAUSE_US);
    sd_event_source_set_enabled(port->pause, SD_EVENT_ONESHOT);
}

/*
 * The first in the queue could not send message `number`, the first that did not leave. An error may be
 * another client's, which the kernel tells once by whatever call comes next: only the second in a row is its
 * own, and as good as a loss on the way.
 */
static void not_sent(struct tftp_port *port, size_t number, int code)
{
    bool again = code == port->refused;
    port->refused = code;
    if (code == EAGAIN)
        wait_writable(port);
    else if (code == ENOBUFS || code == ENOMEM)
        wait_a_moment(port);
    else if (tftp_batch_segmented(port->batch, number) &&
             (code == EINVAL || code == EMSGSIZE || code == EIO)) /* the device's packets are smaller, or it
                                                                     makes no checksums */
        port->first->one_by_one = true;
    else if (again)
        first_sent(port, number);
}

static void send_batch(struct tftp_port *port)
{
    size_t sent = 0, count = tftp_batch_count(port->batch);
    while (sent < count) {
        int n = tftp_batch_send(port->batch, port->fd, sent);
        if (n < 0) {
            not_sent(port, sent, errno);
            return;
        }
        port->refused = 0;
        for (int i = 0; i < n; i++)
            first_sent(port, sent++);
    }
}

void tftp_port_flush(struct tftp_port *port)
{
    while (port->first && !port->full)
        if (fill_batch(port))
            send_batch(port);
}

void tftp_port_send(struct tftp_port *port, const struct tftp_sender *s, const void *packet, size_t size)
{
    tftp_send_packet(port->fd, &s->client, s->local, packet, size);
}

/* --- the socket --- */

/* ICMP errors, each with the address that the packet was sent to. */
static void receive_errors(struct tftp_port *port)
{
    for (int i = 0; i < PACKETS_PER_WAKE; i++) {
        union {
            struct cmsghdr header;
            uint8_t bytes[256];
        } control;
        struct sockaddr_in client;
        struct msghdr message = {.msg_name = &client,
                                 .msg_namelen = sizeof client,
                                 .msg_control = &control,
                                 .msg_controllen = sizeof control};
        if (recvmsg(port->fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
            break;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
            struct sock_extended_err e;
            if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR)
                continue;
            memcpy(&e, CMSG_DATA(c), sizeof e);
            if (e.ee_origin == SO_EE_ORIGIN_ICMP && e.ee_type == ICMP_DEST_UNREACH &&
                e.ee_code == ICMP_PORT_UNREACH)
                port->owner.closed(port->owner.ctx, port, &client);
        }
    }
}

/* False when there are no more. */
static bool receive_packets(struct tftp_port *port)
{
    for (size_t i = 0; i < PACKETS_PER_WAKE; i++) {
        port->part[i] = (struct iovec){port->packet[i], PACKET_MAX};
        port->message[i].msg_hdr = (struct msghdr){.msg_name = &port->from[i],
                                                   .msg_namelen = sizeof port->from[i],
                                                   .msg_iov = &port->part[i],
                                                   .msg_iovlen = 1};
    }
    int n = recvmmsg(port->fd, port->message, PACKETS_PER_WAKE, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        if (port->from[i].sin_family == AF_INET)
            port->owner.packet(port->owner.ctx, port, &port->from[i],
                               (struct slice){port->packet[i], port->message[i].msg_len});
    return n == PACKETS_PER_WAKE;
}

void tftp_port_receive(struct tftp_port *port)
{
    for (int i = 0; i < WAKES_AT_ONCE && receive_packets(port); i++)
        ;
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct tftp_port *port = userdata;
    if (revents & EPOLLERR)
        receive_errors(port);
    if (revents & (EPOLLIN | EPOLLERR))
        receive_packets(port);
    if (revents & EPOLLOUT) {
        port->full = false;
        sd_event_source_set_io_events(port->input, EPOLLIN);
    }
    port->owner.received(port->owner.ctx);
    return 0;
}

static int on_pause(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct tftp_port *port = userdata;
    port->full = false;
    tftp_port_flush(port);
    return 0;
}

static void set_options(int fd)
{
    int on = 1;
    /* Boot ROMs do no path MTU discovery: let routers fragment rather than drop. */
    int dont = IP_PMTUDISC_DONT;
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &dont, sizeof dont);
    /* Tells of clients that went away, and of packets that this host itself dropped (ENOBUFS). */
    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof on);
}

int tftp_port_new(sd_event *loop, int fd, struct tftp_batch *batch, const struct tftp_port_owner *owner,
                  struct tftp_port **out, struct error *err)
{
    struct tftp_port *port = calloc(1, sizeof *port);
    if (!port) {
        close(fd);
        return error_errno(err, ENOMEM, "TFTP");
    }
    port->fd = fd;
    port->batch = batch;
    port->owner = *owner;
    set_options(fd);
    int r = sd_event_add_io(loop, &port->input, fd, EPOLLIN, on_input, port);
    if (r >= 0)
        r = sd_event_add_time(loop, &port->pause, CLOCK_MONOTONIC, UINT64_MAX, 1, on_pause, port);
    if (r < 0) {
        tftp_port_free(port);
        return error_errno(err, -r, "cannot watch a socket");
    }
    *out = port;
    return 0;
}

void tftp_port_free(struct tftp_port *port)
{
    if (!port)
        return;
    sd_event_source_disable_unref(port->input);
    sd_event_source_disable_unref(port->pause);
    close(port->fd);
    free(port);
}
