/*
 * The machine against a model: a client written from RFC 1350 and 7440, and a network that loses, copies,
 * delays and reorders. No sockets, no clock; every run follows from its seed. What must hold: the file
 * arrives whole and in order, the transfer ends, and nothing is sent needlessly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/tftp_machine.h"

#define FLIGHT_MAX 4096

enum direction {
    TO_CLIENT_OACK,
    TO_CLIENT_DATA,
    TO_SERVER_ACK,
};

struct packet {
    int64_t at_us;
    enum direction direction;
    uint16_t number;
    uint64_t offset; /* of the data in the file: stands for the bytes */
    uint32_t size;
};

struct setting {
    uint64_t size;
    uint32_t blksize, window;
    unsigned timeout_s;          /* 0: option not asked */
    bool bare;                   /* no options at all */
    unsigned loss, copies;       /* in 1000 packets, each way */
    int64_t delay_us, jitter_us; /* one way */
    bool complains;              /* ACKs every block that is out of order, not only the first in a row */
};

struct model {
    struct setting set;
    uint64_t random;
    struct tftp_machine machine;
    enum tftp_verdict verdict;
    struct packet flight[FLIGHT_MAX];
    size_t flying;
    int64_t now_us;
    uint64_t data_packets;
    /* the client */
    bool oack_seen, complete, complained;
    uint64_t next;     /* block it waits for */
    uint64_t received; /* bytes */
    uint32_t unacked;  /* blocks since its last ACK */
    int64_t resend_us; /* when it says its last ACK again */
};

static uint64_t draw(struct model *m, uint64_t below)
{
    m->random ^= m->random << 13;
    m->random ^= m->random >> 7;
    m->random ^= m->random << 17;
    return (m->random >> 11) % below;
}

static void fly(struct model *m, struct packet p)
{
    int copies = draw(m, 1000) < m->set.copies ? 2 : 1;
    for (int i = 0; i < copies; i++) {
        if (draw(m, 1000) < m->set.loss)
            continue;
        if (m->flying == FLIGHT_MAX)
            fail_msg(
                "%llu blocks sent, %llu acknowledged: packets breed (blksize %u, window %u, %lld us away)",
                (unsigned long long)m->data_packets, (unsigned long long)m->machine.acked, m->set.blksize,
                m->set.window, (long long)m->set.delay_us);
        p.at_us = m->now_us + m->set.delay_us;
        if (m->set.jitter_us)
            p.at_us += (int64_t)draw(m, (uint64_t)m->set.jitter_us);
        m->flight[m->flying++] = p;
    }
}

static void client_ack(struct model *m)
{
    m->unacked = 0;
    m->resend_us = m->now_us + 3000000;
    fly(m, (struct packet){.direction = TO_SERVER_ACK, .number = (uint16_t)(m->next - 1)});
}

static void client_data(struct model *m, const struct packet *p)
{
    if (p->number != (uint16_t)m->next || m->complete) {
        /* RFC 7440, section 4: say what came last in order. RFC 1350: a copy of the last block is
         * acknowledged again. */
        if (!m->complained || m->set.complains || m->set.window == 1)
            client_ack(m);
        m->complained = true;
        return;
    }
    assert_int_equal(p->offset, m->received);
    assert_true(p->size <= m->set.blksize);
    m->oack_seen = true;
    m->complained = false;
    m->received += p->size;
    m->next++;
    m->complete = p->size < m->set.blksize;
    if (m->complete || ++m->unacked >= m->machine.window)
        client_ack(m);
}

static void client_packet(struct model *m, const struct packet *p)
{
    if (p->direction == TO_CLIENT_DATA) {
        client_data(m, p);
    } else if (m->next == 1) {
        m->oack_seen = true;
        client_ack(m);
    }
}

static void server_event(struct model *m, const struct tftp_event *event)
{
    struct tftp_action a;
    struct tftp_machine *s = &m->machine;
    tftp_machine_step(s, event, m->now_us, &a);
    switch (a.kind) {
    case TFTP_ACTION_NONE:
        break;
    case TFTP_ACTION_OACK:
        fly(m, (struct packet){.direction = TO_CLIENT_OACK});
        break;
    case TFTP_ACTION_DATA:
        assert_true(a.end - a.first <= s->window);
        for (uint64_t b = a.first; b < a.end; b++, m->data_packets++)
            fly(m, (struct packet){.direction = TO_CLIENT_DATA,
                                   .number = (uint16_t)b,
                                   .offset = tftp_machine_offset(s, b),
                                   .size = (uint32_t)tftp_machine_block_size(s, b)});
        break;
    case TFTP_ACTION_END:
        m->verdict = a.verdict;
        break;
    }
}

/* Index of the packet that arrives first, or flying when none. */
static size_t first_arrival(const struct model *m)
{
    size_t first = 0;
    for (size_t i = 1; i < m->flying; i++)
        if (m->flight[i].at_us < m->flight[first].at_us)
            first = i;
    return first;
}

static void advance(struct model *m)
{
    size_t i = first_arrival(m);
    int64_t arrival = i < m->flying ? m->flight[i].at_us : INT64_MAX;
    int64_t resend = m->oack_seen && !m->complete ? m->resend_us : INT64_MAX;
    if (arrival <= m->machine.deadline_us && arrival <= resend) {
        struct packet p = m->flight[i];
        /* Keep the order of sending among packets that arrive at one time. */
        memmove(m->flight + i, m->flight + i + 1, (--m->flying - i) * sizeof p);
        m->now_us = arrival;
        if (p.direction == TO_SERVER_ACK)
            server_event(m, &(struct tftp_event){.kind = TFTP_EVENT_ACK, .number = p.number});
        else
            client_packet(m, &p);
    } else if (resend < m->machine.deadline_us) {
        m->now_us = resend;
        client_ack(m);
    } else {
        m->now_us = m->machine.deadline_us;
        server_event(m, &(struct tftp_event){.kind = TFTP_EVENT_TIMER});
    }
}

static void run(struct model *m, const struct setting *set, uint64_t seed)
{
    *m = (struct model){.set = *set, .random = seed * 0x9e3779b97f4a7c15u + 1, .next = 1};
    struct tftp_options asked = {0};
    if (!set->bare) {
        asked.present = 1 << TFTP_OPTION_BLKSIZE | 1 << TFTP_OPTION_WINDOWSIZE | 1 << TFTP_OPTION_TSIZE;
        asked.value[TFTP_OPTION_BLKSIZE] = set->blksize;
        asked.value[TFTP_OPTION_WINDOWSIZE] = set->window;
    }
    if (set->timeout_s) {
        asked.present |= 1 << TFTP_OPTION_TIMEOUT;
        asked.value[TFTP_OPTION_TIMEOUT] = set->timeout_s;
    }
    tftp_machine_init(&m->machine, set->size, &asked);
    server_event(m, &(struct tftp_event){.kind = TFTP_EVENT_START});
    while (m->verdict == TFTP_RUNNING)
        advance(m);
    if (m->verdict != TFTP_DONE || !m->complete || m->received != set->size)
        fail_msg("seed %llu: verdict %d, %llu of %llu bytes, blksize %u, window %u, loss %u",
                 (unsigned long long)seed, m->verdict, (unsigned long long)m->received,
                 (unsigned long long)set->size, set->blksize, set->window, set->loss);
}

#define PICK(m, array) ((array)[draw(m, sizeof(array) / sizeof((array)[0]))])

static struct setting any_setting(uint64_t seed)
{
    static const uint32_t blksizes[] = {8, 512, 1408, 1432, 1468, 65464};
    static const uint32_t windows[] = {1, 1, 2, 4, 16, 64, 65535};
    static const unsigned losses[] = {0, 10, 50, 100}, copies[] = {0, 0, 20, 200};
    static const int64_t delays[] = {0, 100, 5000, 150000, 900000}, jitters[] = {0, 0, 1000, 20000};
    struct model m = {.random = seed * 0xbf58476d1ce4e5b9u + 1};
    draw(&m, 2);
    struct setting s = {.blksize = PICK(&m, blksizes), .window = PICK(&m, windows)};
    s.bare = draw(&m, 6) == 0;
    if (s.bare) {
        s.blksize = TFTP_BLKSIZE;
        s.window = 1;
    } else if (draw(&m, 4) == 0) {
        s.timeout_s = 1 + (unsigned)draw(&m, 3);
    }
    uint64_t sizes[] = {0,
                        1,
                        s.blksize - 1,
                        s.blksize,
                        s.blksize + 1,
                        s.blksize * draw(&m, 60),
                        s.blksize * 64ull,
                        s.blksize * 300ull + draw(&m, s.blksize)};
    s.size = PICK(&m, sizes);
    s.loss = PICK(&m, losses);
    s.copies = PICK(&m, copies);
    s.delay_us = PICK(&m, delays);
    s.jitter_us = PICK(&m, jitters);
    s.complains = draw(&m, 2);
    return s;
}

static void every_file_arrives(void **state)
{
    struct model *m = *state;
    for (uint64_t seed = 1; seed <= 6000; seed++) {
        struct setting s = any_setting(seed);
        run(m, &s, seed);
    }
}

/* 65 535 blocks and more: the number goes to 0, once and twice, in the middle of windows too. */
static void block_numbers_wrap(void **state)
{
    struct model *m = *state;
    static const uint64_t blocks[] = {65534, 65535, 65536, 70001, 140000};
    for (size_t i = 0; i < 4 * sizeof blocks / sizeof blocks[0]; i++) {
        struct setting s = {.size = blocks[i / 4] * 8 + i % 3, .blksize = 8, .delay_us = 100};
        s.window = i % 2 ? 16 : 1;
        s.loss = i % 4 >= 2 ? 2 : 0;
        run(m, &s, i + 1);
    }
}

static void a_clean_network_sees_each_block_once(void **state)
{
    struct model *m = *state;
    static const uint32_t windows[] = {1, 4, 64};
    static const int64_t delays[] = {0, 50, 20000, 400000};
    for (size_t i = 0; i < 12; i++) {
        struct setting s = {
            .size = 1468 * 500, .blksize = 1468, .window = windows[i % 3], .delay_us = delays[i / 3]};
        run(m, &s, 1);
        assert_int_equal(m->data_packets, 501);
    }
}

/* RFC 1123, section 4.2.3.1: copies of ACKs must not breed copies of blocks. With windows a client
 * complains of each copy it gets as of a gap: one window more each round trip, not one each complaint. */
static void copies_do_not_breed(void **state)
{
    struct model *m = *state;
    static const uint32_t windows[] = {1, 4, 16};
    for (size_t i = 0; i < 6; i++) {
        struct setting s = {.size = 1468 * 1000,
                            .blksize = 1468,
                            .window = windows[i % 3],
                            .copies = 1000,
                            .delay_us = 200,
                            .complains = i >= 3};
        run(m, &s, i + 1);
        assert_in_range(m->data_packets, 1001, s.window == 1 ? 1001 : 2100);
    }
}

/* One packet in a hundred lost each way must not cost whole windows again and again. */
static void loss_costs_little(void **state)
{
    struct model *m = *state;
    struct setting s = {
        .size = 1428 * 20000ull, .blksize = 1428, .window = 16, .loss = 10, .delay_us = 200, .jitter_us = 1};
    run(m, &s, 7);
    assert_true(m->data_packets < 20001 * 5 / 4);
    assert_true(m->now_us < 2500000); /* 0.5 s without a loss, 3.7 s if only the long timer helped */
}

/* A site 3 s away, farther than the first timeout: the timeout grows to the round trip and stays there. */
static void far_sites_are_served(void **state)
{
    struct model *m = *state;
    struct setting s = {.size = 512 * 200, .blksize = 512, .window = 1, .delay_us = 1500000};
    run(m, &s, 1);
    assert_true(m->data_packets < 210);
}

static int setup(void **state)
{
    *state = calloc(1, sizeof(struct model));
    return *state ? 0 : -1;
}

static int teardown(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_file_arrives),
        cmocka_unit_test(block_numbers_wrap),
        cmocka_unit_test(a_clean_network_sees_each_block_once),
        cmocka_unit_test(copies_do_not_breed),
        cmocka_unit_test(loss_costs_little),
        cmocka_unit_test(far_sites_are_served),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
