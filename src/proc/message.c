#include "proc/message.h"

#include "base/cleanup.h"
#include "base/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct message_header {
    uint32_t magic;
    uint32_t type;
};

static const uint32_t message_magic =
    0x62686d31; /* "bhm1": another version's process is refused, not misread */

union fd_control {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
};

int message_send(int socket, const struct message *m, struct error *err)
{
    struct message_header header = {message_magic, m->type};
    struct iovec parts[2] = {{&header, sizeof header}, {.iov_len = m->size}};
    memcpy(&parts[1].iov_base, &m->body, sizeof m->body); /* sendmsg only reads it */
    union fd_control control = {0};
    struct msghdr msg = {.msg_iov = parts, .msg_iovlen = m->size ? 2 : 1};
    if (m->fd >= 0) {
        msg.msg_control = &control;
        msg.msg_controllen = sizeof control;
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &m->fd, sizeof(int));
    }
    while (sendmsg(socket, &msg, MSG_NOSIGNAL) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "send a message to another bootherd process");
    return 0;
}

void message_send_failed(int socket, const struct error *why)
{
    struct message m = {.type = MESSAGE_FAILED, .body = why->text, .size = strlen(why->text) + 1, .fd = -1};
    struct error ignored;
    if (message_send(socket, &m, &ignored) < 0)
        fprintf(stderr, "bootherd: %s\n", why->text);
}

/* At most one descriptor comes along; more than one would be a broken peer's and is closed. */
static int fd_received(struct msghdr *msg)
{
    int fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int one;
            memcpy(&one, CMSG_DATA(c) + i * sizeof(int), sizeof one);
            if (fd < 0)
                fd = one;
            else
                close(one);
        }
    }
    return fd;
}

int message_receive(int socket, void *buffer, struct message *m, struct error *err)
{
    struct message_header header;
    struct iovec parts[2] = {{&header, sizeof header}, {buffer, MESSAGE_SIZE_MAX}};
    union fd_control control;
    struct msghdr msg = {
        .msg_iov = parts, .msg_iovlen = 2, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t n;
    do
        n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == ECONNRESET)
        return 0;
    if (n < 0)
        return error_errno(err, errno, "receive a message from another bootherd process");
    if (n == 0)
        return 0;
    cleanup_close int fd = fd_received(&msg);
    if ((size_t)n < sizeof header || header.magic != message_magic || (msg.msg_flags & MSG_TRUNC))
        return error_set(
            err, "another process sent what is no bootherd message: is it another version of bootherd?");
    *m = (struct message){
        .type = (enum message_type)header.type,
        .body = buffer,
        .size = (size_t)n - sizeof header,
        .fd = TAKE_FD(fd),
    };
    return 1;
}

static bool text_ends_within(const char *text, size_t size)
{
    return memchr(text, 0, size) != NULL;
}

static bool lease_sound(const struct lease *lease)
{
    return lease->state <= LEASE_DECLINED && text_ends_within(lease->hostname, sizeof lease->hostname);
}

/* --- events --- */

#define EVENT_HEAD offsetof(struct boot_event, file)

/* Up to the first text an event is as it lies in memory; both texts follow, each with its NUL. */
size_t message_event_put(const struct boot_event *event, uint8_t out[static MESSAGE_EVENT_MAX])
{
    struct wire_out w = wire_out(out, MESSAGE_EVENT_MAX);
    wire_put(&w, event, EVENT_HEAD);
    wire_put(&w, event->file, strlen(event->file) + 1);
    wire_put(&w, event->text, strlen(event->text) + 1);
    return wire_written(&w);
}

void message_event_get(const struct message *m, struct boot_event *out)
{
    const char *file = (const char *)m->body + EVENT_HEAD, *text = file + strlen(file) + 1;
    memcpy(out, m->body, EVENT_HEAD);
    memcpy(out->file, file, strlen(file) + 1);
    memcpy(out->text, text, strlen(text) + 1);
}

static bool event_sound(const struct message *m)
{
    struct boot_event head;
    if (m->size < EVENT_HEAD)
        return false;
    memcpy(&head, m->body, EVENT_HEAD);
    struct wire_in w = wire_in((const uint8_t *)m->body + EVENT_HEAD, m->size - EVENT_HEAD);
    const char *file = wire_text(&w), *text = file ? wire_text(&w) : NULL;
    return head.kind < BOOT_EVENT_KINDS && head.role <= BOOT_FILE_OVERLAY && text && wire_left(&w) == 0 &&
           strlen(file) < sizeof head.file && strlen(text) < sizeof head.text;
}

/* --- agents --- */

const char *message_agent_query(const struct message *m)
{
    return (const char *)m->body + sizeof(struct message_agent_ask);
}

static bool agent_ask_sound(const struct message *m)
{
    const struct message_agent_ask *ask = m->body;
    if (m->size <= sizeof *ask || !text_ends_within(ask->asker, sizeof ask->asker) ||
        !text_ends_within(ask->path, sizeof ask->path))
        return false;
    size_t size = m->size - sizeof *ask;
    return memchr(message_agent_query(m), 0, size) == message_agent_query(m) + size - 1;
}

/* The size every body of a type has; 0: any. */
static size_t body_size(enum message_type type)
{
    static const size_t sizes[MESSAGE_TYPES] = {
        [MESSAGE_LEASE] = sizeof(struct message_lease),
        [MESSAGE_OVERLAY_ASK] = sizeof(struct message_overlay_ask),
        [MESSAGE_LEASE_KNOWN] = sizeof(struct lease),
        [MESSAGE_COMMITTED] = sizeof(struct message_committed),
        [MESSAGE_OVERLAY] = sizeof(struct message_overlay),
        [MESSAGE_AGENT] = sizeof(struct message_agent),
        [MESSAGE_PROGRESS] = sizeof(struct message_progress),
        [MESSAGE_IMPORTED] = sizeof(struct message_imported),
    };
    return sizes[type];
}

static bool body_sound(const struct message *m)
{
    if (m->type == MESSAGE_LEASE)
        return lease_sound(&((const struct message_lease *)m->body)->lease);
    if (m->type == MESSAGE_LEASE_KNOWN)
        return lease_sound(m->body);
    if (m->type == MESSAGE_EVENT)
        return event_sound(m);
    if (m->type == MESSAGE_AGENT_ASK)
        return agent_ask_sound(m);
    if (m->type == MESSAGE_OVERLAY_ASK)
        return text_ends_within(((const struct message_overlay_ask *)m->body)->node, FLEET_NAME_MAX);
    if (m->type == MESSAGE_OVERLAY)
        return text_ends_within(((const struct message_overlay *)m->body)->text, 512);
    if (m->type == MESSAGE_IMPORTED)
        return text_ends_within(((const struct message_imported *)m->body)->name, IMAGE_NAME_MAX);
    if (m->type == MESSAGE_NOTE || m->type == MESSAGE_FAILED || m->type == MESSAGE_TABLE)
        return m->size && ((const char *)m->body)[m->size - 1] == 0;
    return true;
}

int message_check(const struct message *m, struct error *err)
{
    if (m->type < MESSAGE_ASK || m->type >= MESSAGE_TYPES)
        return error_set(err, "message of unknown type %u", (unsigned)m->type);
    size_t size = body_size(m->type);
    if ((size && m->size != size) || !body_sound(m))
        return error_set(err, "message of type %u with a malformed body of %zu bytes", (unsigned)m->type,
                         m->size);
    return 0;
}

/* --- packs --- */

struct part_header {
    uint32_t type;
    uint32_t size; /* of the body that follows; then up to 7 bytes until the next part */
};

/* Bodies are structs that are read where they lie. */
static size_t part_size(size_t body)
{
    return sizeof(struct part_header) + ((body + 7) & ~(size_t)7);
}

bool message_pack_add(struct message_pack *pack, const struct message *m)
{
    struct part_header header = {m->type, (uint32_t)m->size};
    uint8_t *at = pack->data + pack->size;
    assert(m->fd < 0 && m->type != MESSAGE_PACK);
    if (pack->count == MESSAGE_PACK_MAX || m->size > sizeof pack->data - sizeof header ||
        part_size(m->size) > sizeof pack->data - pack->size)
        return false;
    memcpy(at, &header, sizeof header);
    if (m->size)
        memcpy(at + sizeof header, m->body, m->size);
    pack->size += part_size(m->size);
    memset(at + sizeof header + m->size, 0, part_size(m->size) - sizeof header - m->size);
    pack->count++;
    return true;
}

struct message message_pack_all(const struct message_pack *pack)
{
    return (struct message){.type = MESSAGE_PACK, .body = pack->data, .size = pack->size, .fd = -1};
}

int message_pack_next(const struct message *pack, size_t *at, struct message *m, struct error *err)
{
    struct part_header header;
    size_t left = pack->size - *at;
    const uint8_t *part = (const uint8_t *)pack->body + *at;
    if (left == 0)
        return 0;
    if (left < sizeof header)
        return error_set(err, "a pack of messages ends within a header");
    memcpy(&header, part, sizeof header);
    if (header.size > left - sizeof header || part_size(header.size) > left)
        return error_set(err, "a pack of messages ends within a body of %u bytes", header.size);
    if (header.type == MESSAGE_PACK)
        return error_set(err, "a pack of messages within a pack");
    *m = (struct message){
        .type = (enum message_type)header.type, .body = part + sizeof header, .size = header.size, .fd = -1};
    *at += part_size(header.size);
    return message_check(m, err) < 0 ? -1 : 1;
}

int message_words(const struct message *m, const char *words[static MESSAGE_WORDS_MAX], size_t *count,
                  struct error *err)
{
    struct wire_in w = wire_in(m->body, m->size);
    *count = 0;
    while (wire_left(&w)) {
        const char *word = wire_text(&w);
        if (!word || *count == MESSAGE_WORDS_MAX)
            return error_set(err, "a request with more than %d words, or without an end", MESSAGE_WORDS_MAX);
        words[(*count)++] = word;
    }
    return *count ? 0 : error_set(err, "an empty request");
}
