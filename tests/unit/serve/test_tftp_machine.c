#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/tftp_machine.h"

#define SECOND 1000000ll

static struct tftp_machine m;
static struct tftp_action a;

static void start(uint64_t size, unsigned blksize, unsigned window, unsigned timeout_s, int64_t now_us)
{
    struct tftp_options asked = {0};
    unsigned values[TFTP_OPTIONS] = {[TFTP_OPTION_BLKSIZE] = blksize,
                                     [TFTP_OPTION_WINDOWSIZE] = window,
                                     [TFTP_OPTION_TIMEOUT] = timeout_s};
    for (unsigned i = 0; i < TFTP_OPTIONS; i++) {
        asked.value[i] = values[i];
        asked.present |= (values[i] ? 1u : 0u) << i;
    }
    tftp_machine_init(&m, size, &asked);
    tftp_machine_step(&m, &(struct tftp_event){.kind = TFTP_EVENT_START}, now_us, &a);
}

static void ack(uint16_t number, int64_t now_us)
{
    tftp_machine_step(&m, &(struct tftp_event){.kind = TFTP_EVENT_ACK, .number = number}, now_us, &a);
}

static void event(enum tftp_event_kind kind, uint16_t number, const char *text, int64_t now_us)
{
    tftp_machine_step(&m, &(struct tftp_event){kind, number, text}, now_us, &a);
}

static void sends(uint64_t first, uint64_t last)
{
    assert_int_equal(a.kind, TFTP_ACTION_DATA);
    assert_int_equal(a.first, first);
    assert_int_equal(a.end, last + 1);
}

static void ends(enum tftp_verdict verdict, const char *text)
{
    assert_int_equal(a.kind, TFTP_ACTION_END);
    assert_int_equal(a.verdict, verdict);
    assert_string_equal(a.text, text);
}

static void without_options_data_comes_at_once(void **state)
{
    start(1024, 0, 0, 0, 0);
    sends(1, 1);
    assert_int_equal(tftp_machine_block_size(&m, 1), 512);
    ack(1, 1000);
    sends(2, 2);
    ack(1, 2000); /* a copy */
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
    ack(7, 2500); /* never sent */
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
    ack(2, 3000);
    sends(3, 3); /* 1024 is a multiple: RFC 1350 ends with an empty block */
    assert_int_equal(tftp_machine_block_size(&m, 3), 0);
    ack(3, 4000);
    ends(TFTP_DONE, "");
    assert_int_equal(tftp_machine_bytes(&m), 1024);
}

static void options_wait_for_their_ack(void **state)
{
    start(100, 1468, 4, 0, 0);
    assert_int_equal(a.kind, TFTP_ACTION_OACK);
    assert_int_equal(m.granted.value[TFTP_OPTION_TSIZE], 100);
    ack(1, 500);
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
    ack(0, 1000);
    sends(1, 1);
    assert_int_equal(tftp_machine_block_size(&m, 1), 100);
}

static void large_windows_are_cut(void **state)
{
    start(1 << 20, 512, 65535, 0, 0);
    assert_int_equal(m.window, 64);
    assert_int_equal(m.granted.value[TFTP_OPTION_WINDOWSIZE], 64);
    start(1 << 20, 65464, 64, 0, 0);
    assert_int_equal(m.granted.value[TFTP_OPTION_WINDOWSIZE], 2);
}

static void a_window_is_resumed_where_the_ack_says(void **state)
{
    start(512 * 100, 512, 8, 0, 0);
    ack(0, 1000);
    sends(1, 8);
    ack(8, 2000);
    sends(9, 16);
    ack(11, 3000); /* 12 is missing */
    sends(12, 19);
    ack(11, 3100); /* said again too soon to know of what was just sent */
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
    ack(11, 4200); /* 12 is missing still */
    sends(12, 19);
    ack(9, 4300); /* late */
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
}

static void probes(void **state)
{
    start(100, 1468, 4, 0, 0);
    event(TFTP_EVENT_ERROR, 8, "User aborted the transfer", 1000);
    ends(TFTP_PROBED, "");
    assert_int_equal(tftp_machine_bytes(&m), 0);

    start(100, 1468, 4, 0, 0);
    event(TFTP_EVENT_GONE, 0, "the client closed its port", 1000);
    ends(TFTP_PROBED, "");

    start(100, 1468, 4, 0, 0); /* mboot.c32 opens a module for its size and says no more */
    unsigned oacks = 0;
    while (a.kind != TFTP_ACTION_END) {
        oacks += a.kind == TFTP_ACTION_OACK;
        assert_true(m.deadline_us <= 10 * SECOND);
        event(TFTP_EVENT_TIMER, 0, "", m.deadline_us);
    }
    ends(TFTP_PROBED, "");
    assert_false(a.tell_client);
    assert_int_equal(oacks, 5); /* at 0, 0.2, and with backoff: 0.2+1, 1.2+2, 3.2+4 */
}

static void errors_end_it(void **state)
{
    start(512 * 10, 0, 0, 0, 0);
    ack(1, 1000);
    event(TFTP_EVENT_ERROR, 0, "enough", 2000);
    ends(TFTP_FAILED, "the client broke off with error 0: enough");
    assert_false(a.tell_client);
    assert_int_equal(tftp_machine_bytes(&m), 512);

    start(512 * 10, 0, 0, 0, 0);
    event(TFTP_EVENT_BROKEN, 0, "read error", 1000);
    ends(TFTP_FAILED, "read error");
    assert_true(a.tell_client);

    start(512 * 10, 0, 0, 0, 0);
    ack(1, 1000);
    event(TFTP_EVENT_GONE, 0, "the client closed its port", 2000);
    ends(TFTP_FAILED, "the client closed its port after block 1 of 11");
}

static void silence_ends_it(void **state)
{
    start(512 * 10, 0, 0, 0, 0);
    ack(1, SECOND);
    unsigned sent = 0;
    int64_t before_us = SECOND, gap_us = 0;
    while (a.kind != TFTP_ACTION_END) {
        event(TFTP_EVENT_TIMER, 0, "", m.deadline_us - 1); /* too early does nothing */
        assert_int_equal(a.kind, TFTP_ACTION_NONE);
        int64_t now_us = m.deadline_us;
        event(TFTP_EVENT_TIMER, 0, "", now_us);
        if (a.kind == TFTP_ACTION_DATA) {
            sends(2, 2);
            assert_true(now_us - before_us >= gap_us); /* farther and farther apart */
            gap_us = now_us - before_us;
            before_us = now_us;
            sent++;
        } else {
            assert_int_equal(now_us, 31 * SECOND);
        }
    }
    ends(TFTP_FAILED, "no answer after block 1 of 11; is it still on, and its cable in?");
    assert_true(a.tell_client);
    assert_in_range(sent, 3, 8);
}

static void a_missing_last_ack_is_no_failure(void **state)
{
    start(700, 0, 0, 0, 0);
    ack(1, 1000);
    sends(2, 2);
    event(TFTP_EVENT_GONE, 0, "the client closed its port", 2000);
    ends(TFTP_DONE, "the last ACK did not come");
    assert_int_equal(tftp_machine_bytes(&m), 700);

    start(100, 0, 0, 0, 0); /* but somebody must have been there at all */
    event(TFTP_EVENT_TIMER, 0, "", 30 * SECOND);
    ends(TFTP_FAILED, "no answer after block 0 of 1; is it still on, and its cable in?");
}

static void the_timeout_follows_the_round_trip(void **state)
{
    start(512 * 1000, 512, 0, 0, 0);
    assert_int_equal(m.deadline_us, TFTP_TAIL_FIRST_US);
    int64_t now_us = 400;
    for (uint16_t i = 0; i < 20; i++, now_us += 400)
        ack(i, now_us);
    assert_int_equal(m.rto_us, TFTP_RTO_MIN_US);
    assert_int_equal(m.deadline_us - m.sent_us, TFTP_TAIL_MIN_US);
    for (uint16_t i = 20; i < 60; i++, now_us += 300000)
        ack(i, now_us);
    assert_in_range(m.deadline_us - m.sent_us, 300000, 600000);
}

static void the_clients_own_timeout_is_kept(void **state)
{
    start(512 * 1000, 512, 0, 20, 0);
    assert_int_equal(m.deadline_us, 20 * SECOND);
    ack(0, 300);
    ack(1, 600);
    assert_int_equal(m.deadline_us, 600 + 20 * SECOND);
    event(TFTP_EVENT_TIMER, 0, "", 600 + 20 * SECOND);
    sends(2, 2);
    event(TFTP_EVENT_TIMER, 0, "", 600 + 40 * SECOND);
    sends(2, 2);
    assert_int_equal(m.deadline_us, 600 + 60 * SECOND); /* no backoff; 5 rounds before giving up */
    event(TFTP_EVENT_TIMER, 0, "", 600 + 100 * SECOND);
    ends(TFTP_FAILED, "no answer after block 1 of 1001; is it still on, and its cable in?");
}

/* While the network is full nothing is sent again, and the client's time runs from when it was sent. */
static void a_full_network_is_no_silence(void **state)
{
    start(512 * 10, 0, 0, 0, 0);
    ack(1, 1000);
    sends(2, 2);
    int64_t due_us = m.deadline_us;
    event(TFTP_EVENT_FULL, 0, "", due_us);
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
    assert_true(m.deadline_us > due_us);
    tftp_machine_left(&m, due_us + 5000);
    event(TFTP_EVENT_TIMER, 0, "", due_us + 5000 + TFTP_TAIL_MIN_US - 1);
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
    ack(2, due_us + 5400); /* 400 us, not the time in the queue as well */
    sends(3, 3);
    assert_int_equal(m.deadline_us - m.sent_us, TFTP_TAIL_MIN_US);
    event(TFTP_EVENT_FULL, 0, "", m.progress_us + TFTP_GIVE_UP_US); /* but not for ever */
    ends(TFTP_FAILED, "no answer after block 2 of 11; is it still on, and its cable in?");
}

/* Windows of 8 to a client 400 us away; the second, 9 .. 16, was sent at 800. */
static void start_windows(void)
{
    start(512 * 1000, 512, 8, 0, 0);
    ack(0, 400);
    ack(8, 800);
    sends(9, 16);
}

/* Not the window: only its end, soon, since what the client says to that tells what is missing. */
static void silence_is_answered_by_the_last_block(void **state)
{
    start_windows();
    assert_int_equal(m.deadline_us, 800 + TFTP_TAIL_MIN_US);
    event(TFTP_EVENT_TIMER, 0, "", 5800);
    sends(16, 16);
    ack(15, 6200); /* the copy was lost, too; the others are there */
    sends(16, 23);

    start_windows();
    event(TFTP_EVENT_TIMER, 0, "", 5800);
    sends(16, 16);
    ack(10, 6200);
    sends(11, 18);

    start_windows();
    event(TFTP_EVENT_TIMER, 0, "", 5800);
    sends(16, 16);
    assert_int_equal(m.deadline_us, 5800 + TFTP_RTO_MIN_US);
    event(TFTP_EVENT_TIMER, 0, "", m.deadline_us);
    sends(9, 16);
    assert_int_equal(m.deadline_us, 5800 + 3 * TFTP_RTO_MIN_US);
    event(TFTP_EVENT_TIMER, 0, "", m.deadline_us);
    sends(9, 16);
}

/* A client that became slower: nothing can be measured while blocks are sent twice, so the wait doubles. */
static void a_slow_client_is_waited_for(void **state)
{
    start_windows();
    int64_t now_us = 800;
    unsigned tails = 0;
    for (uint16_t last = 16; last < 160; last += 8) {
        int64_t answer_us = now_us + 60000;
        while (m.deadline_us < answer_us) {
            event(TFTP_EVENT_TIMER, 0, "", m.deadline_us);
            sends(last, last);
            tails++;
        }
        now_us = answer_us;
        ack(last, now_us);
        sends(last + 1, last + 8);
    }
    assert_int_equal(tails, 4); /* after 5, 10, 20, 40 ms; 80 were not needed, and 60 are known then */
    assert_in_range(m.rtt_us, 20000, 60000);
}

/* Blocks sent twice are acknowledged twice, within the round trip: that says nothing of what follows. */
static void its_answer_to_a_copy_is_no_gap(void **state)
{
    start_windows();
    event(TFTP_EVENT_TIMER, 0, "", 5800);
    sends(16, 16);
    ack(16, 6000);
    sends(17, 24);
    ack(16, 6300);
    assert_int_equal(a.kind, TFTP_ACTION_NONE);
    ack(16, 6500); /* a round trip after 17 left: it is missing */
    sends(17, 24);
}

static void a_gap_among_new_blocks_is_sure(void **state)
{
    start_windows();
    ack(11, 810); /* sooner than was ever measured, but 11 was never sent before */
    sends(12, 19);
    ack(14, 820); /* 14 was: what follows it may have left just now */
    sends(20, 22);
    assert_int_equal(m.deadline_us, 820 + TFTP_TAIL_MIN_US);
    event(TFTP_EVENT_TIMER, 0, "", m.deadline_us); /* it had not, and it was said what is missing */
    sends(15, 22);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_data_comes_at_once),
        cmocka_unit_test(options_wait_for_their_ack),
        cmocka_unit_test(large_windows_are_cut),
        cmocka_unit_test(a_window_is_resumed_where_the_ack_says),
        cmocka_unit_test(probes),
        cmocka_unit_test(errors_end_it),
        cmocka_unit_test(silence_ends_it),
        cmocka_unit_test(a_missing_last_ack_is_no_failure),
        cmocka_unit_test(the_timeout_follows_the_round_trip),
        cmocka_unit_test(the_clients_own_timeout_is_kept),
        cmocka_unit_test(a_full_network_is_no_silence),
        cmocka_unit_test(silence_is_answered_by_the_last_block),
        cmocka_unit_test(a_slow_client_is_waited_for),
        cmocka_unit_test(its_answer_to_a_copy_is_no_gap),
        cmocka_unit_test(a_gap_among_new_blocks_is_sure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
