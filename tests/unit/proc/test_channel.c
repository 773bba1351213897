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

#define TOLD_MAX 200000

/* Both ends; what arrives at the second is written down. */
struct rig {
    sd_event *loop;
    struct channel *near, *far;
    int near_fd, far_fd; /* far_fd is the far channel's, unless there is none */
    size_t count, batches, inside, most_inside;
    bool gone;
    struct told {
        enum message_type type;
        uint64_t token;
        bool with_fd;
    } told[TOLD_MAX];
};

static int note_message(void *ctx, struct channel *channel, struct message *m, struct error *err)
{
    struct rig *r = ctx;
    struct told *t = &r->told[r->count++];
    *t = (struct told){.type = m->type, .with_fd = m->fd >= 0};
    if (m->type == MESSAGE_LEASE)
        t->token = ((const struct message_lease *)m->body)->token;
    if (m->type == MESSAGE_COMMITTED)
        t->token = ((const struct message_committed *)m->body)->token;
    if (m->type == MESSAGE_EVENT) {
        struct boot_event event;
        message_event_get(m, &event);
        t->token = event.bytes;
    }
    r->inside++;
    return 0;
}

static void note_batch(void *ctx, struct channel *channel, bool begins)
{
    struct rig *r = ctx;
    r->batches += begins;
    if (begins)
        r->inside = 0;
    if (r->inside > r->most_inside)
        r->most_inside = r->inside;
}

static void note_gone(void *ctx, struct channel *channel, const struct error *why)
{
    ((struct rig *)ctx)->gone = true;
}

static void rig_init(struct rig *r, bool reads)
{
    int pair[2];
    struct error err;
    memset(r, 0, sizeof *r);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
    assert_true(sd_event_new(&r->loop) >= 0);
    r->near_fd = pair[0];
    r->far_fd = pair[1];
    struct channel_handler handler = {
        .ctx = r, .gathers = true, .message = note_message, .batch = note_batch, .gone = note_gone};
    assert_int_equal(channel_new(r->loop, pair[0], &handler, &r->near, &err), 0);
    if (reads)
        assert_int_equal(channel_new(r->loop, pair[1], &handler, &r->far, &err), 0);
}

static void rig_fini(struct rig *r)
{
    channel_free(r->near);
    if (r->far)
        channel_free(r->far);
    else
        close(r->far_fd);
    sd_event_unref(r->loop);
}

static void run(struct rig *r)
{
    while (sd_event_run(r->loop, 0) > 0)
        ;
}

static void send_lease(struct rig *r, uint64_t token)
{
    struct error err;
    struct message_lease body = {.token = token, .lease = {.ip = 1, .state = LEASE_BOUND}};
    struct message m = {.type = MESSAGE_LEASE, .body = &body, .size = sizeof body, .fd = -1};
    assert_int_equal(channel_send(r->near, &m, &err), 0);
}

static void send_event(struct rig *r, uint64_t token)
{
    struct error err;
    uint8_t body[MESSAGE_EVENT_MAX];
    struct boot_event event = {.kind = BOOT_EVENT_ACK, .bytes = token, .text = "boot file pxelinux.0"};
    struct message m = {
        .type = MESSAGE_EVENT, .body = body, .size = message_event_put(&event, body), .fd = -1};
    assert_int_equal(channel_send(r->near, &m, &err), 0);
}

static void send_fd(struct rig *r, int fd)
{
    struct error err;
    struct message m = {.type = MESSAGE_FLEET, .fd = fd};
    assert_int_equal(channel_send(r->near, &m, &err), 0);
}

static struct rig rig;

/* Datagrams that lie in the socket now. */
static size_t datagrams(int fd)
{
    static uint8_t buffer[MESSAGE_SIZE_MAX];
    size_t count = 0;
    while (recv(fd, buffer, sizeof buffer, MSG_DONTWAIT) > 0)
        count++;
    return count;
}

static void one_turn_is_one_datagram_of_each_kind(void **state)
{
    rig_init(&rig, false);
    for (uint64_t i = 0; i < 100; i++) {
        send_event(&rig, i);
        send_lease(&rig, i);
    }
    assert_int_equal(datagrams(rig.far_fd), 0);
    run(&rig);
    assert_int_equal(datagrams(rig.far_fd), 2);
    send_event(&rig, 1); /* the next turn sends again */
    run(&rig);
    assert_int_equal(datagrams(rig.far_fd), 1);
    rig_fini(&rig);
}

/* Far more than one pack and than the socket holds, before anybody reads. */
static void all_arrives_in_order_and_leases_first(void **state)
{
    uint64_t events = 0, leases = 0;
    size_t last_lease = 0;
    rig_init(&rig, true);
    for (uint64_t i = 0; i < 50000; i++)
        send_event(&rig, i);
    assert_true(channel_waiting(rig.near) > 0);
    for (uint64_t i = 0; i < 5000; i++)
        send_lease(&rig, i);
    run(&rig);
    assert_int_equal(rig.count, 55000);
    for (size_t i = 0; i < rig.count; i++) {
        uint64_t *next = rig.told[i].type == MESSAGE_LEASE ? &leases : &events;
        assert_int_equal(rig.told[i].token, *next);
        ++*next;
        if (rig.told[i].type == MESSAGE_LEASE)
            last_lease = i;
    }
    /* Only what the kernel had taken already was in front of them. */
    assert_true(last_lease < 15000);
    assert_int_equal(channel_waiting(rig.near), 0);
    assert_true(rig.batches > 10);
    assert_true(rig.most_inside <= CHANNEL_BATCH_MAX);
    rig_fini(&rig);
}

static void a_descriptor_keeps_its_place(void **state)
{
    struct error err;
    rig_init(&rig, true);
    int fd = file_sealed("fleet", "x", 1, &err);
    send_event(&rig, 1);
    send_fd(&rig, fd);
    send_event(&rig, 2);
    run(&rig);
    close(fd);
    assert_int_equal(rig.count, 3);
    assert_int_equal(rig.told[0].token, 1);
    assert_true(rig.told[1].type == MESSAGE_FLEET && rig.told[1].with_fd);
    assert_int_equal(rig.told[2].token, 2);
    rig_fini(&rig);
}

static void what_fits_no_pack_goes_alone(void **state)
{
    static uint8_t body[MESSAGE_SIZE_MAX];
    struct error err;
    struct message m = {.type = MESSAGE_NOTE, .body = body, .size = MESSAGE_SIZE_MAX - 8, .fd = -1};
    memset(body, 'x', m.size - 1);
    rig_init(&rig, true);
    send_event(&rig, 1);
    assert_int_equal(channel_send(rig.near, &m, &err), 0);
    send_event(&rig, 2);
    run(&rig);
    assert_int_equal(rig.count, 3);
    assert_int_equal(rig.told[0].token, 1);
    assert_int_equal(rig.told[1].type, MESSAGE_NOTE);
    assert_int_equal(rig.told[2].token, 2);
    rig_fini(&rig);
}

static void a_peer_that_reads_nothing_is_given_up(void **state)
{
    struct error err = {0};
    uint8_t body[MESSAGE_EVENT_MAX];
    struct boot_event event = {.kind = BOOT_EVENT_ACK};
    struct message m = {
        .type = MESSAGE_EVENT, .body = body, .size = message_event_put(&event, body), .fd = -1};
    rig_init(&rig, false);
    size_t sent = 0;
    while (channel_send(rig.near, &m, &err) == 0 && sent < CHANNEL_QUEUE_MAX / m.size + 100000)
        sent++;
    assert_non_null(strstr(err.text, "takes no messages"));
    assert_true(channel_waiting(rig.near) <= CHANNEL_QUEUE_MAX);
    run(&rig);
    assert_false(rig.gone); /* it was told already */
    rig_fini(&rig);
}

/* Raw datagrams, as a process that was taken over might send them. */
static void malformed_packs_are_refused(void **state)
{
    static const struct {
        const char *what;
        uint32_t type, size;
        size_t bytes; /* of the part that are there */
    } bad[] = {
        {"a header cut short", MESSAGE_START, 0, 4},
        {"a body cut short", MESSAGE_NOTE, 16, 16},
        {"a size beyond all", MESSAGE_NOTE, UINT32_MAX, 16},
        {"no padding", MESSAGE_NOTE, 1, 9},
        {"an unknown type", MESSAGE_TYPES, 0, 8},
        {"a pack within a pack", MESSAGE_PACK, 0, 8},
        {"a lease too short", MESSAGE_LEASE, 8, 16},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err;
        uint32_t part[16] = {bad[i].type, bad[i].size};
        struct message m = {.type = MESSAGE_PACK, .body = part, .size = bad[i].bytes, .fd = -1};
        rig_init(&rig, true);
        assert_int_equal(message_send(rig.near_fd, &m, &err), 0);
        run(&rig);
        if (!rig.gone || rig.count)
            fail_msg("%s was taken", bad[i].what);
        rig_fini(&rig);
    }
}

static void a_pack_has_an_end(void **state)
{
    static struct message_pack pack;
    struct message m, start = {.type = MESSAGE_START, .fd = -1};
    struct error err;
    size_t count = 0, at = 0;
    while (message_pack_add(&pack, &start))
        count++;
    assert_int_equal(count, MESSAGE_PACK_MAX);
    struct message all = message_pack_all(&pack);
    while (message_pack_next(&all, &at, &m, &err) > 0)
        count--;
    assert_int_equal(count, 0);
    struct message_lease lease = {.token = 1};
    struct message big = {.type = MESSAGE_LEASE, .body = &lease, .size = sizeof lease, .fd = -1};
    pack.size = pack.count = 0;
    while (message_pack_add(&pack, &big))
        ;
    assert_true(pack.size <= sizeof pack.data && pack.size + sizeof lease + 8 > sizeof pack.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_turn_is_one_datagram_of_each_kind),
        cmocka_unit_test(all_arrives_in_order_and_leases_first),
        cmocka_unit_test(a_descriptor_keeps_its_place),
        cmocka_unit_test(what_fits_no_pack_goes_alone),
        cmocka_unit_test(a_peer_that_reads_nothing_is_given_up),
        cmocka_unit_test(malformed_packs_are_refused),
        cmocka_unit_test(a_pack_has_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
