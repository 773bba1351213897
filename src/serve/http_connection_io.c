#include "serve/http_connection_io.h"

#include "base/clock.h"
#include "base/text.h"
#include "serve/http_exchange.h"
#include "serve/http_target.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>

#define HEAD_MS   20000 /* for a handshake, and from a request's first byte to its last */
#define IDLE_MS   60000 /* a loader unpacking a module before it asks for the next */
#define STUCK_MS  60000 /* without a byte taken */
#define LINGER_MS 2000

#define STEPS_MAX    8u           /* a turn's: a request is two or three */
#define SLICE_SIZE   (512u << 10) /* bytes sent in a turn, so that all connections advance alike */
#define SENDFILE_MIN (32u << 10)  /* bytes; fewer are copied faster, behind the answer's head in one call */
#define LINGER_SIZE  (1u << 20)   /* bytes of a refused body that are read over */

/* From a request's head to its answer's last byte. */
struct http_request {
    struct http_head head;
    char *start;      /* the head's bytes, owned, while the file is looked up; else NULL */
    bool asking;      /* boot_files->open has not returned yet */
    bool sends_file;  /* DONE or FAILED follows */
    bool keep;        /* the connection goes on behind it */
    bool linger;      /* else: there may be more of the client's on its way */
    uint64_t opening; /* boot_files' handle, else 0 */
    int64_t started_ms;
    struct boot_file *file; /* owned reference, or NULL */
    struct http_range part; /* of the file, that was asked for */
    uint64_t body_sent;     /* bytes of the body */
    uint64_t body_size;
    const char *line;      /* the body, where it is not of the file */
    uint64_t acked_before; /* what http_stream_acked will say when all before the body has come through */
    size_t answer_size, answer_sent;
    char answer[HTTP_ANSWER_MAX]; /* its head */
    char name[BOOT_PATH_MAX];
};

/* --- events --- */

static void tell(const struct http_connection *c, enum boot_event_kind kind, uint64_t bytes, const char *text)
{
    const struct http_request *r = c->request;
    const struct boot_events *events = c->shared->events;
    if (text_starts(r->name, BOOT_AGENT_FOLDER))
        return;
    struct boot_event e = {.kind = kind,
                           .at_ms = clock_wall_ms(),
                           .ip = c->ip,
                           .bytes = bytes,
                           .duration_ms = clock_monotonic_ms() - r->started_ms};
    if (r->file) {
        e.role = r->file->role;
        e.files_expected = r->file->files_expected;
        e.file_number = r->file->file_number;
    }
    text_printable(r->name, strlen(r->name), e.file, sizeof e.file);
    text_printable(text, strlen(text), e.text, sizeof e.text);
    events->tell(events->ctx, &e);
}

static void tell_done(const struct http_connection *c)
{
    const struct http_request *r = c->request;
    bool end = r->part.offset + r->part.size == r->file->size;
    tell(c, end ? BOOT_EVENT_FILE_DONE : BOOT_EVENT_FILE_PROBED, r->part.size,
         end ? "" : "only a part was asked for");
}

static void tell_failed(const struct http_connection *c, const char *why)
{
    const struct http_request *r = c->request;
    uint64_t acked = http_stream_acked(&c->stream);
    uint64_t bytes = acked > r->acked_before ? acked - r->acked_before : 0;
    tell(c, BOOT_EVENT_FILE_FAILED, bytes < r->part.size ? bytes : r->part.size, why);
}

/* --- requests --- */

static void request_free(struct http_connection *c)
{
    struct http_request *r = c->request;
    if (!r)
        return;
    if (r->opening)
        c->shared->files->cancel(c->shared->files->ctx, r->opening);
    boot_file_unref(r->file);
    free(r->start);
    free(r);
    c->request = NULL;
}

static const char *date_now(struct http_shared *shared)
{
    int64_t now_s = clock_wall_ms() / 1000;
    if (now_s != shared->date_s) {
        shared->date_s = now_s;
        http_date_format(now_s, shared->date);
    }
    return shared->date;
}

static void answer(struct http_connection *c, struct http_exchange *x)
{
    struct http_request *r = c->request;
    x->answer.keep = r->keep;
    r->answer_size = http_answer_format(&x->answer, date_now(c->shared), r->answer);
    r->sends_file = x->sends_part;
    r->part = x->part;
    r->line = x->line;
    r->body_size = x->sends_part ? x->part.size : strlen(x->line);
    /* TLS adds to what is sent: then there is nothing to reckon with but what came through so far. */
    r->acked_before = c->stream.tls ? http_stream_acked(&c->stream) : c->sent + r->answer_size;
    c->state = HTTP_STATE_SENDING;
    c->deadline_ms = clock_monotonic_ms() + STUCK_MS;
}

static void answer_status(struct http_connection *c, unsigned status, enum boot_event_kind event,
                          const char *text)
{
    struct http_exchange x;
    http_exchange_status(&c->request->head, status, event, "", &x);
    tell(c, event, 0, text);
    answer(c, &x);
}

/* A connection would otherwise wait for bytes that a descriptor does not have. */
static bool part_is_there(const struct boot_file *file, const struct http_range *part)
{
    uint8_t last;
    return !part->size || file->data || boot_file_read(file, part->offset + part->size - 1, &last, 1) == 1;
}

static void answer_file(struct http_connection *c, const char *start)
{
    struct http_request *r = c->request;
    struct http_exchange x;
    http_exchange_file(&r->head, start, r->file, &x);
    if (x.sends_part && !part_is_there(r->file, &x.part)) {
        answer_status(c, 503, BOOT_EVENT_FILE_FAILED, "the file is shorter than it should be");
        return;
    }
    tell(c, x.event, 0, x.text);
    answer(c, &x);
}

static void on_answer(void *ctx, enum boot_answer what, struct boot_file *file, const char *text)
{
    struct http_connection *c = ctx;
    struct http_request *r = c->request;
    struct http_exchange x;
    r->opening = 0;
    r->file = file;
    if (what == BOOT_ANSWER_FOUND) {
        answer_file(c, r->start);
    } else {
        http_exchange_refusal(&r->head, what, &x);
        tell(c, x.event, 0, text ? text : "");
        answer(c, &x);
    }
    if (!r->asking)
        c->shared->wake(c->shared->ctx, c);
}

/* Looks the file up; the answer may come later. False: out of memory. */
static bool ask(struct http_connection *c, char *start)
{
    struct http_request *r = c->request;
    const struct boot_files *files = c->shared->files;
    if (!c->server_ip)
        c->server_ip = http_socket_ip(c->stream.fd);
    struct boot_asker asker = {.client_ip = c->ip,
                               .server_ip = c->server_ip,
                               .via = c->shared->secure ? BOOT_VIA_HTTPS : BOOT_VIA_HTTP,
                               .query = http_target_query(http_head_text(start, r->head.target))};
    c->state = HTTP_STATE_ASKED;
    c->deadline_ms = INT64_MAX; /* it is not the client that is waited for */
    r->asking = true;
    r->start = start;
    uint64_t handle = files->open(files->ctx, r->name, &asker, on_answer, c);
    r->asking = false;
    r->start = NULL;
    if (c->state != HTTP_STATE_ASKED)
        return true;
    r->opening = handle;
    r->start = malloc(r->head.size);
    if (r->start)
        memcpy(r->start, start, r->head.size);
    return r->start;
}

/* A request whose head is not HTTP; nobody's boot, so it is no event. */
static void refuse(struct http_connection *c, unsigned status)
{
    struct http_exchange x;
    http_exchange_status(&c->request->head, status, BOOT_EVENT_FILE_REFUSED, "", &x);
    c->request->keep = false;
    c->request->linger = true;
    answer(c, &x);
}

/* status: of http_head_parse. False: out of memory. */
static bool request_begin(struct http_connection *c, const struct http_head *head, char *start,
                          unsigned status)
{
    struct http_request *r = malloc(sizeof *r);
    if (!r)
        return false;
    memset(r, 0, offsetof(struct http_request, answer));
    r->name[0] = '\0';
    r->head = *head;
    r->started_ms = clock_monotonic_ms();
    /* Too much, or it comes when the client is told to send it, or not at all: RFC 9110, section 10.1.1. */
    r->linger = head->body > HTTP_BODY_MAX || (head->body && head->expects);
    r->keep = head->keep && !r->linger;
    c->request = r;
    c->skip = r->linger ? 0 : head->body;
    if (status) {
        refuse(c, status);
        return true;
    }
    const char *target = http_head_text(start, head->target);
    bool named = http_target_decode(target, r->name);
    if (!named)
        snprintf(r->name, sizeof r->name, "%s", target);
    if (head->method == HTTP_METHOD_OTHER)
        answer_status(c, 405, BOOT_EVENT_FILE_REFUSED,
                      "asked by a method other than GET and HEAD: nothing can be written");
    else if (!named)
        answer_status(c, 400, BOOT_EVENT_FILE_REFUSED,
                      "the name has '..', control bytes or a broken %XX in it, or is too long");
    else
        return ask(c, start);
    return true;
}

/* --- what a turn does, by state --- */

enum step {
    STEP_ON, /* the next one */
    STEP_AGAIN,
    STEP_WAIT,
    STEP_END,
};

static enum step step_handshake(struct http_connection *c)
{
    if (http_tls_session_handshake(c->stream.tls) == 0) {
        c->state = HTTP_STATE_HEAD;
        return STEP_ON;
    }
    return errno == EAGAIN ? STEP_WAIT : STEP_END;
}

/* Keeps what was not looked at for the next turn. */
static bool keep_rest(struct http_connection *c, const char *data, size_t size)
{
    if (!size)
        return true;
    c->kept = malloc(size);
    if (!c->kept)
        return false;
    memcpy(c->kept, data, size);
    c->kept_size = size;
    return true;
}

static size_t take_kept(struct http_connection *c, char *out)
{
    size_t size = c->kept_size;
    if (size)
        memcpy(out, c->kept, size);
    free(c->kept);
    c->kept = NULL;
    c->kept_size = 0;
    return size;
}

/* Reads behind `size` bytes of input. Returns bytes, 0 at the end, negative: wait or broken. */
static ssize_t read_more(struct http_connection *c, size_t size)
{
    size_t room = HTTP_INPUT_SIZE - size;
    if (!c->readable) {
        errno = EAGAIN;
        return -1;
    }
    ssize_t n = http_stream_recv(&c->stream, c->shared->input + size, room);
    /* Fewer bytes than asked for were all (epoll(7)), but for the end behind them and what TLS holds back. */
    if (n < 0 || ((size_t)n < room && !c->ended && !c->stream.tls))
        c->readable = false;
    return n;
}

/* A head that has begun has to come to its end. */
static void head_deadline(struct http_connection *c, bool begun)
{
    if (begun && !c->begun)
        c->deadline_ms = clock_monotonic_ms() + HEAD_MS;
    c->begun = begun;
}

static enum step step_head(struct http_connection *c)
{
    char *input = c->shared->input;
    size_t size = take_kept(c, input);
    for (;;) {
        struct http_head head;
        size_t skip = c->skip < size ? (size_t)c->skip : size;
        unsigned status = http_head_parse(input + skip, size - skip, &head);
        char *start = input + skip + head.skipped;
        size_t left = size - skip - head.skipped;
        c->skip -= skip;
        if (status != HTTP_PARSE_MORE) {
            bool ok = request_begin(c, &head, start, status);
            return ok && keep_rest(c, start + head.size, left - head.size) ? STEP_ON : STEP_END;
        }
        memmove(input, start, left);
        ssize_t n = read_more(c, left);
        if (n > 0) {
            size = left + (size_t)n;
            continue;
        }
        if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            c->clean = n == 0 && !left;
            return STEP_END;
        }
        head_deadline(c, left || c->skip);
        return keep_rest(c, input, left) ? STEP_WAIT : STEP_END;
    }
}

static enum step step_asked(struct http_connection *c)
{
    return STEP_WAIT;
}

/* The answer is out. */
static enum step finish(struct http_connection *c)
{
    struct http_request *r = c->request;
    bool keep = r->keep, linger = r->linger;
    if (r->sends_file)
        tell_done(c);
    request_free(c);
    c->clean = true;
    c->begun = false;
    c->state = HTTP_STATE_HEAD;
    c->deadline_ms = clock_monotonic_ms() + IDLE_MS;
    if (keep)
        return STEP_ON;
    if (!linger)
        return STEP_END;
    http_stream_end(&c->stream);
    c->state = HTTP_STATE_LINGER;
    c->skip = LINGER_SIZE;
    c->deadline_ms = clock_monotonic_ms() + LINGER_MS;
    return STEP_ON;
}

static enum step broken(struct http_connection *c, const char *why)
{
    if (c->request->sends_file)
        tell_failed(c, why);
    c->request->sends_file = false;
    c->clean = false;
    return STEP_END;
}

/* The file could not be read. */
static enum step broken_file(struct http_connection *c)
{
    const struct http_request *r = c->request;
    char why[BOOT_EVENT_TEXT_MAX];
    snprintf(why, sizeof why, "cannot read the file at byte %" PRIu64 ": %s", r->part.offset + r->body_sent,
             strerror(errno));
    return broken(c, why);
}

static void advance(struct http_connection *c, size_t bytes)
{
    struct http_request *r = c->request;
    size_t of_answer = r->answer_size - r->answer_sent;
    if (of_answer > bytes)
        of_answer = bytes;
    r->answer_sent += of_answer;
    r->body_sent += bytes - of_answer;
    c->sent += bytes;
    c->shared->sent_bytes += bytes;
    c->deadline_ms = clock_monotonic_ms() + STUCK_MS;
}

static enum step sent(struct http_connection *c, ssize_t n)
{
    if (n >= 0) {
        advance(c, (size_t)n);
        return STEP_ON;
    }
    if (errno == EINTR)
        return STEP_ON;
    if (errno != EAGAIN)
        return broken(c, "the connection broke");
    c->writable = false;
    return STEP_WAIT;
}

/* The body's next bytes in memory, at most `size` of them. Negative with errno. */
static ssize_t body_bytes(struct http_connection *c, size_t size, struct iovec *out)
{
    const struct http_request *r = c->request;
    uint64_t left = r->body_size - r->body_sent;
    if (size > left)
        size = (size_t)left;
    *out = (struct iovec){.iov_len = size};
    if (size == 0)
        return 0;
    if (!r->sends_file) {
        out->iov_base = (char *)(uintptr_t)r->line + r->body_sent;
        return (ssize_t)size;
    }
    uint64_t offset = r->part.offset + r->body_sent;
    if (r->file->data) {
        out->iov_base = (uint8_t *)(uintptr_t)r->file->data + offset;
        return (ssize_t)size;
    }
    out->iov_base = c->shared->output;
    out->iov_len = size < HTTP_OUTPUT_SIZE ? size : HTTP_OUTPUT_SIZE;
    errno = ENODATA;
    ssize_t n = boot_file_read(r->file, offset, out->iov_base, out->iov_len);
    if (n <= 0)
        return -1;
    out->iov_len = (size_t)n;
    return n;
}

static enum step send_copied(struct http_connection *c, size_t size)
{
    const struct http_request *r = c->request;
    struct iovec parts[2];
    size_t answer = r->answer_size - r->answer_sent, first = answer ? 0 : 1;
    parts[0] = (struct iovec){(char *)(uintptr_t)r->answer + r->answer_sent, answer};
    if (c->stream.tls && size > HTTP_RECORD_SIZE - answer) /* what does not fit would be read in vain */
        size = HTTP_RECORD_SIZE - answer;
    ssize_t n = body_bytes(c, size, &parts[1]);
    if (n < 0)
        return broken_file(c);
    size_t count = n ? 2 : 1;
    /* Behind the last answer comes the end of the stream, in one packet with it. */
    bool more = !r->keep || r->body_sent + (uint64_t)n < r->body_size;
    return sent(c, http_stream_send(&c->stream, parts + first, count - first, more));
}

/* From the file's pages to the socket, after the answer's head. */
static enum step send_pages(struct http_connection *c, size_t size)
{
    const struct http_request *r = c->request;
    off_t offset = (off_t)(r->part.offset + r->body_sent);
    if (r->answer_sent < r->answer_size) {
        struct iovec part = {(char *)(uintptr_t)r->answer + r->answer_sent, r->answer_size - r->answer_sent};
        return sent(c, http_stream_send(&c->stream, &part, 1, true));
    }
    ssize_t n = sendfile(c->stream.fd, r->file->fd, &offset, size);
    if (n == 0)
        errno = ENODATA;
    if (n == 0 || (n < 0 && errno == EIO))
        return broken_file(c);
    return sent(c, n);
}

static enum step step_sending(struct http_connection *c)
{
    struct http_request *r = c->request;
    uint64_t until = c->sent + SLICE_SIZE;
    if (!c->writable)
        return STEP_WAIT;
    while (r->answer_sent < r->answer_size || r->body_sent < r->body_size) {
        if (c->sent >= until)
            return STEP_AGAIN;
        uint64_t left = r->body_size - r->body_sent;
        size_t size = (size_t)(left < until - c->sent ? left : until - c->sent);
        bool pages = r->sends_file && r->file->fd >= 0 && !c->stream.tls && left >= SENDFILE_MIN;
        enum step next = pages ? send_pages(c, size) : send_copied(c, size);
        if (next != STEP_ON)
            return next;
    }
    return finish(c);
}

static enum step step_linger(struct http_connection *c)
{
    while (c->skip) {
        ssize_t n = read_more(c, 0);
        if (n < 0 && errno == EAGAIN)
            return STEP_WAIT;
        if (n <= 0)
            break;
        c->skip -= (uint64_t)n < c->skip ? (uint64_t)n : c->skip;
    }
    return STEP_END;
}

/* --- the connection --- */

enum http_turn http_connection_turn(struct http_connection *c)
{
    static enum step (*const steps[HTTP_STATES])(struct http_connection * c) = {
        [HTTP_STATE_HANDSHAKE] = step_handshake, [HTTP_STATE_HEAD] = step_head,
        [HTTP_STATE_ASKED] = step_asked,         [HTTP_STATE_SENDING] = step_sending,
        [HTTP_STATE_LINGER] = step_linger,
    };
    for (unsigned i = 0; i < STEPS_MAX; i++) {
        enum step next = steps[c->state](c);
        if (next == STEP_WAIT)
            return HTTP_TURN_WAIT;
        if (next == STEP_END)
            return HTTP_TURN_END;
        if (next == STEP_AGAIN)
            break;
    }
    return HTTP_TURN_AGAIN;
}

void http_connection_ready(struct http_connection *c, uint32_t events)
{
    c->readable |= events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR);
    c->writable |= events & (EPOLLOUT | EPOLLHUP | EPOLLERR);
    c->ended |= events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR);
}

struct http_connection *http_connection_new(struct http_shared *shared, struct http_stream stream,
                                            uint32_t ip)
{
    struct http_connection *c = calloc(1, sizeof *c);
    if (!c) {
        http_stream_close(&stream, false);
        return NULL;
    }
    c->shared = shared;
    c->stream = stream;
    c->state = stream.tls ? HTTP_STATE_HANDSHAKE : HTTP_STATE_HEAD;
    c->readable = c->writable = true;
    c->ip = ip;
    c->deadline_ms = clock_monotonic_ms() + HEAD_MS;
    return c;
}

void http_connection_free(struct http_connection *c, const char *why)
{
    bool sends = c->state == HTTP_STATE_SENDING && c->request && c->request->sends_file;
    if (sends)
        tell_failed(c, why);
    else if (c->state == HTTP_STATE_ASKED && c->request)
        tell(c, BOOT_EVENT_FILE_FAILED, 0, why);
    request_free(c);
    http_stream_close(&c->stream, c->clean);
    free(c->kept);
    free(c);
}

bool http_connection_idle(const struct http_connection *c)
{
    return c->state == HTTP_STATE_HEAD && c->clean && !c->kept && !c->skip;
}

const char *http_connection_late(const struct http_connection *c)
{
    return c->state == HTTP_STATE_SENDING ? "the client took nothing for a minute"
                                          : "the client said nothing";
}
