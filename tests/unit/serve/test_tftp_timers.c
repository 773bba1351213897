#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "serve/tftp_timers.h"

#define COUNT 300

static void in_order_of_their_deadlines(void **state)
{
    struct tftp_timers timers = {0};
    struct tftp_timer t[4] = {0};
    static const int64_t due_us[] = {30, 10, 40, 20};
    static const int order[] = {1, 3, 0, 2};
    assert_null(tftp_timers_first(&timers));
    assert_true(tftp_timers_reserve(&timers, 4));
    for (int i = 0; i < 4; i++)
        tftp_timers_set(&timers, &t[i], due_us[i]);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(tftp_timers_first(&timers), &t[order[i]]);
        tftp_timers_unset(&timers, &t[order[i]]);
        tftp_timers_unset(&timers, &t[order[i]]);
    }
    assert_null(tftp_timers_first(&timers));
    tftp_timers_fini(&timers);
}

/* Against a plain search, through many random sets, moves and unsets. */
static void as_a_plain_search_finds_it(void **state)
{
    struct tftp_timers timers = {0};
    static struct tftp_timer t[COUNT];
    int64_t due_us[COUNT];
    for (int i = 0; i < COUNT; i++)
        due_us[i] = INT64_MAX;
    uint32_t random = 1;
    for (int round = 0; round < 50000; round++) {
        random = random * 1664525u + 1013904223u;
        unsigned i = (random >> 16) % COUNT;
        if (random >> 10 & 1) {
            due_us[i] = (random >> 8) % 1000;
            assert_true(tftp_timers_reserve(&timers, timers.count + 1));
            tftp_timers_set(&timers, &t[i], due_us[i]);
        } else {
            due_us[i] = INT64_MAX;
            tftp_timers_unset(&timers, &t[i]);
        }
        int64_t first_us = INT64_MAX;
        size_t set = 0;
        for (int k = 0; k < COUNT; k++) {
            set += due_us[k] != INT64_MAX;
            if (due_us[k] < first_us)
                first_us = due_us[k];
        }
        assert_int_equal(timers.count, set);
        assert_int_equal(set ? tftp_timers_first(&timers)->due_us : INT64_MAX, first_us);
    }
    tftp_timers_fini(&timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_of_their_deadlines),
        cmocka_unit_test(as_a_plain_search_finds_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
