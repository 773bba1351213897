#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/range.h"

/* The names, joined by blanks. */
static void good(const char *text, const char *names)
{
    struct range range;
    struct error err;
    if (range_parse(text, &range, &err) < 0)
        fail_msg("%s", err.text);
    char joined[4096] = "";
    for (size_t i = 0; i < range.count; i++) {
        strcat(joined, i ? " " : "");
        strcat(joined, range.names[i]);
    }
    assert_string_equal(joined, names);
    range_fini(&range);
}

static void bad(const char *text, const char *error)
{
    struct range range;
    struct error err;
    assert_int_equal(range_parse(text, &range, &err), -1);
    assert_string_equal(err.text, error);
    assert_null(range.names);
}

static void names(void **state)
{
    good("rack01", "rack01");
    good("a,b,c", "a b c");
    good("a, b", "a b");
    good("rack[01-03]", "rack01 rack02 rack03");
    good("r[8-11]", "r8 r9 r10 r11");
    good("r[08-11]", "r08 r09 r10 r11");
    good("r[098-101]", "r098 r099 r100 r101");
    good("r[01-2]", "r01 r02");
    good("r[0-2]", "r0 r1 r2");
    good("r[00]", "r00");
    good("r[5-5]", "r5");
    good("r[3,1,07-08]", "r3 r1 r07 r08");
    good("r[1-2]n[01-02]x", "r1n01x r1n02x r2n01x r2n02x");
    good("[1-2]", "1 2");
    good("a,b[1,3],c", "a b1 b3 c");
    good("a[1-2][3-4]", "a13 a14 a23 a24");
    good("10.77.0.[9-10]", "10.77.0.9 10.77.0.10");
    good("52:54:00:00:00:[01-02]", "52:54:00:00:00:01 52:54:00:00:00:02");
}

static void wrong(void **state)
{
    bad("", "the range is empty; write a name, as in rack[01-32]");
    bad("a[1-2", "range 'a[1-2', character 2: '[' without ']'; close it");
    bad("a[", "range 'a[', character 2: '[' without ']'; close it");
    bad("a]", "range 'a]', character 2: ']' without '['");
    bad("a[]", "range 'a[]', character 3: here must be a number of 1 to 9 digits, as in [01-32] or [1,3,7]");
    bad("a[1,]",
        "range 'a[1,]', character 5: here must be a number of 1 to 9 digits, as in [01-32] or [1,3,7]");
    bad("a[b-c]",
        "range 'a[b-c]', character 3: here must be a number of 1 to 9 digits, as in [01-32] or [1,3,7]");
    bad("a[-1]",
        "range 'a[-1]', character 3: here must be a number of 1 to 9 digits, as in [01-32] or [1,3,7]");
    bad("a[1-]", "range 'a[1-]', character 5: here must be a number of 1 to 9 digits, as in [01-32]");
    bad("a[3-1]", "range 'a[3-1]', character 3: the last number is below the first; swap them");
    bad("a[1-010]", "range 'a[1-010]', character 3: one width for both ends, please, as in [01-32]");
    bad("a[[1]]",
        "range 'a[[1]]', character 3: here must be a number of 1 to 9 digits, as in [01-32] or [1,3,7]");
    bad("a[1[2]]", "range 'a[1[2]]', character 4: brackets in brackets are not taken");
    bad("a[1x]", "range 'a[1x]', character 4: after a number comes '-', ',' or ']'");
    bad("a,,b", "range 'a,,b', character 3: a name is missing; is there a comma too many?");
    bad(",a", "range ',a', character 1: a name is missing; is there a comma too many?");
    bad("a,", "range 'a,', character 3: a name is missing; is there a comma too many?");
    bad("a[1-3,2]", "range 'a[1-3,2]': a2 is there twice; keep one");
    bad("a,b,a", "range 'a,b,a': a is there twice; keep one");
    bad("a[1][2][3][4][5]",
        "range 'a[1][2][3][4][5]', character 14: more than 4 brackets in one name; split the range");
    bad("a[1-9999999999]",
        "range 'a[1-9999999999]', character 5: here must be a number of 1 to 9 digits, as in [01-32]");
}

static void limits(void **state)
{
    struct range range;
    struct error err;
    assert_int_equal(range_parse("a[1-100000]", &range, &err), 0);
    assert_int_equal(range.count, RANGE_MAX);
    assert_string_equal(range.names[99999], "a100000");
    range_fini(&range);
    bad("a[0-100000]", "range 'a[0-100000]', character 2: more than 100000 names; split the range");
    bad("a[1-999999999]", "range 'a[1-999999999]', character 2: more than 100000 names; split the range");
    bad("a[1-1000][1-1000]",
        "range 'a[1-1000][1-1000]', character 1: more than 100000 names; split the range");
    bad("a[1-50000],b[1-50001]",
        "range 'a[1-50000],b[1-50001]', character 12: more than 100000 names; split the range");
    char text[300];
    memset(text, 'a', sizeof text);
    text[255] = 0;
    assert_int_equal(range_parse(text, &range, &err), 0);
    range_fini(&range);
    strcpy(text + 250, "[1-100000]");
    assert_int_equal(range_parse(text, &range, &err), -1);
    assert_non_null(strstr(err.text, "a name of more than 255 characters"));
    strcpy(text + 255, "a");
    assert_int_equal(range_parse(text, &range, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(wrong),
        cmocka_unit_test(limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
