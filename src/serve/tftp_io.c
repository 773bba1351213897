#include "serve/tftp_io.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "serve/tftp_transfer_io.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Less than 500 bytes each: 8 MB. Requests beyond it are not answered, and asked again by the client. */
#define TRANSFERS_MAX     16384
#define REQUESTS_PER_WAKE 64   /* then running transfers have their turn */
#define TABLE_SIZE        4096 /* power of two */
#define TIMER_ACCURACY_US 1000 /* timers this close may fire together */

/* The same request again from a client that has spoken this recently is a copy made by the network; later it
 * comes from a machine that was reset and starts over from the same port. */
#define REPEAT_US 1000000

struct tftp_io {
    sd_event *loop; /* owned reference */
    int fd;         /* owned: port 69 */
    sd_event_source *input;
    sd_event_source *timer;
    int64_t timer_us; /* when it is set to fire; INT64_MAX: it is not */
    struct tftp_timers timers;
    const struct boot_files *files;
    const struct boot_events *events;
    struct tftp_batch *batch;
    struct tftp_port *ports[TFTP_PORTS];
    size_t running;
    struct slot {
        struct tftp_transfer *first;
        unsigned turn;   /* the port for the next one */
    } table[TABLE_SIZE]; /* by the client's address and port */
};

/* Where a request came from and went to. */
struct tftp_peer {
    struct sockaddr_in client;
    struct in_addr local;
    int64_t now_us;
};

static struct slot *table_slot(struct tftp_io *io, const struct sockaddr_in *client)
{
    uint32_t key = ntohl(client->sin_addr.s_addr) * 2654435761u + ntohs(client->sin_port) * 40503u;
    return &io->table[(key >> 16 ^ key) & (TABLE_SIZE - 1)];
}

static bool same_client(const struct sockaddr_in *a, const struct sockaddr_in *b)
{
    return a->sin_addr.s_addr == b->sin_addr.s_addr && a->sin_port == b->sin_port;
}

/* The link that points at the client's transfer, or at NULL. */
static struct tftp_transfer **table_find(struct tftp_io *io, const struct sockaddr_in *client)
{
    struct tftp_transfer **at = &table_slot(io, client)->first;
    while (*at && !same_client(&(*at)->sender.client, client))
        at = &(*at)->next;
    return at;
}

static void transfer_drop(struct tftp_io *io, struct tftp_transfer *t)
{
    struct tftp_transfer **at = table_find(io, &t->sender.client);
    *at = t->next;
    io->running--;
    if (t->opening)
        io->files->cancel(io->files->ctx, t->opening);
    tftp_transfer_free(t);
}

static void tell(struct tftp_io *io, enum boot_event_kind kind, const struct sockaddr_in *client,
                 const char *name, const char *text)
{
    struct boot_event e = {.kind = kind, .at_ms = clock_wall_ms(), .ip = ntohl(client->sin_addr.s_addr)};
    text_printable(name, strlen(name), e.file, sizeof e.file);
    text_printable(text, strlen(text), e.text, sizeof e.text);
    io->events->tell(io->events->ctx, &e);
}

static void tell_transfer(struct tftp_transfer *t, enum boot_event_kind kind, uint64_t bytes, int64_t now_us,
                          const char *text)
{
    struct tftp_io *io = t->ctx;
    struct boot_event e = {.kind = kind,
                           .at_ms = clock_wall_ms(),
                           .ip = ntohl(t->sender.client.sin_addr.s_addr),
                           .role = t->file->role,
                           .files_expected = t->file->files_expected,
                           .file_number = t->file->file_number,
                           .bytes = bytes,
                           .duration_ms = (now_us - t->started_us) / 1000};
    text_printable(t->name, strlen(t->name), e.file, sizeof e.file);
    text_printable(text, strlen(text), e.text, sizeof e.text);
    io->events->tell(io->events->ctx, &e);
}

static int64_t io_now(const struct tftp_io *io)
{
    uint64_t now_us = 0;
    sd_event_now(io->loop, CLOCK_MONOTONIC, &now_us);
    return (int64_t)now_us;
}

/* Sends what is due, and wakes up for what is not. */
static void io_settle(struct tftp_io *io)
{
    for (size_t i = 0; i < TFTP_PORTS; i++)
        tftp_port_flush(io->ports[i]);
    const struct tftp_timer *first = tftp_timers_first(&io->timers);
    if (!first || first->due_us >= io->timer_us)
        return;
    io->timer_us = first->due_us;
    sd_event_source_set_time(io->timer, (uint64_t)first->due_us);
    sd_event_source_set_enabled(io->timer, SD_EVENT_ONESHOT);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct tftp_io *io = userdata;
    int64_t now_us = io_now(io);
    io->timer_us = INT64_MAX;
    for (size_t i = 0; i < TFTP_PORTS; i++)
        tftp_port_receive(io->ports[i]);
    for (struct tftp_timer *due; (due = tftp_timers_first(&io->timers)) && due->due_us <= now_us;) {
        tftp_timers_unset(&io->timers, due);
        tftp_transfer_due(tftp_transfer_of_timer(due), now_us);
    }
    io_settle(io);
    return 0;
}

/* An ERROR from port 69: no transfer for it. */
static void send_error(struct tftp_io *io, const struct sockaddr_in *client, struct in_addr local,
                       enum tftp_error_code code, const char *text)
{
    uint8_t packet[TFTP_PACKET_MAX];
    tftp_send_packet(io->fd, client, local, packet, tftp_put_error(code, text, packet));
}

static void on_ended(void *ctx, struct tftp_transfer *t, enum tftp_verdict verdict, const char *text)
{
    struct tftp_io *io = ctx;
    static const enum boot_event_kind kinds[] = {[TFTP_DONE] = BOOT_EVENT_FILE_DONE,
                                                 [TFTP_PROBED] = BOOT_EVENT_FILE_PROBED,
                                                 [TFTP_FAILED] = BOOT_EVENT_FILE_FAILED};
    tell_transfer(t, kinds[verdict], tftp_machine_bytes(&t->machine), io_now(io), text);
    transfer_drop(io, t);
}

/* What each answer other than FOUND means to the client. */
static const struct {
    enum boot_event_kind event;
    enum tftp_error_code code;
    const char *text;
} refusals[] = {
    [BOOT_ANSWER_MISSING] = {BOOT_EVENT_FILE_MISSING, TFTP_ERROR_NOT_FOUND, "File not found"},
    [BOOT_ANSWER_REFUSED] = {BOOT_EVENT_FILE_REFUSED, TFTP_ERROR_ACCESS, "Not for this machine"},
    [BOOT_ANSWER_FAILED] = {BOOT_EVENT_FILE_FAILED, TFTP_ERROR_UNDEFINED,
                            "The server cannot serve this file now"},
};

static void on_answer(void *ctx, enum boot_answer answer, struct boot_file *file, const char *text)
{
    struct tftp_transfer *t = ctx;
    struct tftp_io *io = t->ctx;
    bool later = t->opening != 0;
    t->opening = 0;
    if (answer == BOOT_ANSWER_FOUND) {
        t->file = file;
        int64_t now_us = io_now(io);
        tell_transfer(t, BOOT_EVENT_FILE_START, 0, now_us, "");
        tftp_transfer_start(t, now_us);
        if (later) /* else on_input does it for all requests that came */
            io_settle(io);
        return;
    }
    tell(io, refusals[answer].event, &t->sender.client, t->name, text ? text : "");
    send_error(io, &t->sender.client, t->sender.local, refusals[answer].code, refusals[answer].text);
    transfer_drop(io, t);
}

/* True when the request belongs to a transfer that goes on; a transfer it puts an end to is dropped. */
static bool is_repeated(struct tftp_io *io, const struct tftp_peer *peer, const char *name,
                        const struct tftp_options *asked)
{
    struct tftp_transfer *t = *table_find(io, &peer->client);
    if (!t)
        return false;
    bool same = strcmp(t->name, name) == 0 && tftp_options_equal(&t->asked, asked);
    bool silent = t->file && t->heard_us && peer->now_us - t->heard_us > REPEAT_US;
    if (same && !silent)
        return true;
    if (t->file)
        tftp_transfer_gone(t, "the client asked anew from the same port", peer->now_us);
    else
        transfer_drop(io, t);
    return false;
}

/* Into the table; nothing is sent before the file is found. NULL when memory runs out. */
static struct tftp_transfer *transfer_new(struct tftp_io *io, const struct tftp_peer *peer, const char *name,
                                          const struct tftp_options *asked)
{
    struct tftp_transfer *t = calloc(1, sizeof *t);
    cleanup_free char *copy = strdup(name);
    if (!t || !copy || !tftp_timers_reserve(&io->timers, io->running + 1)) {
        free(t);
        return NULL;
    }
    struct slot *slot = table_slot(io, &peer->client);
    *t = (struct tftp_transfer){.next = slot->first,
                                .port = io->ports[slot->turn++ % TFTP_PORTS],
                                .timers = &io->timers,
                                .sender = {.client = peer->client, .local = peer->local},
                                .asked = *asked,
                                .name = TAKE_PTR(copy),
                                .started_us = peer->now_us,
                                .ended = on_ended,
                                .ctx = io};
    slot->first = t;
    io->running++;
    return t;
}

static void on_read_request(struct tftp_io *io, const struct tftp_peer *peer,
                            const struct tftp_request *request)
{
    char name[BOOT_PATH_MAX];
    if (!boot_path_clean(request->file, strlen(request->file), name)) {
        tell(io, BOOT_EVENT_FILE_REFUSED, &peer->client, request->file,
             "the name has '..' or control bytes in it, or is too long");
        send_error(io, &peer->client, peer->local, TFTP_ERROR_ACCESS, "Bad file name");
        return;
    }
    if (is_repeated(io, peer, name, &request->options))
        return;
    if (io->running >= TRANSFERS_MAX) {
        char text[BOOT_EVENT_TEXT_MAX];
        snprintf(text, sizeof text, "%zu transfers are running, there is no room: the client will ask again",
                 io->running);
        tell(io, BOOT_EVENT_FILE_FAILED, &peer->client, name, text);
        return;
    }
    struct tftp_transfer *t = transfer_new(io, peer, name, &request->options);
    if (!t) {
        log_error("tftp: out of memory for a request of %s", name);
        return;
    }
    struct boot_asker asker = {.query = "",
                               .client_ip = ntohl(t->sender.client.sin_addr.s_addr),
                               .server_ip = ntohl(t->sender.local.s_addr),
                               .via = BOOT_VIA_TFTP};
    uint64_t handle = io->files->open(io->files->ctx, name, &asker, on_answer, t);
    if (handle) /* else it was answered, and t may be gone */
        t->opening = handle;
}

static void on_request(struct tftp_io *io, const struct tftp_peer *peer, struct slice packet)
{
    struct tftp_request request;
    tftp_request_parse(packet, &request);
    switch (request.kind) {
    case TFTP_REQUEST_READ:
        on_read_request(io, peer, &request);
        break;
    case TFTP_REQUEST_REFUSE:
        if (request.file)
            tell(io, BOOT_EVENT_FILE_REFUSED, &peer->client, request.file, request.refuse_text);
        send_error(io, &peer->client, peer->local, request.refuse_code, request.refuse_text);
        break;
    case TFTP_REQUEST_IGNORE:
        break;
    }
}

/* Finds the address that was asked. False for a broadcast, which RFC 1123, section 4.2.3.4 wants ignored. */
static bool asked_address(struct msghdr *message, struct in_addr *local)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(c), sizeof info);
        *local = info.ipi_spec_dst;
        return info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
    }
    return true;
}

/* False when there is nothing more to receive. */
static bool receive(struct tftp_io *io)
{
    uint8_t packet[TFTP_PACKET_MAX];
    union {
        struct cmsghdr header;
        char bytes[256];
    } control;
    struct tftp_peer peer = {.now_us = io_now(io)};
    struct iovec part = {packet, sizeof packet};
    struct msghdr message = {.msg_name = &peer.client,
                             .msg_namelen = sizeof peer.client,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t n = recvmsg(io->fd, &message, MSG_DONTWAIT);
    if (n < 0)
        return errno == EINTR;
    if (peer.client.sin_family == AF_INET && asked_address(&message, &peer.local))
        on_request(io, &peer, (struct slice){packet, (size_t)n});
    return true;
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct tftp_io *io = userdata;
    for (int i = 0; i < REQUESTS_PER_WAKE && receive(io); i++)
        ;
    io_settle(io);
    return 0;
}

/* --- what the ports tell --- */

/* The transfer that runs between that port and that client. */
static struct tftp_transfer *transfer_of(struct tftp_io *io, const struct tftp_port *port,
                                         const struct sockaddr_in *client)
{
    struct tftp_transfer *t = *table_find(io, client);
    return t && t->file && t->port == port ? t : NULL;
}

static void on_packet(void *ctx, struct tftp_port *port, const struct sockaddr_in *client,
                      struct slice packet)
{
    struct tftp_transfer *t = transfer_of(ctx, port, client);
    if (t)
        tftp_transfer_packet(t, packet, io_now(ctx));
}

static void on_closed(void *ctx, struct tftp_port *port, const struct sockaddr_in *client)
{
    struct tftp_transfer *t = transfer_of(ctx, port, client);
    if (t)
        tftp_transfer_gone(t, "the client closed its port", io_now(ctx));
}

static void on_received(void *ctx)
{
    io_settle(ctx);
}

static void on_left(void *ctx, struct tftp_sender *sender)
{
    tftp_transfer_left(tftp_transfer_of_sender(sender), io_now(ctx));
}

static void on_unreadable(void *ctx, struct tftp_sender *sender, int code)
{
    tftp_transfer_unreadable(tftp_transfer_of_sender(sender), code, io_now(ctx));
}

static int open_ports(struct tftp_io *io, const int *fds, struct error *err)
{
    struct tftp_port_owner owner = {.ctx = io,
                                    .packet = on_packet,
                                    .received = on_received,
                                    .closed = on_closed,
                                    .left = on_left,
                                    .unreadable = on_unreadable};
    int result = 0;
    for (size_t i = 0; i < TFTP_PORTS; i++) {
        if (result < 0)
            close(fds[i]);
        else
            result = tftp_port_new(io->loop, fds[i], io->batch, &owner, &io->ports[i], err);
    }
    return result;
}

static void close_all(const struct tftp_sockets *sockets)
{
    close(sockets->requests);
    for (size_t i = 0; i < TFTP_PORTS; i++)
        close(sockets->transfers[i]);
}

int tftp_io_new(sd_event *loop, const struct tftp_sockets *sockets, const struct boot_files *files,
                const struct boot_events *events, struct tftp_io **out, struct error *err)
{
    struct tftp_io *io = calloc(1, sizeof *io);
    struct tftp_batch *batch = tftp_batch_new();
    if (!io || !batch) {
        free(io);
        tftp_batch_free(batch);
        close_all(sockets);
        return error_set(err, "out of memory for the TFTP server");
    }
    io->loop = sd_event_ref(loop);
    io->fd = sockets->requests;
    io->timer_us = INT64_MAX;
    io->files = files;
    io->events = events;
    io->batch = batch;
    int result = open_ports(io, sockets->transfers, err);
    if (result == 0) {
        int r = sd_event_add_io(loop, &io->input, io->fd, EPOLLIN, on_input, io);
        if (r >= 0)
            r = sd_event_add_time(loop, &io->timer, CLOCK_MONOTONIC, UINT64_MAX, TIMER_ACCURACY_US, on_timer,
                                  io);
        result = r < 0 ? error_errno(err, -r, "cannot watch the TFTP port") : 0;
    }
    if (result < 0) {
        tftp_io_free(io);
        return -1;
    }
    *out = io;
    return 0;
}

void tftp_io_free(struct tftp_io *io)
{
    if (!io)
        return;
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        for (struct tftp_transfer *t; (t = io->table[i].first);) {
            if (t->file)
                tftp_transfer_gone(t, "the server stopped", io_now(io));
            else
                transfer_drop(io, t);
        }
    }
    for (size_t i = 0; i < TFTP_PORTS; i++)
        tftp_port_free(io->ports[i]);
    sd_event_source_disable_unref(io->input);
    sd_event_source_disable_unref(io->timer);
    close(io->fd);
    tftp_timers_fini(&io->timers);
    tftp_batch_free(io->batch);
    sd_event_unref(io->loop);
    free(io);
}

uint64_t tftp_io_sent(const struct tftp_io *io)
{
    return tftp_batch_sent(io->batch);
}
