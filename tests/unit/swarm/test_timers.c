#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "swarm/timers.h"

#define TIMERS 100

static struct swarm_timer timers[TIMERS];
static int64_t fired[TIMERS];
static size_t fired_count;

static void fire(struct swarm_timer *t, int64_t now_us)
{
    fired[fired_count++] = t->due_us;
}

static void start(struct swarm_timers *all)
{
    fired_count = 0;
    assert_true(swarm_timers_init(all, TIMERS));
    for (size_t i = 0; i < TIMERS; i++)
        timers[i] = (struct swarm_timer){.fire = fire};
}

static void in_order_whatever_the_order_they_were_set_in(void **state)
{
    struct swarm_timers all;
    start(&all);
    for (size_t i = 0; i < TIMERS; i++)
        swarm_timer_set(&all, &timers[i], (int64_t)(i * 37 % TIMERS));
    swarm_timer_stop(&all, &timers[0]); /* due at 0 */
    swarm_timer_stop(&all, &timers[0]);
    assert_int_equal(swarm_timers_run(&all, 49), 1);
    assert_int_equal(fired_count, 49);
    assert_int_equal(swarm_timers_run(&all, 1000), -1);
    assert_int_equal(fired_count, 99);
    for (size_t i = 0; i < fired_count; i++)
        assert_int_equal(fired[i], (int64_t)i + 1);
    swarm_timers_fini(&all);
}

static void one_that_is_moved_fires_at_its_new_time(void **state)
{
    struct swarm_timers all;
    start(&all);
    swarm_timer_set(&all, &timers[0], 10);
    swarm_timer_set(&all, &timers[1], 20);
    swarm_timer_set(&all, &timers[0], 30);
    assert_int_equal(swarm_timers_run(&all, 15), 5);
    assert_int_equal(fired_count, 0);
    swarm_timer_set(&all, &timers[0], 18); /* and sooner again */
    swarm_timers_run(&all, 19);
    assert_int_equal(fired_count, 1);
    swarm_timers_run(&all, 100);
    assert_int_equal(fired_count, 2);
    swarm_timers_fini(&all);
}

static void stopping_any_keeps_the_rest_in_order(void **state)
{
    struct swarm_timers all;
    for (size_t gone = 0; gone < TIMERS; gone++) {
        start(&all);
        for (size_t i = 0; i < TIMERS; i++)
            swarm_timer_set(&all, &timers[i], (int64_t)(i * 61 % TIMERS));
        swarm_timer_stop(&all, &timers[gone]);
        swarm_timers_run(&all, 1000);
        assert_int_equal(fired_count, TIMERS - 1);
        for (size_t i = 1; i < fired_count; i++)
            assert_true(fired[i - 1] < fired[i]);
        swarm_timers_fini(&all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order_whatever_the_order_they_were_set_in),
        cmocka_unit_test(one_that_is_moved_fires_at_its_new_time),
        cmocka_unit_test(stopping_any_keeps_the_rest_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
