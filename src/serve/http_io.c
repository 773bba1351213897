#include "serve/http_io.h"

#include "base/clock.h"
#include "base/log.h"
#include "serve/http_connection_io.h"
#include "serve/http_peers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 256 /* taken from epoll at a time */
#define ROUND_MS   5   /* of turns, between two looks at the rest of the loop; a TLS handshake takes 4 */
#define ACCEPT_MAX 64  /* connections at a time */
#define TICK_US    1000000u
#define TOLD_MS    60000 /* between two lines that say the same */

struct http_io {
    sd_event *loop; /* owned reference */
    int listen_fd, epoll_fd;
    uint32_t ip;                 /* what the port is bound to; 0: any address */
    struct http_tls_server *tls; /* NULL: plain HTTP */
    sd_event_source *input;      /* the epoll */
    sd_event_source *again;      /* enabled while turns wait */
    sd_event_source *tick;       /* enabled while there are connections, or accept_later */
    bool acceptable;             /* somebody may wait in the backlog */
    bool accept_later;           /* but there is no descriptor or memory for him */
    int64_t told_ms;             /* when that was last told */
    struct http_peers *peers;
    struct http_connection *first, *last;            /* all */
    struct http_connection *first_turn, **last_turn; /* those that wait for one */
    struct http_shared shared;
};

/* --- lists --- */

static void list_append(struct http_io *io, struct http_connection *c)
{
    c->next = NULL;
    c->previous = io->last;
    if (c->previous)
        c->previous->next = c;
    else
        io->first = c;
    io->last = c;
}

static void list_remove(struct http_io *io, struct http_connection *c)
{
    if (c->previous)
        c->previous->next = c->next;
    else
        io->first = c->next;
    if (c->next)
        c->next->previous = c->previous;
    else
        io->last = c->previous;
}

static void queue_turn(struct http_io *io, struct http_connection *c)
{
    if (c->queued)
        return;
    c->queued = true;
    c->next_turn = NULL;
    *io->last_turn = c;
    io->last_turn = &c->next_turn;
}

static struct http_connection *take_turn(struct http_io *io)
{
    struct http_connection *c = io->first_turn;
    io->first_turn = c->next_turn;
    if (!io->first_turn)
        io->last_turn = &io->first_turn;
    c->queued = false;
    return c;
}

static void leave_queue(struct http_io *io, const struct http_connection *c)
{
    struct http_connection **at = &io->first_turn;
    while (*at && *at != c)
        at = &(*at)->next_turn;
    if (!*at)
        return;
    *at = c->next_turn;
    if (!*at)
        io->last_turn = at;
}

/* --- connections --- */

static void drop(struct http_io *io, struct http_connection *c, const char *why)
{
    if (c->queued)
        leave_queue(io, c);
    list_remove(io, c);
    http_peers_leave(io->peers, c->ip);
    http_connection_free(c, why);
    if (io->accept_later) {
        io->accept_later = false;
        io->acceptable = true;
    }
}

/* One that waits for a request makes way for who comes; the one that waits for longest. */
static bool drop_idle(struct http_io *io)
{
    struct http_connection *c = io->first;
    while (c && (c->queued || !http_connection_idle(c)))
        c = c->next;
    if (c)
        drop(io, c, "");
    return c;
}

/* Edges of all kinds at once: a connection is added once, and never changed. */
static bool watch(struct http_io *io, struct http_connection *c)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    c->watched = epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, c->stream.fd, &event) == 0;
    return c->watched;
}

static void give_turn(struct http_io *io, struct http_connection *c)
{
    enum http_turn turn = http_connection_turn(c);
    if (turn == HTTP_TURN_WAIT && !c->watched && !watch(io, c))
        turn = HTTP_TURN_END;
    if (turn == HTTP_TURN_END) {
        drop(io, c, "the connection broke");
        return;
    }
    list_remove(io, c);
    list_append(io, c);
    if (turn == HTTP_TURN_AGAIN)
        queue_turn(io, c);
}

static void on_wake(void *ctx, struct http_connection *c)
{
    struct http_io *io = ctx;
    queue_turn(io, c);
    sd_event_source_set_enabled(io->again, SD_EVENT_ONESHOT);
}

/* --- accepting --- */

static void no_room(struct http_io *io, const char *why)
{
    int64_t now_ms = clock_monotonic_ms();
    io->acceptable = false;
    io->accept_later = true;
    if (io->told_ms && now_ms - io->told_ms < TOLD_MS)
        return;
    io->told_ms = now_ms;
    log_error("%u HTTP connections are open and others wait: %s", http_peers_count(io->peers), why);
}

static void accepted(struct http_io *io, int fd, uint32_t ip)
{
    struct http_stream stream = {.fd = fd};
    if (io->tls && !(stream.tls = http_tls_session_new(io->tls, fd))) {
        close(fd);
        return;
    }
    if (!http_peers_enter(io->peers, ip)) { /* this address has its share */
        http_stream_close(&stream, false);
        return;
    }
    struct http_connection *c = http_connection_new(&io->shared, stream, ip);
    if (!c) {
        http_peers_leave(io->peers, ip);
        return;
    }
    c->server_ip = io->ip;
    list_append(io, c);
    queue_turn(io, c); /* its request has often come with it */
}

/* False: nobody waits any more, or there is no room. */
static bool accept_one(struct http_io *io)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    if (http_peers_count(io->peers) == HTTP_CONNECTIONS_MAX && !drop_idle(io)) {
        no_room(io, "as many as are let in at once");
        return false;
    }
    int fd = accept4(io->listen_fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
        accepted(io, fd, ntohl(address.sin_addr.s_addr));
        return true;
    }
    if (errno == EAGAIN) {
        io->acceptable = false;
        return false;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        int code = errno;
        if (drop_idle(io))
            return true;
        no_room(io, strerror(code));
        return false;
    }
    return true; /* one that is gone already: accept(2) tells its errors */
}

/* --- the loop --- */

static void look(struct http_io *io)
{
    struct epoll_event events[EVENTS_MAX];
    int n = epoll_wait(io->epoll_fd, events, EVENTS_MAX, 0);
    for (int i = 0; i < n; i++) {
        struct http_connection *c = events[i].data.ptr;
        if (c) {
            http_connection_ready(c, events[i].events);
            queue_turn(io, c);
        } else {
            io->acceptable = true;
        }
    }
}

static void run(struct http_io *io)
{
    look(io);
    for (unsigned i = 0; i < ACCEPT_MAX && io->acceptable && accept_one(io); i++)
        ;
    int64_t until_ms = clock_monotonic_ms() + ROUND_MS;
    while (io->first_turn && clock_monotonic_ms() < until_ms)
        give_turn(io, take_turn(io));
    if (io->first_turn || io->acceptable)
        sd_event_source_set_enabled(io->again, SD_EVENT_ONESHOT);
    if (io->first || io->accept_later)
        sd_event_source_set_enabled(io->tick, SD_EVENT_ONESHOT);
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    run(userdata);
    return 0;
}

static int on_again(sd_event_source *source, void *userdata)
{
    run(userdata);
    return 0;
}

/* Once a second: who has been waited for long enough; and whether there is room again. */
static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct http_io *io = userdata;
    int64_t now_ms = clock_monotonic_ms();
    for (struct http_connection *c = io->first, *next; c; c = next) {
        next = c->next;
        if (c->deadline_ms <= now_ms)
            drop(io, c, http_connection_late(c));
    }
    io->acceptable |= io->accept_later;
    io->accept_later = false;
    sd_event_source_set_time_relative(source, TICK_US);
    run(io);
    return 0;
}

/* --- the server --- */

static int prepare_socket(struct http_io *io)
{
    int on = 1, wait_s = 1, fd = io->listen_fd, flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -1;
    io->ip = http_socket_ip(fd);
    /* Who has said nothing yet is no connection for so long: a request is mostly there when one is accepted.
     */
    if (setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_s, sizeof wait_s) < 0)
        return -1;
    /* Its connections inherit it: an answer's last packet is not held back. */
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int add_sources(struct http_io *io)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLET};
    io->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (io->epoll_fd < 0 || prepare_socket(io) < 0 ||
        epoll_ctl(io->epoll_fd, EPOLL_CTL_ADD, io->listen_fd, &event) < 0)
        return -errno;
    int r = sd_event_add_io(io->loop, &io->input, io->epoll_fd, EPOLLIN, on_input, io);
    if (r >= 0)
        r = sd_event_add_defer(io->loop, &io->again, on_again, io);
    if (r >= 0)
        r = sd_event_add_time_relative(io->loop, &io->tick, CLOCK_MONOTONIC, TICK_US, TICK_US / 2, on_tick,
                                       io);
    return r;
}

int http_io_new(sd_event *loop, int listen_fd, const struct http_tls *tls, const struct boot_files *files,
                const struct boot_events *events, struct http_io **out, struct error *err)
{
    struct http_io *io = calloc(1, sizeof *io);
    if (!io) {
        close(listen_fd);
        return error_errno(err, ENOMEM, "HTTP");
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    io->loop = sd_event_ref(loop);
    io->listen_fd = listen_fd;
    io->epoll_fd = -1;
    io->last_turn = &io->first_turn;
    io->shared.files = files;
    io->shared.events = events;
    io->shared.secure = tls;
    io->shared.ctx = io;
    io->shared.wake = on_wake;
    io->peers = http_peers_new(HTTP_CONNECTIONS_MAX, HTTP_PER_ADDRESS_MAX);
    int r = io->peers ? add_sources(io) : -ENOMEM;
    if (r < 0)
        error_errno(err, -r, "cannot watch the HTTP port");
    else if (tls)
        r = http_tls_server_new(tls, &io->tls, err);
    if (r < 0) {
        http_io_free(io);
        return -1;
    }
    *out = io;
    return 0;
}

void http_io_free(struct http_io *io)
{
    if (!io)
        return;
    while (io->first)
        drop(io, io->first, "the server stopped");
    sd_event_source_disable_unref(io->input);
    sd_event_source_disable_unref(io->again);
    sd_event_source_disable_unref(io->tick);
    http_tls_server_free(io->tls);
    http_peers_free(io->peers);
    if (io->epoll_fd >= 0)
        close(io->epoll_fd);
    close(io->listen_fd);
    sd_event_unref(io->loop);
    free(io);
}

uint64_t http_io_sent(const struct http_io *io)
{
    return io->shared.sent_bytes;
}
