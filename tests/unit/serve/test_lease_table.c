#include "serve/lease_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define POOL 0x0a4d0064u /* 10.77.0.100 */

static struct mac mac_of(uint32_t n)
{
    return (struct mac){{2, 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n}};
}

static bool put(struct lease_table *t, uint32_t n, uint32_t ip, enum lease_state state, int64_t expires_ms)
{
    struct lease lease = {.mac = mac_of(n), .ip = ip, .state = state, .expires_ms = expires_ms};
    return lease_table_put(t, &lease, 0);
}

static bool all_allowed(const void *ctx, uint32_t ip)
{
    return !ctx || *(const uint32_t *)ctx != ip;
}

static uint32_t pick(const struct lease_table *t, uint32_t n, uint32_t last, int64_t now_ms)
{
    struct mac mac = mac_of(n);
    return lease_table_pick(t, &mac, POOL, last, now_ms, all_allowed, NULL);
}

static void found_by_both(void **state)
{
    struct lease_table *t = lease_table_new(100, 7);
    struct mac one = mac_of(1), two = mac_of(2);
    assert_null(lease_table_by_ip(t, POOL));
    assert_true(put(t, 1, POOL, LEASE_BOUND, 10));
    assert_true(mac_equal(&lease_table_by_ip(t, POOL)->mac, &one));
    assert_int_equal(lease_table_by_mac(t, &one, POOL, 24)->ip, POOL);
    assert_null(lease_table_by_mac(t, &one, 0x0a4e0000, 24)); /* not on another network */
    /* Another machine takes the address: the first has nothing any more. */
    assert_true(put(t, 2, POOL, LEASE_BOUND, 20));
    assert_null(lease_table_by_mac(t, &one, POOL, 24));
    assert_int_equal(lease_table_by_mac(t, &two, POOL, 24)->expires_ms, 20);
    assert_int_equal(lease_table_count(t), 1);
    /* One MAC on two VLANs, and then a second address on one of them: the newest counts. */
    assert_true(put(t, 2, 0x0a4e0005, LEASE_BOUND, 20));
    assert_true(put(t, 2, POOL + 1, LEASE_BOUND, 20));
    assert_int_equal(lease_table_by_mac(t, &two, POOL, 24)->ip, POOL + 1);
    assert_int_equal(lease_table_by_mac(t, &two, 0x0a4e0000, 24)->ip, 0x0a4e0005);
    /* A declined address is nobody's, but its record stays. */
    assert_true(put(t, 2, POOL + 1, LEASE_DECLINED, 30));
    assert_int_equal(lease_table_by_mac(t, &two, POOL, 24)->ip, POOL);
    assert_true(lease_is_held(lease_table_by_ip(t, POOL + 1), 29));
    assert_false(lease_is_held(lease_table_by_ip(t, POOL + 1), 30));
    lease_table_remove(t, POOL + 1);
    assert_null(lease_table_by_ip(t, POOL + 1));
    lease_table_remove(t, POOL + 1);
    assert_int_equal(lease_table_count(t), 2);
    lease_table_free(t);
}

static void two_hundred_thousand(void **state)
{
    struct lease_table *t = lease_table_new(LEASE_TABLE_MAX, 99);
    for (uint32_t i = 0; i < 200000; i++)
        assert_true(put(t, i, 0x0a000001 + i, LEASE_BOUND, 1000));
    for (uint32_t i = 0; i < 200000; i++) {
        struct mac mac = mac_of(i);
        assert_int_equal(lease_table_by_mac(t, &mac, 0x0a000000, 8)->ip, 0x0a000001 + i);
        assert_true(mac_equal(&lease_table_by_ip(t, 0x0a000001 + i)->mac, &mac));
    }
    assert_int_equal(lease_table_count(t), 200000);
    lease_table_free(t);
}

/* Full: what ended gives way, the oldest first; what is held never does. */
static void limit(void **state)
{
    struct lease_table *t = lease_table_new(3, 7);
    assert_true(put(t, 1, 1, LEASE_BOUND, 1000));
    assert_true(put(t, 2, 2, LEASE_RELEASED, 1000));
    assert_true(put(t, 3, 3, LEASE_RELEASED, 1000));
    assert_true(put(t, 4, 4, LEASE_BOUND, 1000));
    assert_null(lease_table_by_ip(t, 2));
    assert_non_null(lease_table_by_ip(t, 3));
    assert_true(put(t, 5, 5, LEASE_BOUND, 1000));
    assert_false(put(t, 6, 6, LEASE_BOUND, 1000));
    assert_true(put(t, 7, 5, LEASE_BOUND, 1000)); /* a record that is there needs no room */
    struct lease late = {.mac = mac_of(8), .ip = 8, .state = LEASE_BOUND, .expires_ms = 9999};
    assert_true(lease_table_put(t, &late, 1000)); /* all three are over by now */
    assert_null(lease_table_by_ip(t, 1));
    assert_int_equal(lease_table_count(t), 3);
    lease_table_free(t);
}

static void pick_is_stable(void **state)
{
    struct lease_table *a = lease_table_new(1000, 1), *b = lease_table_new(1000, 2);
    uint32_t differ = 0;
    for (uint32_t i = 0; i < 50; i++) {
        uint32_t ip = pick(a, i, POOL + 99, 0);
        assert_in_range(ip, POOL, POOL + 99);
        assert_int_equal(pick(b, i, POOL + 99, 0), ip); /* the seed is for the buckets only */
        differ += ip != pick(a, 0, POOL + 99, 0);
    }
    assert_true(differ > 40);
    lease_table_free(a);
    lease_table_free(b);
}

static void pick_all_then_oldest(void **state)
{
    struct lease_table *t = lease_table_new(1000, 1);
    uint32_t barred = POOL + 3;
    struct mac late = mac_of(77);
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t ip = pick(t, i, POOL + 9, 0);
        assert_in_range(ip, POOL, POOL + 9);
        assert_null(lease_table_by_ip(t, ip)); /* never used ones first */
        assert_true(put(t, i, ip, LEASE_BOUND, 1000 + (ip == POOL + 6 || ip == barred ? 0 : ip - POOL + 1)));
    }
    assert_int_equal(pick(t, 77, POOL + 9, 0), 0);
    assert_int_equal(pick(t, 77, POOL + 9, 2000) == POOL + 6 || pick(t, 77, POOL + 9, 2000) == barred, true);
    assert_int_equal(lease_table_pick(t, &late, POOL, POOL + 9, 2000, all_allowed, &barred), POOL + 6);
    assert_int_equal(lease_table_pick(t, &late, barred, barred, 2000, all_allowed, &barred), 0);
    assert_true(put(t, 1, POOL + 9, LEASE_RELEASED, 500));
    assert_int_equal(pick(t, 77, POOL + 9, 600), POOL + 9);
    lease_table_free(t);
}

static void clock_back(void **state)
{
    struct lease_table *t = lease_table_new(10, 1);
    assert_true(put(t, 1, 1, LEASE_BOUND, 100000));
    assert_true(put(t, 2, 2, LEASE_DECLINED, 100000));
    lease_table_set_back(t, 90000);
    assert_int_equal(lease_table_by_ip(t, 1)->expires_ms, 100000);
    assert_int_equal(lease_table_by_ip(t, 2)->expires_ms, 10000);
    lease_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(found_by_both),
        cmocka_unit_test(two_hundred_thousand),
        cmocka_unit_test(limit),
        cmocka_unit_test(pick_is_stable),
        cmocka_unit_test(pick_all_then_oldest),
        cmocka_unit_test(clock_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
