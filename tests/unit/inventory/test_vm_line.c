#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/vm_line.h"

static struct slice slice_of(const char *text)
{
    return (struct slice){(const uint8_t *)text, strlen(text)};
}

static void written(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    vm_line_put(&out, (const char *[]){"vm", "a|b", "100%", "x\ny\t\x7f", "", "", "Zürich [1] 'q\""}, 7);
    vm_line_put(&out, (const char *[]){"one"}, 1);
    assert_string_equal(buf_text(&out), "vm|a%7Cb|100%25|x%0Ay%09%7F|||Zürich [1] 'q\"\none\n");
    buf_fini(&out);
}

static void taken(void **state)
{
    (void)state;
    struct slice text = slice_of("vm|a%7Cb|100%25|x%0ay||\r\n\nlast  |é%C3%A9");
    struct vm_line line;
    struct error err;
    assert_int_equal(vm_line_next(&text, &line, &err), 1);
    assert_int_equal(line.count, 6);
    assert_string_equal(line.field[0], "vm");
    assert_string_equal(line.field[1], "a|b");
    assert_string_equal(line.field[2], "100%");
    assert_string_equal(line.field[3], "x\ny");
    assert_string_equal(line.field[5], "");
    assert_string_equal(line.field[11], "");
    assert_int_equal(vm_line_next(&text, &line, &err), 1);
    assert_int_equal(line.count, 1);
    assert_string_equal(line.field[0], "");
    assert_int_equal(vm_line_next(&text, &line, &err), 1);
    assert_int_equal(line.count, 2);
    assert_string_equal(line.field[0], "last  ");
    assert_string_equal(line.field[1], "éé");
    assert_string_equal(line.field[2], "");
    assert_int_equal(vm_line_next(&text, &line, &err), 0);
    assert_int_equal(vm_line_next(&text, &line, &err), 0);
}

/* The line after a broken one can be read. */
static void broken(void **state)
{
    (void)state;
    static const char *const bad[] = {"a|%\nb", "a|%4\nb", "%4", "a%G0\nb", "a%0G\nb", "a%00\nb", "%%25\nb"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct slice text = slice_of(bad[i]);
        struct vm_line line;
        struct error err;
        assert_int_equal(vm_line_next(&text, &line, &err), -1);
        assert_int_equal(vm_line_next(&text, &line, &err), strchr(bad[i], '\n') ? 1 : 0);
        if (strchr(bad[i], '\n'))
            assert_string_equal(line.field[0], "b");
    }
    struct slice nul = {(const uint8_t *)"a\0b\n", 4};
    struct vm_line line;
    struct error err;
    assert_int_equal(vm_line_next(&nul, &line, &err), -1);
    assert_string_equal(err.text, "a byte 0");
}

static void limits(void **state)
{
    (void)state;
    struct error err;
    struct vm_line line;
    static char text[VM_LINE_MAX + 2];
    memset(text, 'x', VM_LINE_MAX);
    struct slice longer = {(const uint8_t *)text, VM_LINE_MAX};
    assert_int_equal(vm_line_next(&longer, &line, &err), -1);
    assert_int_equal(longer.size, 0);
    struct slice longest = {(const uint8_t *)text, VM_LINE_MAX - 1};
    assert_int_equal(vm_line_next(&longest, &line, &err), 1);
    assert_int_equal(strlen(line.field[0]), VM_LINE_MAX - 1);
    memset(text, '|', VM_LINE_MAX);
    struct slice many = {(const uint8_t *)text, VM_LINE_MAX - 1};
    assert_int_equal(vm_line_next(&many, &line, &err), 1);
    assert_int_equal(line.count, VM_LINE_FIELDS);
}

static void query(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    assert_true(vm_query_decode("report|1|start%0Avm%7Cvms%7Ca%2520b+c%2Bd%0a", &out));
    assert_string_equal(buf_text(&out), "report|1|start\nvm|vms|a%20b+c+d\n");
    buf_clear(&out);
    assert_true(vm_query_decode("", &out));
    assert_int_equal(out.size, 0);
    assert_false(vm_query_decode("a%", &out));
    assert_false(vm_query_decode("a%2", &out));
    assert_false(vm_query_decode("a%zz", &out));
    assert_false(vm_query_decode("a%00", &out));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written), cmocka_unit_test(taken), cmocka_unit_test(broken),
        cmocka_unit_test(limits),  cmocka_unit_test(query),
    };
    return cmocka_run_group_tests_name("inventory/line", tests, NULL, NULL);
}
