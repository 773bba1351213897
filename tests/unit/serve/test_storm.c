/* Storm control: who waits, for how long, and who goes first. Times in ms from an odd start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "serve/storm.h"

#define T0 1000000

static struct storm_ask asker(unsigned number, enum storm_priority priority)
{
    static uint8_t data[STORM_PACKET_MAX + 1];
    struct storm_ask ask = {.mac = {{2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number}},
                            .priority = priority,
                            .packet = {.interface_index = 7, .data = data, .size = 300}};
    memset(data, (int)number, 300);
    return ask;
}

static bool ask(struct storm *s, unsigned number, enum storm_priority priority, int64_t at_ms)
{
    struct storm_ask a = asker(number, priority);
    return storm_ask(s, &a, T0 + at_ms);
}

static void event(struct storm *s, unsigned number, enum boot_event_kind kind, enum boot_file_role role,
                  uint32_t expected, int64_t at_ms)
{
    struct boot_event e = {.kind = kind,
                           .mac = {{2, 0, 0, 0, (uint8_t)(number >> 8), (uint8_t)number}},
                           .role = role,
                           .files_expected = expected};
    storm_event(s, &e, T0 + at_ms);
}

/* The number of the machine that is to be offered; -1: nobody. */
static int offered(struct storm *s, int64_t at_ms)
{
    struct storm_packet packet;
    if (!storm_next(s, T0 + at_ms, &packet))
        return -1;
    assert_int_equal(packet.interface_index, 7);
    assert_int_equal(packet.size, 300);
    assert_int_equal(packet.data[299], packet.data[0]);
    return packet.data[0];
}

/* The same, and it takes the OFFER. */
static int next(struct storm *s, int64_t at_ms)
{
    int number = offered(s, at_ms);
    if (number >= 0)
        event(s, (unsigned)number, BOOT_EVENT_REQUEST, 0, 0, at_ms);
    return number;
}

static void sample(struct storm *s, uint64_t *total, uint64_t rate, int64_t *at_ms)
{
    *total += rate * STORM_SAMPLE_MS / 1000;
    *at_ms += STORM_SAMPLE_MS;
    storm_sent(s, *total, T0 + *at_ms);
}

/* Machines 1000 and on load, as many as there may be, 100 MB in each second up to time 0. */
static struct storm *full(void)
{
    struct storm *s = storm_new(1);
    uint64_t total = 0;
    int64_t at_ms = -5000;
    assert_non_null(s);
    for (unsigned i = 0; i < STORM_FLOOR; i++) {
        assert_true(ask(s, 1000 + i, STORM_NORMAL, -1));
        event(s, 1000 + i, BOOT_EVENT_FILE_START, BOOT_FILE_LOADER, 0, 0);
        event(s, 1000 + i, BOOT_EVENT_FILE_DONE, BOOT_FILE_LOADER, 0, 0);
    }
    while (at_ms < 0)
        sample(s, &total, 100000000, &at_ms);
    assert_true(storm_is_full(s));
    return s;
}

/* A thousand in the first second: nothing flows yet, all are answered. */
static void cold_start(void **state)
{
    struct storm *s = storm_new(1);
    uint64_t total = 0;
    int64_t at_ms = 0;
    for (unsigned i = 0; i < 1000; i++)
        assert_true(ask(s, i, STORM_NORMAL, at_ms));
    for (unsigned i = 0; i < 1000; i++)
        event(s, i, BOOT_EVENT_FILE_START, BOOT_FILE_LOADER, 0, 10);
    assert_true(ask(s, 1000, STORM_NORMAL, 20));
    sample(s, &total, 0, &at_ms);
    sample(s, &total, 100000000, &at_ms);
    assert_false(ask(s, 1001, STORM_NORMAL, at_ms)); /* 100 kB/s each */
    assert_true(ask(s, 1000, STORM_NORMAL, at_ms));
    storm_free(s);
}

/* The rate falls by half: those that are left are slow, and the link has room, for some of those that wait
 * each time. */
static void slow_ones_leave_room(void **state)
{
    struct storm *s = full();
    uint64_t total = 500000000;
    int64_t at_ms = 0;
    for (unsigned i = 0; i < 3 * STORM_STEP; i++)
        assert_false(ask(s, i, STORM_NORMAL, 0));
    assert_int_equal(next(s, 0), -1);
    for (int i = 0; i < 8; i++)
        sample(s, &total, 10000000, &at_ms);
    assert_false(storm_is_full(s));
    for (unsigned i = 0; i < STORM_STEP; i++)
        assert_int_equal(next(s, at_ms), i);
    assert_int_equal(next(s, at_ms), -1);
    sample(s, &total, 10000000, &at_ms);
    assert_int_equal(next(s, at_ms), STORM_STEP);
    storm_free(s);
}

static void few_never_wait(void **state)
{
    struct storm *s = full();
    assert_int_equal(storm_loading(s), STORM_FLOOR);
    assert_true(ask(s, 1000, STORM_NORMAL, 10)); /* a copy, or the next loader */
    assert_int_equal(storm_loading(s), STORM_FLOOR);
    assert_int_equal(next(s, 10), -1);
    storm_free(s);
}

static void more_wait_in_order(void **state)
{
    struct storm *s = full();
    assert_false(ask(s, 1, STORM_LOW, 10));
    assert_false(ask(s, 2, STORM_NORMAL, 20));
    assert_false(ask(s, 3, STORM_NORMAL, 30));
    assert_false(ask(s, 2, STORM_NORMAL, 40)); /* keeps its place */
    assert_int_equal(storm_waiting(s), 3);
    assert_int_equal(next(s, 50), -1);
    for (unsigned i = 0; i < 3; i++)
        event(s, 1000 + i, BOOT_EVENT_BOOTED, 0, 0, 60);
    assert_false(ask(s, 4, STORM_NORMAL, 60)); /* room, but others were there before */
    assert_int_equal(next(s, 60), 2);
    assert_true(ask(s, 2, STORM_NORMAL, 60));
    assert_int_equal(next(s, 60), 3);
    assert_int_equal(next(s, 60), 4);
    for (unsigned i = 2; i <= 4; i++)
        event(s, i, BOOT_EVENT_FILE_START, BOOT_FILE_LOADER, 0, 60);
    assert_int_equal(next(s, 60), -1);
    event(s, 1010, BOOT_EVENT_BOOTED, 0, 0, 70);
    assert_int_equal(next(s, 70), 1);
    assert_int_equal(storm_waiting(s), 0);
    storm_free(s);
}

/* Whoever waited may have sent its last DISCOVER: a lost OFFER is made good, until the machine goes on. */
static void offers_are_repeated(void **state)
{
    struct storm *s = full();
    int64_t at_ms = STORM_PATIENCE_PXE_MS;
    assert_true(STORM_PATIENCE_PXE_MS + (STORM_AGAIN + 1) * STORM_AGAIN_MS < 32000);
    assert_true(STORM_PATIENCE_IPXE_MS + (STORM_AGAIN + 1) * STORM_AGAIN_MS <= 8000);
    assert_false(ask(s, 1, STORM_NORMAL, 0));
    assert_false(ask(s, 2, STORM_NORMAL, 0));
    assert_int_equal(offered(s, at_ms), 1);
    assert_true(ask(s, 1, STORM_NORMAL, at_ms)); /* as the OFFER is made */
    event(s, 1, BOOT_EVENT_OFFER, 0, 0, at_ms);
    assert_int_equal(offered(s, at_ms), 2);
    event(s, 2, BOOT_EVENT_REQUEST, 0, 0, at_ms + 1);
    for (unsigned i = 0; i < STORM_AGAIN; i++) {
        assert_int_equal(offered(s, at_ms + STORM_AGAIN_MS - 1), -1);
        at_ms += STORM_AGAIN_MS;
        assert_int_equal(offered(s, at_ms), 1);
    }
    assert_int_equal(offered(s, at_ms + STORM_AGAIN_MS), -1);
    assert_int_equal(storm_loading(s), 2); /* the others are silent by now */
    storm_free(s);
}

static void high_never_waits(void **state)
{
    struct storm *s = full();
    assert_false(ask(s, 1, STORM_NORMAL, 10));
    assert_true(ask(s, 2, STORM_HIGH, 10));
    assert_true(ask(s, 1, STORM_HIGH, 20)); /* changed by the operator meanwhile */
    assert_int_equal(storm_loading(s), STORM_FLOOR + 2);
    assert_int_equal(storm_waiting(s), 0);
    storm_free(s);
}

/* Never longer than the last wait of the client, whichever of its DISCOVERs came first here. */
static void patience_ends(void **state)
{
    struct storm *s = full();
    struct storm_ask ipxe = asker(3, STORM_LOW);
    ipxe.ipxe = true;
    assert_true(STORM_PATIENCE_PXE_MS < 32000 && STORM_PATIENCE_IPXE_MS < 8000);
    assert_false(ask(s, 1, STORM_LOW, 0));
    assert_false(ask(s, 2, STORM_NORMAL, 1));
    ipxe.packet.data = asker(3, STORM_LOW).packet.data;
    assert_false(storm_ask(s, &ipxe, T0 + 2));
    for (unsigned at_ms = 1000; at_ms < STORM_PATIENCE_PXE_MS; at_ms += 1000) /* the others go on */
        for (unsigned i = 0; i < STORM_FLOOR; i++)
            event(s, 1000 + i, BOOT_EVENT_FILE_START, BOOT_FILE_KERNEL, 0, at_ms);
    assert_int_equal(next(s, STORM_PATIENCE_IPXE_MS + 1), -1);
    assert_int_equal(next(s, STORM_PATIENCE_IPXE_MS + 2), 3);
    assert_int_equal(next(s, STORM_PATIENCE_PXE_MS - 1), -1);
    assert_int_equal(next(s, STORM_PATIENCE_PXE_MS), 1);
    assert_int_equal(next(s, STORM_PATIENCE_PXE_MS), -1);
    assert_int_equal(next(s, STORM_PATIENCE_PXE_MS + 1), 2);
    storm_free(s);
}

/* Three of three files, however often the size was asked. */
static void last_file_ends(void **state)
{
    struct storm *s = full();
    assert_false(ask(s, 1, STORM_NORMAL, 0));
    event(s, 1000, BOOT_EVENT_FILE_DONE, BOOT_FILE_CONFIG, 3, 10);
    for (int i = 0; i < 3; i++) {
        event(s, 1000, BOOT_EVENT_FILE_START, BOOT_FILE_MODULE, 0, 20);
        event(s, 1000, BOOT_EVENT_FILE_PROBED, BOOT_FILE_MODULE, 0, 20);
        event(s, 1000, BOOT_EVENT_FILE_START, BOOT_FILE_MODULE, 0, 20);
        assert_int_equal(next(s, 20), -1);
        event(s, 1000, BOOT_EVENT_FILE_DONE, BOOT_FILE_MODULE, 0, 30);
    }
    assert_int_equal(storm_loading(s), STORM_FLOOR - 1);
    assert_int_equal(next(s, 30), 1);
    storm_free(s);
}

static void silence_ends(void **state)
{
    struct storm *s = full();
    event(s, 1000, BOOT_EVENT_FILE_START, BOOT_FILE_KERNEL, 0, 1000);
    event(s, 1001, BOOT_EVENT_FILE_START, BOOT_FILE_KERNEL, 0, 1000);
    event(s, 1001, BOOT_EVENT_FILE_FAILED, BOOT_FILE_KERNEL, 0, 2000);
    assert_false(ask(s, 1, STORM_NORMAL, STORM_SILENCE_MS - 1));
    assert_int_equal(next(s, STORM_SILENCE_MS), 1); /* all but two were silent */
    assert_int_equal(storm_loading(s), 3);
    assert_int_equal(next(s, 2000 + STORM_SILENCE_MS), -1);
    assert_int_equal(storm_loading(s), 2);
    assert_int_equal(next(s, 1000 + STORM_SILENCE_FILE_MS), -1);
    assert_int_equal(storm_loading(s), 0);
    assert_false(storm_is_busy(s));
    event(s, 1000, BOOT_EVENT_FILE_START, BOOT_FILE_KERNEL, 0, 70000); /* it is back */
    assert_int_equal(storm_loading(s), 1);
    storm_free(s);
}

static int let_go(struct storm *s, int64_t at_ms)
{
    int count = 0;
    while (next(s, at_ms) >= 0)
        count++;
    return count;
}

/* It seems full, but more machines make more of it; on the plateau it is tried again now and then. */
static void more_make_more(void **state)
{
    struct storm *s = full();
    uint64_t total = 500000000;
    int64_t at_ms = 0;
    int later = 0;
    for (unsigned i = 0; i < 200; i++)
        assert_false(ask(s, i, STORM_NORMAL, 0));
    assert_int_equal(let_go(s, 0), 0);
    for (int i = 0; i < 8; i++)
        sample(s, &total, 150000000, &at_ms);
    assert_true(storm_is_full(s));
    assert_int_equal(let_go(s, 1000), STORM_STEP);
    assert_int_equal(let_go(s, 1000), 0);
    for (int i = 0; i < 24; i++) {
        sample(s, &total, 150000000, &at_ms);
        later += let_go(s, 1000);
    }
    assert_in_range(later, STORM_STEP, 3 * STORM_STEP); /* each 6 s */
    storm_free(s);
}

/* 10 Gb/s carry 1.25 GB/s: 500 machines at 2.5 MB/s. What was carried is forgotten slowly. */
static void rate_makes_room(void **state)
{
    struct storm *s = full();
    uint64_t total = 500000000;
    int64_t at_ms = 0;
    assert_int_equal(storm_limit(s), STORM_FLOOR);
    assert_false(ask(s, 1, STORM_NORMAL, 0));
    for (int i = 0; i < 20; i++)
        sample(s, &total, 1250000000, &at_ms);
    assert_int_equal(storm_limit(s), 500);
    assert_false(storm_is_full(s));
    assert_int_equal(next(s, 0), 1);
    for (int i = 0; i < 8; i++)
        sample(s, &total, 0, &at_ms);
    assert_in_range(storm_limit(s), 250, 499);
    for (int i = 0; i < 100; i++)
        sample(s, &total, 0, &at_ms);
    assert_int_equal(storm_limit(s), STORM_FLOOR);
    storm_free(s);
}

/* A clock or counter that stands still or goes back divides by nothing. */
static void odd_samples(void **state)
{
    struct storm *s = storm_new(1);
    for (int i = 0; i < 40; i++) {
        storm_sent(s, 1000, T0);
        storm_sent(s, (uint64_t)(i % 3) * 500, T0 - i);
    }
    assert_int_equal(storm_limit(s), STORM_FLOOR);
    storm_free(s);
}

static void bounded(void **state)
{
    struct storm *s = full();
    char text[STORM_TEXT_MAX];
    unsigned waiting = 0;
    struct storm_ask large = asker(1, STORM_NORMAL);
    large.packet.size = STORM_PACKET_MAX + 1;
    assert_true(storm_ask(s, &large, T0)); /* rather than to be forgotten */
    for (unsigned i = 0; i < STORM_MACHINES_MAX + 100; i++) {
        struct storm_ask a = asker(i, STORM_NORMAL);
        a.mac.byte[3] = 1;
        waiting += !storm_ask(s, &a, T0);
    }
    assert_int_equal(waiting, STORM_MACHINES_MAX - STORM_FLOOR - 1);
    assert_int_equal(storm_waiting(s), waiting);
    assert_string_equal(storm_text(s, text), "its OFFER waits: 64 machines are loading (100.0 MB a second)");
    struct boot_event nobody = {.kind = BOOT_EVENT_FILE_START};
    storm_event(s, &nobody, T0);
    assert_int_equal(storm_loading(s), STORM_FLOOR + 1);
    storm_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cold_start),
        cmocka_unit_test(slow_ones_leave_room),
        cmocka_unit_test(few_never_wait),
        cmocka_unit_test(more_wait_in_order),
        cmocka_unit_test(offers_are_repeated),
        cmocka_unit_test(high_never_waits),
        cmocka_unit_test(patience_ends),
        cmocka_unit_test(last_file_ends),
        cmocka_unit_test(silence_ends),
        cmocka_unit_test(rate_makes_room),
        cmocka_unit_test(more_make_more),
        cmocka_unit_test(odd_samples),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
