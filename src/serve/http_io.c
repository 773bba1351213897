#include "serve/http_io.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "serve/http_range.h"
#include "serve/http_target.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/tcp.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECTIONS_MAX        4096
#define CONNECTIONS_PER_IP_MAX 1024 /* machines behind one address translator; one is never let take all */
#define CONNECTION_MEMORY_MAX  (16u << 10) /* request and response headers; 64 MB for all connections */
#define PIECES_BLOCK           (64u << 10) /* read at a time from a composed file, a buffer for each transfer */
#define IDLE_S                 60u         /* a loader unpacking a module before it asks for the next */

/* From a request's headers to its last byte. */
struct http_request {
    struct http_request *next, *previous;
    struct http_io *io;
    struct MHD_Connection *connection;
    bool named;       /* name holds a boot file's name */
    bool asked;       /* boot_files was asked */
    bool answered;    /* it has answered: answer, file and text */
    bool suspended;   /* MHD leaves the connection alone until then */
    bool broken;      /* the file could not be read to its end; text says why */
    bool sending;     /* a body is on its way: DONE or FAILED follows */
    uint64_t opening; /* boot_files' handle, else 0 */
    enum boot_answer answer;
    struct boot_file *file; /* owned reference; outlives the response that borrows its bytes */
    struct http_range part; /* what is sent of it */
    uint32_t ip;
    int64_t started_us;
    uint64_t acked_before; /* bytes the client's TCP had confirmed on this connection before the response */
    char name[BOOT_PATH_MAX];
    char text[BOOT_EVENT_TEXT_MAX];
};

struct http_io {
    sd_event *loop; /* owned reference */
    struct MHD_Daemon *daemon;
    bool secure;            /* HTTPS */
    sd_event_source *input; /* MHD's epoll descriptor */
    sd_event_source *timer; /* MHD's next timeout */
    sd_event_source *again; /* MHD has work that needs no descriptor */
    const struct boot_files *files;
    const struct boot_events *events;
    struct http_request *requests; /* all, for the end */
};

static int64_t io_now(const struct http_io *io)
{
    uint64_t now_us = 0;
    sd_event_now(io->loop, CLOCK_MONOTONIC, &now_us);
    return (int64_t)now_us;
}

static void tell(const struct http_request *r, enum boot_event_kind kind, uint64_t bytes, const char *text)
{
    struct http_io *io = r->io;
    struct boot_event e = {.kind = kind,
                           .at_ms = clock_wall_ms(),
                           .ip = r->ip,
                           .bytes = bytes,
                           .duration_ms = (io_now(io) - r->started_us) / 1000};
    if (r->file) {
        e.role = r->file->role;
        e.files_expected = r->file->files_expected;
        e.file_number = r->file->file_number;
    }
    text_printable(r->name, strlen(r->name), e.file, sizeof e.file);
    text_printable(text, strlen(text), e.text, sizeof e.text);
    io->events->tell(io->events->ctx, &e);
}

/* What the client's TCP has confirmed so far; MHD does not say how much of a response has left. */
static uint64_t bytes_acked(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (!fd || getsockopt(fd->connect_fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return 0;
    return info.tcpi_bytes_acked;
}

static uint32_t client_ip(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!info || info->client_addr->sa_family != AF_INET)
        return 0;
    struct sockaddr_in address;
    memcpy(&address, info->client_addr, sizeof address);
    return ntohl(address.sin_addr.s_addr);
}

/* The address of ours that the client connected to: what goes into URLs for it. */
static uint32_t server_ip(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    if (!fd || getsockname(fd->connect_fd, (struct sockaddr *)&address, &size) < 0 ||
        address.sin_family != AF_INET)
        return 0;
    return ntohl(address.sin_addr.s_addr);
}

static struct http_request *request_new(struct http_io *io, struct MHD_Connection *connection,
                                        const char *target)
{
    struct http_request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->io = io;
    r->connection = connection;
    r->ip = client_ip(connection);
    r->started_us = io_now(io);
    r->named = http_target_decode(target, r->name);
    if (!r->named)
        snprintf(r->name, sizeof r->name, "%s", target);
    r->next = io->requests;
    if (r->next)
        r->next->previous = r;
    io->requests = r;
    return r;
}

static void request_free(struct http_request *r)
{
    if (r->opening)
        r->io->files->cancel(r->io->files->ctx, r->opening);
    if (r->previous)
        r->previous->next = r->next;
    else
        r->io->requests = r->next;
    if (r->next)
        r->next->previous = r->previous;
    boot_file_unref(r->file);
    free(r);
}

/* Hands the response to MHD; NULL (out of memory) closes the connection. */
static enum MHD_Result respond(struct http_request *r, unsigned status, struct MHD_Response *response)
{
    enum MHD_Result queued = response ? MHD_queue_response(r->connection, status, response) : MHD_NO;
    if (response)
        MHD_destroy_response(response);
    return queued;
}

/* A line of text: what went wrong. */
static enum MHD_Result respond_line(struct http_request *r, unsigned status, const char *line,
                                    const char *header, const char *value)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(line), (void *)(uintptr_t)line, MHD_RESPMEM_PERSISTENT);
    if (response) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
        if (header)
            MHD_add_response_header(response, header, value);
    }
    return respond(r, status, response);
}

/* Bytes of a composed file for MHD, which knows how many there are. */
static ssize_t read_pieces(void *cls, uint64_t position, char *out, size_t size)
{
    struct http_request *r = cls;
    errno = ENODATA;
    ssize_t n = boot_file_read(r->file, r->part.offset + position, out, size);
    if (n > 0)
        return n;
    r->broken = true;
    snprintf(r->text, sizeof r->text, "cannot read the file at byte %" PRIu64 ": %s",
             r->part.offset + position, strerror(errno));
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The bytes of r->part: out of pieces, from memory, or by sendfile from a descriptor of the response's own.
 */
static struct MHD_Response *file_body(struct http_request *r)
{
    const struct boot_file *file = r->file;
    if (file->pieces)
        return MHD_create_response_from_callback(r->part.size, PIECES_BLOCK, read_pieces, r, NULL);
    if (file->fd < 0)
        return MHD_create_response_from_buffer(r->part.size, (void *)(uintptr_t)(file->data + r->part.offset),
                                               MHD_RESPMEM_PERSISTENT);
    int fd = fcntl(file->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return NULL;
    struct MHD_Response *response = MHD_create_response_from_fd_at_offset64(r->part.size, fd, r->part.offset);
    if (!response)
        close(fd);
    return response;
}

static struct MHD_Response *file_response(struct http_request *r)
{
    const struct boot_file *file = r->file;
    struct MHD_Response *response = file_body(r);
    if (!response)
        return NULL;
    MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            file->role == BOOT_FILE_CONFIG ? "text/plain" : "application/octet-stream");
    if (*file->etag)
        MHD_add_response_header(response, MHD_HTTP_HEADER_ETAG, file->etag);
    return response;
}

static const char *header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

/* MHD sends no body with 304, but the length of what 200 would have had: RFC 9110, section 8.6. */
static enum MHD_Result respond_unchanged(struct http_request *r)
{
    tell(r, BOOT_EVENT_FILE_PROBED, 0, "the client has it already");
    return respond(r, MHD_HTTP_NOT_MODIFIED, file_response(r));
}

static enum MHD_Result respond_no_range(struct http_request *r)
{
    char range[64];
    snprintf(range, sizeof range, "bytes */%" PRIu64, r->file->size);
    tell(r, BOOT_EVENT_FILE_FAILED, 0, "asked for bytes behind the end");
    return respond_line(r, MHD_HTTP_RANGE_NOT_SATISFIABLE, "The file is shorter\n",
                        MHD_HTTP_HEADER_CONTENT_RANGE, range);
}

/* MHD would wait a minute for bytes that a descriptor does not have. */
static bool part_is_there(const struct http_request *r)
{
    uint8_t last;
    return !r->part.size || boot_file_read(r->file, r->part.offset + r->part.size - 1, &last, 1) == 1;
}

static enum MHD_Result respond_broken(struct http_request *r, const char *text)
{
    tell(r, BOOT_EVENT_FILE_FAILED, 0, text);
    return respond_line(r, MHD_HTTP_SERVICE_UNAVAILABLE, "The server cannot serve this file now\n", NULL,
                        NULL);
}

static enum MHD_Result respond_body(struct http_request *r, bool part, bool head)
{
    if (!part_is_there(r))
        return respond_broken(r, "the file is shorter than it should be");
    struct MHD_Response *response = file_response(r);
    if (!response)
        return respond_broken(r, "out of memory or file descriptors");
    char range[96] = "";
    if (part) {
        snprintf(range, sizeof range, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, r->part.offset,
                 r->part.offset + r->part.size - 1, r->file->size);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, range);
    }
    tell(r, head ? BOOT_EVENT_FILE_PROBED : BOOT_EVENT_FILE_START, 0, range);
    r->sending = !head;
    r->acked_before = bytes_acked(r->connection);
    return respond(r, part ? MHD_HTTP_PARTIAL_CONTENT : MHD_HTTP_OK, response);
}

static enum MHD_Result respond_file(struct http_request *r, bool head)
{
    const struct boot_file *file = r->file;
    r->part.size = file->size;
    if (http_etag_listed(header(r, MHD_HTTP_HEADER_IF_NONE_MATCH), file->etag))
        return respond_unchanged(r);
    /* RFC 9110, section 14.2: only GET has ranges. */
    bool ranged = !head && http_etag_current(header(r, MHD_HTTP_HEADER_IF_RANGE), file->etag);
    const char *range = ranged ? header(r, MHD_HTTP_HEADER_RANGE) : NULL;
    enum http_range_kind kind = http_range_parse(range, file->size, &r->part);
    if (kind == HTTP_RANGE_NONE)
        return respond_no_range(r);
    return respond_body(r, kind == HTTP_RANGE_PART, head);
}

/* What each answer other than FOUND means to the client. */
static const struct {
    enum boot_event_kind event;
    unsigned status;
    const char *line;
} refusals[] = {
    [BOOT_ANSWER_MISSING] = {BOOT_EVENT_FILE_MISSING, MHD_HTTP_NOT_FOUND, "File not found\n"},
    [BOOT_ANSWER_REFUSED] = {BOOT_EVENT_FILE_REFUSED, MHD_HTTP_FORBIDDEN, "Not for this machine\n"},
    [BOOT_ANSWER_FAILED] = {BOOT_EVENT_FILE_FAILED, MHD_HTTP_SERVICE_UNAVAILABLE,
                            "The server cannot serve this file now\n"},
};

static enum MHD_Result respond_answer(struct http_request *r, bool head)
{
    if (r->answer == BOOT_ANSWER_FOUND)
        return respond_file(r, head);
    tell(r, refusals[r->answer].event, 0, r->text);
    return respond_line(r, refusals[r->answer].status, refusals[r->answer].line, NULL, NULL);
}

static void on_answer(void *ctx, enum boot_answer answer, struct boot_file *file, const char *text)
{
    struct http_request *r = ctx;
    r->opening = 0;
    r->answered = true;
    r->answer = answer;
    r->file = file;
    snprintf(r->text, sizeof r->text, "%s", text ? text : "");
    if (r->suspended) {
        r->suspended = false;
        MHD_resume_connection(r->connection);
        sd_event_source_set_enabled(r->io->again, SD_EVENT_ONESHOT);
    }
}

/* Looks the file up; when the answer comes later, MHD leaves the connection alone until then. */
static enum MHD_Result request_ask(struct http_request *r, bool head)
{
    r->asked = true;
    if (!r->named) {
        tell(r, BOOT_EVENT_FILE_REFUSED, 0,
             "the name has '..', control bytes or a broken %XX in it, or is too long");
        return respond_line(r, MHD_HTTP_BAD_REQUEST, "Bad file name\n", NULL, NULL);
    }
    const struct boot_files *files = r->io->files;
    struct boot_asker asker = {.client_ip = r->ip,
                               .server_ip = server_ip(r->connection),
                               .via = r->io->secure ? BOOT_VIA_HTTPS : BOOT_VIA_HTTP};
    uint64_t handle = files->open(files->ctx, r->name, &asker, on_answer, r);
    if (r->answered)
        return respond_answer(r, head);
    r->opening = handle;
    r->suspended = true;
    MHD_suspend_connection(r->connection);
    return MHD_YES;
}

/* MHD calls this when the headers are there, for each piece of a body, and then until a response is queued.
 */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **request)
{
    struct http_request *r = *request;
    bool head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    if (!r) {
        *request = r = request_new(cls, connection, url);
        if (!r)
            return MHD_NO;
        if (head || strcmp(method, MHD_HTTP_METHOD_GET) == 0)
            return MHD_YES;
        tell(r, BOOT_EVENT_FILE_REFUSED, 0,
             "asked by a method other than GET and HEAD: nothing can be written");
        return respond_line(r, MHD_HTTP_METHOD_NOT_ALLOWED, "Only GET and HEAD\n", MHD_HTTP_HEADER_ALLOW,
                            "GET, HEAD");
    }
    if (*upload_size) { /* the body of a GET means nothing: RFC 9110, section 9.3.1 */
        *upload_size = 0;
        return MHD_YES;
    }
    return r->asked ? respond_answer(r, head) : request_ask(r, head);
}

static void tell_end(const struct http_request *r, enum MHD_RequestTerminationCode code)
{
    static const char *const reasons[] = {
        [MHD_REQUEST_TERMINATED_WITH_ERROR] = "the connection broke",
        [MHD_REQUEST_TERMINATED_TIMEOUT_REACHED] = "the client took nothing for a minute",
        [MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN] = "the server stopped",
        [MHD_REQUEST_TERMINATED_READ_ERROR] = "the connection broke",
        [MHD_REQUEST_TERMINATED_CLIENT_ABORT] = "the client closed the connection",
    };
    if (code == MHD_REQUEST_TERMINATED_COMPLETED_OK) {
        bool end = r->part.offset + r->part.size == r->file->size;
        tell(r, end ? BOOT_EVENT_FILE_DONE : BOOT_EVENT_FILE_PROBED, r->part.size,
             end ? "" : "only a part was asked for");
        return;
    }
    uint64_t acked = bytes_acked(r->connection); /* the response's headers with them */
    uint64_t bytes = acked > r->acked_before ? acked - r->acked_before : 0;
    tell(r, BOOT_EVENT_FILE_FAILED, bytes < r->part.size ? bytes : r->part.size,
         r->broken ? r->text : reasons[code]);
}

static void on_completed(void *cls, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct http_request *r = *request;
    if (!r)
        return;
    if (r->sending)
        tell_end(r, code);
    request_free(r);
    *request = NULL;
}

/* Escapes stay: http_target_decode is stricter than MHD, which lets a broken one pass. */
static size_t keep_escapes(void *cls, struct MHD_Connection *connection, char *text)
{
    return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *format, va_list args)
{
    char line[512];
    vsnprintf(line, sizeof line, format, args);
    log_debug("http: %.*s", (int)strcspn(line, "\n"), line);
}

static void run(struct http_io *io)
{
    MHD_run(io->daemon);
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(io->daemon, &timeout_ms) != MHD_YES) {
        sd_event_source_set_enabled(io->timer, SD_EVENT_OFF);
    } else if (timeout_ms == 0) {
        sd_event_source_set_enabled(io->again, SD_EVENT_ONESHOT);
    } else {
        sd_event_source_set_time_relative(io->timer, timeout_ms * 1000);
        sd_event_source_set_enabled(io->timer, SD_EVENT_ONESHOT);
    }
}

static int on_input(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    run(userdata);
    return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
    run(userdata);
    return 0;
}

static int on_again(sd_event_source *source, void *userdata)
{
    run(userdata);
    return 0;
}

static int add_sources(struct http_io *io)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(io->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return -ENOTSUP;
    int r = sd_event_add_io(io->loop, &io->input, info->epoll_fd, EPOLLIN, on_input, io);
    if (r >= 0)
        r = sd_event_add_time(io->loop, &io->timer, CLOCK_MONOTONIC, UINT64_MAX, 0, on_timer, io);
    if (r >= 0)
        r = sd_event_add_defer(io->loop, &io->again, on_again, io);
    return r;
}

static struct MHD_Daemon *start(struct http_io *io, int listen_fd, const struct http_tls *tls)
{
    struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? (char *)(uintptr_t)tls->certificate : NULL},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? (char *)(uintptr_t)tls->key : NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG | (tls ? MHD_USE_TLS : 0), 0, NULL, NULL,
        on_request, io, MHD_OPTION_EXTERNAL_LOGGER, on_log,
        NULL, /* first, so that it sees what is said of the others */
        MHD_OPTION_LISTEN_SOCKET, listen_fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)CONNECTIONS_PER_IP_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1, MHD_OPTION_ARRAY, tls ? secure : secure + 2,
        MHD_OPTION_END);
}

int http_io_new(sd_event *loop, int listen_fd, const struct http_tls *tls, const struct boot_files *files,
                const struct boot_events *events, struct http_io **out, struct error *err)
{
    struct http_io *io = calloc(1, sizeof *io);
    if (!io || fcntl(listen_fd, F_SETFL, fcntl(listen_fd, F_GETFL) | O_NONBLOCK) < 0) {
        free(io);
        close(listen_fd);
        return error_set(err, "cannot prepare the HTTP port");
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile has no MSG_NOSIGNAL */
    io->loop = sd_event_ref(loop);
    io->files = files;
    io->events = events;
    io->secure = tls != NULL;
    io->daemon = start(io, listen_fd, tls);
    if (!io->daemon) { /* MHD has closed listen_fd or never will: the process ends now */
        http_io_free(io);
        return error_set(err, "cannot start the HTTP server");
    }
    int r = add_sources(io);
    if (r < 0) {
        http_io_free(io);
        return error_errno(err, -r, "cannot watch the HTTP port");
    }
    *out = io;
    return 0;
}

void http_io_free(struct http_io *io)
{
    if (!io)
        return;
    sd_event_source_disable_unref(io->input);
    sd_event_source_disable_unref(io->timer);
    for (struct http_request *r = io->requests; r; r = r->next) {
        if (!r->opening)
            continue;
        io->files->cancel(io->files->ctx, r->opening);
        on_answer(r, BOOT_ANSWER_FAILED, NULL,
                  "the server stops"); /* MHD must not be stopped with one suspended */
    }
    sd_event_source_disable_unref(io->again);
    if (io->daemon)
        MHD_stop_daemon(io->daemon);
    sd_event_unref(io->loop);
    free(io);
}
