#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/file.h"
#include "proc/channel.h"
#include "proc/message.h"
#include "proc/net_role.h"
#include "proc/role.h"

static uint8_t buffer[MESSAGE_SIZE_MAX];

static void make_pair(int pair[2])
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

static void a_body_and_a_descriptor_arrive(void **state)
{
    int pair[2];
    struct error err;
    make_pair(pair);
    int fd = file_sealed("text", "archive", 7, &err);
    struct message_overlay body = {.serial = 42, .ok = true};
    struct message sent = {.type = MESSAGE_OVERLAY, .body = &body, .size = sizeof body, .fd = fd}, got;
    assert_int_equal(message_send(pair[0], &sent, &err), 0);
    assert_int_equal(message_receive(pair[1], buffer, &got, &err), 1);
    assert_int_equal(message_check(&got, &err), 0);
    assert_int_equal(got.type, MESSAGE_OVERLAY);
    assert_int_equal(((const struct message_overlay *)got.body)->serial, 42);
    struct buf text = BUF_INIT;
    assert_int_equal(file_read_all(got.fd, "text", 100, &text, &err), 0);
    assert_string_equal(buf_text(&text), "archive");
    assert_int_equal(write(got.fd, "x", 1), -1); /* sealed */
    buf_fini(&text);
    close(got.fd);
    close(fd);
    close(pair[0]);
    assert_int_equal(message_receive(pair[1], buffer, &got, &err), 0); /* the end */
    close(pair[1]);
}

static void strangers_are_refused(void **state)
{
    int pair[2];
    struct error err;
    struct message got;
    make_pair(pair);
    assert_int_equal(send(pair[0], "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
    assert_int_equal(message_receive(pair[1], buffer, &got, &err), -1);
    assert_int_equal(send(pair[0], "abc", 3, 0), 3);
    assert_int_equal(message_receive(pair[1], buffer, &got, &err), -1);
    close(pair[0]);
    close(pair[1]);
}

static bool sound(enum message_type type, const void *body, size_t size)
{
    struct message m = {.type = type, .body = body, .size = size, .fd = -1};
    struct error err;
    return message_check(&m, &err) == 0;
}

/* The head as it lies in memory, then both texts. */
static size_t event_body(const struct boot_event *event, const char *texts, size_t size,
                         uint8_t out[static 2048])
{
    size_t head = offsetof(struct boot_event, file);
    memcpy(out, event, head);
    memcpy(out + head, texts, size);
    return head + size;
}

static void bodies_are_checked(void **state)
{
    uint8_t body[2048];
    char texts[600];
    struct boot_event event = {.kind = BOOT_EVENT_ACK};
    struct message_lease lease = {.token = 1};
    assert_true(sound(MESSAGE_EVENT, body, event_body(&event, "a\0b", 4, body)));
    assert_true(sound(MESSAGE_EVENT, body, event_body(&event, "\0", 2, body)));
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, "", 1, body)));       /* one text */
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, "a\0b", 3, body)));   /* no end */
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, "a\0b\0", 5, body))); /* more than two */
    assert_false(sound(MESSAGE_EVENT, body, offsetof(struct boot_event, file) - 1));
    memset(texts, 'x', sizeof texts);
    texts[255] = texts[511] = 0; /* 255 bytes with their NUL: the longest */
    assert_true(sound(MESSAGE_EVENT, body, event_body(&event, texts, 512, body)));
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, texts + 256, 256, body)));
    texts[255] = 'x';
    texts[256] = 0;
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, texts, 512, body)));
    texts[255] = 0;
    texts[511] = 'x';
    texts[512] = 0;
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, texts, 513, body)));
    event.kind = BOOT_EVENT_KINDS;
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, "a\0b", 4, body)));
    event.kind = BOOT_EVENT_ACK;
    event.role = (enum boot_file_role)(BOOT_FILE_OVERLAY + 1);
    assert_false(sound(MESSAGE_EVENT, body, event_body(&event, "a\0b", 4, body)));
    assert_true(sound(MESSAGE_LEASE, &lease, sizeof lease));
    lease.lease.state = (enum lease_state)77;
    assert_false(sound(MESSAGE_LEASE, &lease, sizeof lease));
    assert_true(sound(MESSAGE_NOTE, "hello", 6));
    assert_false(sound(MESSAGE_NOTE, "hello", 5));
    assert_false(sound(MESSAGE_NOTE, "", 0));
    assert_false(sound((enum message_type)0, "", 0));
    assert_false(sound(MESSAGE_TYPES, "", 0));
}

static void an_agents_words_are_checked(void **state)
{
    struct {
        struct message_agent_ask ask;
        char query[8];
    } body = {.ask = {.serial = 7}, .query = "on|x"};
    const size_t head = sizeof body.ask;
    struct message m = {.type = MESSAGE_AGENT_ASK, .body = &body, .size = head + 5, .fd = -1};
    assert_true(sound(MESSAGE_AGENT_ASK, &body, head + 5));
    assert_string_equal(message_agent_query(&m), "on|x");
    assert_true(sound(MESSAGE_AGENT_ASK, &body, head + 5 - 4) == false); /* "o": no end */
    assert_false(sound(MESSAGE_AGENT_ASK, &body, head + 6));             /* more behind its end */
    assert_false(sound(MESSAGE_AGENT_ASK, &body, head));
    assert_false(sound(MESSAGE_AGENT_ASK, &body, head - 1));
    body.query[0] = 0;
    assert_true(sound(MESSAGE_AGENT_ASK, &body, head + 1));
    memset(body.ask.path, 'x', sizeof body.ask.path);
    assert_false(sound(MESSAGE_AGENT_ASK, &body, head + 1));
    body.ask.path[0] = 0;
    memset(body.ask.asker, 'x', sizeof body.ask.asker);
    assert_false(sound(MESSAGE_AGENT_ASK, &body, head + 1));
    assert_true(sound(MESSAGE_AGENT, &(struct message_agent){1}, sizeof(struct message_agent)));
    assert_false(sound(MESSAGE_AGENT, "", 1));
}

static void an_event_travels_without_what_it_does_not_say(void **state)
{
    struct boot_event event = {.kind = BOOT_EVENT_FILE_DONE,
                               .at_ms = 1700000000123,
                               .ip = 0x0a4d000c,
                               .role = BOOT_FILE_MODULE,
                               .files_expected = 8,
                               .file_number = 3,
                               .bytes = 41234567,
                               .duration_ms = 3100,
                               .file = "sys.vgz",
                               .text = "by TFTP"};
    struct boot_event got;
    uint8_t body[MESSAGE_EVENT_MAX];
    mac_parse("52:54:00:12:34:56", &event.mac);
    size_t size = message_event_put(&event, body);
    assert_true(size < 128);
    assert_true(sound(MESSAGE_EVENT, body, size));
    memset(&got, 0, sizeof got);
    message_event_get(&(struct message){.type = MESSAGE_EVENT, .body = body, .size = size, .fd = -1}, &got);
    assert_memory_equal(&got, &event, sizeof got);
}

static void words_are_split(void **state)
{
    const char *words[MESSAGE_WORDS_MAX];
    size_t count;
    struct error err;
    struct message m = {.type = MESSAGE_ASK, .body = "node-set\0n1\0ip\0", .size = 16, .fd = -1};
    assert_int_equal(message_words(&m, words, &count, &err), 0);
    assert_int_equal(count, 4);
    assert_string_equal(words[1], "n1");
    assert_string_equal(words[3], ""); /* an empty value */
    m = (struct message){.type = MESSAGE_ASK, .body = "node", .size = 4, .fd = -1};
    assert_int_equal(message_words(&m, words, &count, &err), -1);
    m.size = 0;
    assert_int_equal(message_words(&m, words, &count, &err), -1);
    char many[2 * (MESSAGE_WORDS_MAX + 1)];
    for (size_t i = 0; i < sizeof many; i++)
        many[i] = i % 2 ? 0 : 'w';
    m = (struct message){.type = MESSAGE_ASK, .body = many, .size = sizeof many, .fd = -1};
    assert_int_equal(message_words(&m, words, &count, &err), -1);
}

/* --- channel --- */

struct listener {
    sd_event *loop;
    uint64_t next; /* serial expected */
    uint64_t last;
    bool gone;
};

static int in_order(void *ctx, struct channel *channel, struct message *m, struct error *err)
{
    struct listener *l = ctx;
    const struct message_committed *c = m->body;
    assert_int_equal(c->token, l->next);
    l->next++;
    if (l->next > l->last)
        sd_event_exit(l->loop, 0);
    return 0;
}

static void peer_gone(void *ctx, struct channel *channel, const struct error *why)
{
    struct listener *l = ctx;
    l->gone = true;
    assert_null(why);
    sd_event_exit(l->loop, 0);
}

/* Far more than a socket buffer holds is sent before anybody reads: all of it arrives, in order. */
static void a_channel_queues_in_order(void **state)
{
    int pair[2];
    struct error err;
    sd_event *loop;
    struct channel *sender, *receiver;
    struct listener listener = {.last = 20000};
    make_pair(pair);
    assert_true(sd_event_new(&loop) >= 0);
    listener.loop = loop;
    struct channel_handler handler = {.ctx = &listener, .message = in_order, .gone = peer_gone};
    assert_int_equal(channel_new(loop, pair[0], &handler, &sender, &err), 0);
    assert_int_equal(channel_new(loop, pair[1], &handler, &receiver, &err), 0);
    for (uint64_t i = 0; i <= listener.last; i++) {
        struct message_committed body = {.token = i, .ok = true};
        struct message m = {.type = MESSAGE_COMMITTED, .body = &body, .size = sizeof body, .fd = -1};
        assert_int_equal(channel_send(sender, &m, &err), 0);
    }
    assert_int_equal(sd_event_loop(loop), 0);
    assert_int_equal(listener.next, listener.last + 1);
    channel_free(sender);
    channel_free(receiver);
    sd_event_unref(loop);
}

/* A peer that reads nothing must not make us hold ever more: bytes are told, descriptors are bounded. */
static void what_waits_is_bounded(void **state)
{
    int pair[2];
    struct error err;
    sd_event *loop;
    struct channel *channel;
    struct listener listener = {0};
    make_pair(pair);
    assert_true(sd_event_new(&loop) >= 0);
    struct channel_handler handler = {.ctx = &listener, .message = in_order, .gone = peer_gone};
    assert_int_equal(channel_new(loop, pair[0], &handler, &channel, &err), 0);
    assert_int_equal(channel_waiting(channel), 0);
    role_raise_files();
    struct message start = {.type = MESSAGE_START, .fd = -1};
    while (channel_waiting(channel) == 0)
        assert_int_equal(channel_send(channel, &start, &err), 0);
    struct message m = {.type = MESSAGE_ANSWER, .fd = pair[1]};
    unsigned sent = 0;
    while (sent <= CHANNEL_FDS_MAX && channel_send(channel, &m, &err) == 0)
        sent++;
    assert_true(sent > 0 && sent <= CHANNEL_FDS_MAX);
    channel_free(channel);
    close(pair[1]);
    sd_event_unref(loop);
}

static void a_dead_peer_is_told(void **state)
{
    int pair[2];
    struct error err;
    sd_event *loop;
    struct channel *channel;
    struct listener listener = {0};
    make_pair(pair);
    assert_true(sd_event_new(&loop) >= 0);
    listener.loop = loop;
    struct channel_handler handler = {.ctx = &listener, .message = in_order, .gone = peer_gone};
    assert_int_equal(channel_new(loop, pair[0], &handler, &channel, &err), 0);
    close(pair[1]);
    assert_int_equal(sd_event_loop(loop), 0);
    assert_true(listener.gone);
    channel_free(channel);
    sd_event_unref(loop);
}

static void interfaces_travel_as_words(void **state)
{
    struct dhcp_interface in = {.name = "br0", .index = 7, .ip = 0x0a4d0001, .prefix = 24}, out;
    struct error err;
    char text[80];
    mac_parse("52:54:00:12:34:56", &in.mac);
    net_interface_format(&in, text);
    assert_string_equal(text, "br0,7,52:54:00:12:34:56,10.77.0.1,24");
    assert_int_equal(net_interface_parse(text, &out, &err), 0);
    assert_string_equal(out.name, "br0");
    assert_true(mac_equal(&in.mac, &out.mac));
    assert_int_equal(out.ip, in.ip);
    assert_int_equal(net_interface_parse("br0,7,52:54:00:12:34:56,10.77.0.1", &out, &err), -1);
    assert_int_equal(net_interface_parse("br0,7,52:54:00:12:34:56,10.77.0.1,33", &out, &err), -1);
    assert_int_equal(
        net_interface_parse("a-name-longer-than-the-kernel-has,7,52:54:00:12:34:56,1.2.3.4,8", &out, &err),
        -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_body_and_a_descriptor_arrive),
        cmocka_unit_test(strangers_are_refused),
        cmocka_unit_test(bodies_are_checked),
        cmocka_unit_test(an_agents_words_are_checked),
        cmocka_unit_test(an_event_travels_without_what_it_does_not_say),
        cmocka_unit_test(words_are_split),
        cmocka_unit_test(a_channel_queues_in_order),
        cmocka_unit_test(what_waits_is_bounded),
        cmocka_unit_test(a_dead_peer_is_told),
        cmocka_unit_test(interfaces_travel_as_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
