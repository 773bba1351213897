#include "swarm/http_fetch_io.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define REQUEST_MAX    (SCRIPT_PATH_MAX + 256)
#define READS_PER_WAKE 4 /* then others have their turn */
#define PACED_READ     65536u

void http_fetch_stop(struct http_fetch *f)
{
    swarm_timer_stop(&f->loop->timers, &f->timer);
    if (f->fd >= 0)
        swarm_outbox_close(f->outbox, f->fd);
    f->fd = -1;
    f->busy = f->paused = false;
}

static void finish(struct http_fetch *f, const char *text)
{
    snprintf(f->text, sizeof f->text, "%.100s", text);
    if (*text || f->wrong || f->close || !f->reply.keep_alive)
        http_fetch_stop(f);
    f->busy = false;
    f->ended(f);
}

static void move_deadline(struct http_fetch *f)
{
    swarm_timer_set(&f->loop->timers, &f->timer, f->loop->now_us + HTTP_FETCH_SILENCE_US);
}

/* So short that a fresh connection always takes it whole. */
static bool send_request(struct http_fetch *f)
{
    char request[REQUEST_MAX], ip[IP4_TEXT_SIZE];
    int size = snprintf(request, sizeof request,
                        "%s %s HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: %s\r\nConnection: %s\r\n\r\n",
                        f->head ? "HEAD" : "GET", f->place->path, ip4_format(f->server.ip, ip),
                        f->server.port, f->user_agent, f->close ? "close" : "keep-alive");
    http_reply_init(&f->reply, f->head);
    move_deadline(f);
    return size < (int)sizeof request && swarm_outbox_send(f->outbox, f->fd, NULL, request, (size_t)size);
}

static int connect_to(struct http_fetch *f, struct error *err)
{
    const struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(f->local)};
    const struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(f->server.port), .sin_addr.s_addr = htonl(f->server.ip)};
    int on = 1;
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (f->fd < 0)
        return error_errno(err, errno, "a socket for HTTP");
    /* The port is chosen by connect(): so one address has room for connections to many servers. */
    (void)setsockopt(f->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    (void)setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(f->fd, (const struct sockaddr *)&local, sizeof local) < 0)
        return error_errno(err, errno, "an address for HTTP");
    if (connect(f->fd, (const struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        return error_errno(err, errno, "connect by HTTP");
    f->connecting = true;
    f->reused = false;
    move_deadline(f);
    return swarm_loop_add(f->loop, f->fd, EPOLLOUT, &f->source, err);
}

static void fail(struct http_fetch *f, const char *text)
{
    struct error err;
    if (f->reused && f->reply.state == HTTP_REPLY_STATUS) { /* the server had closed it meanwhile */
        http_fetch_stop(f);
        f->busy = true;
        if (connect_to(f, &err) == 0)
            return;
        text = err.text;
    }
    finish(f, text);
}

static void connected(struct http_fetch *f)
{
    int code = 0;
    socklen_t size = sizeof code;
    f->connecting = false;
    if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0 || code) {
        fail(f, code == ECONNREFUSED ? "connection refused" : "no connection");
        return;
    }
    swarm_loop_change(f->loop, f->fd, EPOLLIN, &f->source);
    if (!send_request(f))
        fail(f, "the request could not be sent");
}

/* Nothing is to be seen of it: the kernel counts and forgets. */
static ssize_t skip(struct http_fetch *f)
{
    uint64_t left = http_reply_skippable(&f->reply), most = f->link->rate ? PACED_READ : INT32_MAX;
    ssize_t size = recv(f->fd, NULL, left < most ? (size_t)left : (size_t)most, MSG_TRUNC | MSG_DONTWAIT);
    if (size > 0)
        http_reply_skip(&f->reply, (uint64_t)size);
    return size;
}

/* 0 or the answer is wrong. */
static int take_bytes(struct http_fetch *f, size_t size, struct error *err)
{
    for (size_t at = 0, used; at < size && !http_reply_done(&f->reply) && !f->wrong; at += used) {
        struct slice body;
        uint64_t offset = f->reply.body_bytes;
        if (http_reply_feed(&f->reply, (struct slice){f->intake + at, size - at}, &used, &body, err) < 0)
            return -1;
        if (body.size && f->data && f->reply.status == 200 && !f->data(f, offset, body))
            f->wrong = true;
    }
    return 0;
}

static ssize_t take(struct http_fetch *f, struct error *err)
{
    if ((!f->data || f->reply.status != 200) && http_reply_skippable(&f->reply))
        return skip(f);
    ssize_t size = recv(f->fd, f->intake, f->link->rate ? PACED_READ : HTTP_INTAKE_SIZE, MSG_DONTWAIT);
    if (size > 0 && take_bytes(f, (size_t)size, err) < 0)
        return -2;
    return size;
}

static void closed(struct http_fetch *f)
{
    struct error err;
    if (http_reply_close(&f->reply, &err) < 0)
        fail(f, f->reply.state == HTTP_REPLY_STATUS
                    ? "the server closed the connection without an answer"
                    : "the server closed the connection in the middle of a file");
    else
        finish(f, "");
}

static bool pace(struct http_fetch *f, size_t bytes)
{
    f->busy_us = swarm_link_busy(f->link, f->busy_us, f->loop->now_us, bytes);
    f->paused = f->busy_us > f->loop->now_us;
    if (f->paused) {
        swarm_loop_change(f->loop, f->fd, 0, &f->source);
        swarm_timer_set(&f->loop->timers, &f->timer, f->busy_us);
    }
    return f->paused;
}

static void ready(struct swarm_source *s, uint32_t events)
{
    struct http_fetch *f = (struct http_fetch *)((char *)s - offsetof(struct http_fetch, source));
    struct error err;
    if (f->connecting) {
        connected(f);
        return;
    }
    if (!f->busy) { /* closed, or talk out of turn, between two requests */
        http_fetch_stop(f);
        return;
    }
    for (int i = 0; i < READS_PER_WAKE; i++) {
        ssize_t size = take(f, &err);
        if (size == -1 && (errno == EAGAIN || errno == EINTR))
            break;
        if (size == 0) {
            closed(f);
            return;
        }
        if (size < 0) {
            fail(f, size == -2 ? "the answer is no HTTP" : "the connection broke");
            return;
        }
        if (http_reply_done(&f->reply) || f->wrong) {
            finish(f, "");
            return;
        }
        if (pace(f, (size_t)size))
            return;
    }
    move_deadline(f);
}

static void fire(struct swarm_timer *t, int64_t now_us)
{
    struct http_fetch *f = (struct http_fetch *)((char *)t - offsetof(struct http_fetch, timer));
    if (!f->busy)
        return;
    if (f->paused) {
        f->paused = false;
        swarm_loop_change(f->loop, f->fd, EPOLLIN, &f->source);
        move_deadline(f);
        return;
    }
    f->reused = false;
    fail(f, f->connecting ? "no connection" : "the server fell silent");
}

static bool same_server(const struct script_server *a, const struct script_server *b)
{
    return a->ip == b->ip && a->port == b->port;
}

int http_fetch_start(struct http_fetch *f, const struct place *place, const char *user_agent, bool head,
                     bool close, struct error *err)
{
    f->source.ready = ready;
    f->timer.fire = fire;
    if (f->fd >= 0 && (close || !same_server(&f->server, &place->server)))
        http_fetch_stop(f);
    f->place = place;
    f->server = place->server;
    f->user_agent = user_agent ? user_agent : "bootherd-swarm";
    f->head = head;
    f->close = close;
    f->wrong = false;
    f->text[0] = 0;
    f->busy = true;
    f->busy_us = 0;
    http_reply_init(&f->reply, head);
    if (f->fd >= 0) {
        f->reused = true;
        if (send_request(f))
            return 0;
        http_fetch_stop(f);
        f->busy = true;
    }
    if (connect_to(f, err) == 0)
        return 0;
    http_fetch_stop(f);
    return -1;
}
