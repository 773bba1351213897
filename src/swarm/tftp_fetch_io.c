#include "swarm/tftp_fetch_io.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define INTAKE_PACKETS 16
#define INTAKE_SIZE    65536 /* what one call of UDP_GRO hands over at most */
#define PAUSE_GRACE_US 10000 /* to look what has come meanwhile, before silence is told */
#define CONTROL_SIZE   CMSG_SPACE(sizeof(int))

struct tftp_intake {
    struct mmsghdr message[INTAKE_PACKETS];
    struct iovec iov[INTAKE_PACKETS];
    struct sockaddr_in from[INTAKE_PACKETS];
    union {
        struct cmsghdr align;
        uint8_t bytes[CONTROL_SIZE];
    } control[INTAKE_PACKETS];
    uint8_t data[INTAKE_PACKETS][INTAKE_SIZE];
};

struct tftp_intake *tftp_intake_new(void)
{
    return calloc(1, sizeof(struct tftp_intake));
}

void tftp_intake_free(struct tftp_intake *intake)
{
    free(intake);
}

static void intake_prepare(struct tftp_intake *in)
{
    for (size_t i = 0; i < INTAKE_PACKETS; i++) {
        in->iov[i] = (struct iovec){in->data[i], INTAKE_SIZE};
        in->message[i].msg_hdr = (struct msghdr){.msg_name = &in->from[i],
                                                 .msg_namelen = sizeof in->from[i],
                                                 .msg_iov = &in->iov[i],
                                                 .msg_iovlen = 1,
                                                 .msg_control = in->control[i].bytes,
                                                 .msg_controllen = CONTROL_SIZE};
    }
}

/* How long each packet of a received train is; all but the last have the same size. */
static size_t segment_size(struct mmsghdr *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m->msg_hdr); c; c = CMSG_NXTHDR(&m->msg_hdr, c))
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            int size;
            memcpy(&size, CMSG_DATA(c), sizeof size);
            return size > 0 ? (size_t)size : m->msg_len;
        }
    return m->msg_len;
}

void tftp_fetch_stop(struct tftp_fetch *f)
{
    if (f->fd < 0)
        return;
    swarm_timer_stop(&f->loop->timers, &f->timer);
    swarm_outbox_close(f->outbox, f->fd);
    f->fd = -1;
}

static void finish(struct tftp_fetch *f)
{
    tftp_fetch_stop(f);
    f->ended(f);
}

/* What a real network would lose is lost here. A send that fails is a packet lost, too: the timer mends it.
 */
static void send_packet(struct tftp_fetch *f, const uint8_t *packet, size_t size)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(f->port), .sin_addr.s_addr = htonl(f->server)};
    if (!swarm_link_loses(f->link))
        (void)swarm_outbox_send(f->outbox, f->fd, f->connected ? NULL : &to, packet, size);
}

static void act(struct tftp_fetch *f, const struct tftp_client_action *action)
{
    uint8_t packet[TFTP_PACKET_MAX];
    size_t size = 0;
    if (action->data.size && f->data && !f->data(f, action->offset, action->data))
        f->wrong = true;
    switch (action->say) {
    case TFTP_SAY_NOTHING:
        return;
    case TFTP_SAY_REQUEST:
        size = tftp_client_request(&f->client, f->name, packet);
        break;
    case TFTP_SAY_ACK:
        tftp_put_data_header(action->number, packet);
        packet[1] = TFTP_ACK;
        size = TFTP_DATA_HEADER;
        break;
    case TFTP_SAY_ERROR:
        size = tftp_put_error(action->code, action->text, packet);
        break;
    }
    send_packet(f, packet, size);
}

static bool running(const struct tftp_fetch *f)
{
    return f->client.verdict == TFTP_CLIENT_RUNNING && !f->wrong;
}

static void take_train(struct tftp_fetch *f, const uint8_t *data, size_t size, size_t segment)
{
    struct tftp_client_action action;
    for (size_t at = 0; at < size && running(f); at += segment) {
        if (swarm_link_loses(f->link))
            continue;
        struct slice packet = {data + at, size - at < segment ? size - at : segment};
        tftp_client_packet(&f->client, packet, f->loop->now_us, &action);
        act(f, &action);
    }
}

/* The first answer says which port the transfer goes on with (RFC 1350, section 4); all else is a stranger's.
 */
static bool is_from_server(struct tftp_fetch *f, struct sockaddr_in *from)
{
    if (f->connected)
        return true;
    if (from->sin_addr.s_addr != htonl(f->server))
        return false;
    f->connected = connect(f->fd, (const struct sockaddr *)from, sizeof *from) == 0;
    return f->connected;
}

/* While a machine takes in what came, more of it waits in the socket, or is lost there, as in a network card.
 */
static void pace(struct tftp_fetch *f, uint64_t bytes)
{
    f->busy_us = swarm_link_busy(f->link, f->busy_us, f->loop->now_us, bytes);
    f->paused = f->busy_us > f->loop->now_us;
    if (f->paused)
        swarm_loop_change(f->loop, f->fd, 0, &f->source);
    swarm_timer_set(&f->loop->timers, &f->timer, f->paused ? f->busy_us : f->client.deadline_us);
}

static void go_on(struct tftp_fetch *f)
{
    f->paused = false;
    swarm_loop_change(f->loop, f->fd, EPOLLIN, &f->source);
    if (f->client.deadline_us < f->loop->now_us + PAUSE_GRACE_US)
        f->client.deadline_us = f->loop->now_us + PAUSE_GRACE_US;
    swarm_timer_set(&f->loop->timers, &f->timer, f->client.deadline_us);
}

static void ready(struct swarm_source *s, uint32_t events)
{
    struct tftp_fetch *f = (struct tftp_fetch *)((char *)s - offsetof(struct tftp_fetch, source));
    struct tftp_intake *in = f->intake;
    uint64_t bytes = 0;
    intake_prepare(in);
    int count = recvmmsg(f->fd, in->message, INTAKE_PACKETS, MSG_DONTWAIT, NULL);
    for (int i = 0; i < count && running(f); i++) {
        if (!in->message[i].msg_len || !is_from_server(f, &in->from[i]))
            continue;
        take_train(f, in->data[i], in->message[i].msg_len, segment_size(&in->message[i]));
        bytes += in->message[i].msg_len;
    }
    if (!running(f))
        finish(f);
    else
        pace(f, bytes);
}

static void fire(struct swarm_timer *t, int64_t now_us)
{
    struct tftp_fetch *f = (struct tftp_fetch *)((char *)t - offsetof(struct tftp_fetch, timer));
    struct tftp_client_action action;
    if (f->paused) {
        go_on(f);
        return;
    }
    tftp_client_timer(&f->client, now_us, &action);
    act(f, &action);
    if (!running(f))
        finish(f);
    else
        swarm_timer_set(&f->loop->timers, &f->timer, f->client.deadline_us);
}

static int open_socket(const struct tftp_fetch *f, struct error *err)
{
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(f->local)};
    int on = 1;
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, errno, "a socket for TFTP");
    (void)setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on); /* without it: a packet a time */
    if (bind(fd, (const struct sockaddr *)&local, sizeof local) < 0)
        return error_errno(err, errno, "a port for TFTP");
    return TAKE_FD(fd);
}

int tftp_fetch_start(struct tftp_fetch *f, const struct tftp_manner *manner, bool probe, struct error *err)
{
    uint8_t packet[TFTP_PACKET_MAX];
    f->source.ready = ready;
    f->timer = (struct swarm_timer){.fire = fire};
    f->connected = f->wrong = f->paused = false;
    f->busy_us = 0;
    tftp_client_init(&f->client, manner, probe, f->loop->now_us);
    size_t size = tftp_client_request(&f->client, f->name, packet);
    if (size == 0)
        return error_set(err, "%.40s...: the name is too long for a TFTP request", f->name);
    f->fd = open_socket(f, err);
    if (f->fd < 0)
        return -1;
    if (swarm_loop_add(f->loop, f->fd, EPOLLIN, &f->source, err) < 0) {
        tftp_fetch_stop(f);
        return -1;
    }
    swarm_timer_set(&f->loop->timers, &f->timer, f->client.deadline_us);
    send_packet(f, packet, size);
    return 0;
}
