#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/wire.h"

static void reads_in_order(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 'h', 'i', 0, 9};
    struct wire_in w = wire_in(bytes, sizeof bytes);
    assert_int_equal(wire_u8(&w), 1);
    assert_int_equal(wire_u16(&w), 0x0203);
    assert_int_equal(wire_u32le(&w), 0x07060504);
    assert_string_equal(wire_text(&w), "hi");
    assert_int_equal(wire_left(&w), 1);
    assert_false(w.bad);
}

static void past_the_end_is_sticky(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct wire_in w = wire_in(bytes, sizeof bytes);
    assert_int_equal(wire_u32(&w), 0);
    assert_true(w.bad);
    assert_int_equal(wire_u8(&w), 0);
    assert_int_equal(wire_left(&w), 0);
    struct wire_in text = wire_in("abc", 3);
    assert_null(wire_text(&text));
    assert_true(text.bad);
    struct wire_in none = wire_in(NULL, 0);
    assert_int_equal(wire_bytes(&none, 0).size, 0);
    assert_false(none.bad);
}

static void writes_until_full(void **state)
{
    uint8_t bytes[8];
    struct wire_out w = wire_out(bytes, sizeof bytes);
    wire_put_u16(&w, 0x0102);
    wire_put_u32(&w, 0x03040506);
    wire_put_zero(&w, 2);
    assert_false(w.full);
    assert_int_equal(wire_written(&w), 8);
    assert_memory_equal(bytes, "\1\2\3\4\5\6\0\0", 8);
    wire_put_u8(&w, 1);
    assert_true(w.full);
    assert_int_equal(wire_written(&w), 8);
    struct wire_out le = wire_out(bytes, sizeof bytes);
    wire_put_u16le(&le, 0x0102);
    wire_put_u32le(&le, 0x03040506);
    assert_memory_equal(bytes, "\2\1\6\5\4\3", 6);
    assert_int_equal(wire_written(&le), 6);
}

static void buf_grows(void **state)
{
    struct buf b = BUF_INIT;
    assert_string_equal(buf_text(&b), "");
    for (int i = 0; i < 1000; i++)
        buf_format(&b, "%d,", i);
    assert_false(b.failed);
    assert_int_equal(b.size, 10 * 2 + 90 * 3 + 900 * 4);
    assert_memory_equal(buf_text(&b), "0,1,2,", 6);
    buf_fini(&b);
    assert_null(b.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_in_order),
        cmocka_unit_test(past_the_end_is_sticky),
        cmocka_unit_test(writes_until_full),
        cmocka_unit_test(buf_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
