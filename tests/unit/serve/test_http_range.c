#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/http_range.h"

/* RFC 9110, section 14.1.2, has the first of these as its examples, of a file of 10 000 bytes. */
static void ranges(void **state)
{
    static const struct {
        const char *value;
        uint64_t file_size;
        enum http_range_kind kind;
        uint64_t offset, size;
    } cases[] = {
        {"bytes=0-499", 10000, HTTP_RANGE_PART, 0, 500},
        {"bytes=500-999", 10000, HTTP_RANGE_PART, 500, 500},
        {"bytes=-500", 10000, HTTP_RANGE_PART, 9500, 500},
        {"bytes=9500-", 10000, HTTP_RANGE_PART, 9500, 500},
        {"bytes=0-0", 10000, HTTP_RANGE_PART, 0, 1},
        {"bytes=-1", 10000, HTTP_RANGE_PART, 9999, 1},
        {"bytes=0-", 10000, HTTP_RANGE_PART, 0, 10000},
        {"bytes=0-99999", 10000, HTTP_RANGE_PART, 0, 10000},
        {"bytes=9999-9999", 10000, HTTP_RANGE_PART, 9999, 1},
        {"bytes=-20000", 10000, HTTP_RANGE_PART, 0, 10000},
        {"Bytes=0-1", 10000, HTTP_RANGE_PART, 0, 2},
        {"bytes= 0-1\t", 10000, HTTP_RANGE_PART, 0, 2},
        {"bytes=0-18446744073709551615", 10000, HTTP_RANGE_PART, 0, 10000},
        {"bytes=0-99999999999999999999999", 10000, HTTP_RANGE_PART, 0, 10000},
        {"bytes=-99999999999999999999999", 10000, HTTP_RANGE_PART, 0, 10000},
        {"bytes=18446744073709551614-", UINT64_MAX, HTTP_RANGE_PART, UINT64_MAX - 1, 1},
        {"bytes=10000-", 10000, HTTP_RANGE_NONE, 0, 10000},
        {"bytes=10000-10001", 10000, HTTP_RANGE_NONE, 0, 10000},
        {"bytes=99999999999999999999999-", 10000, HTTP_RANGE_NONE, 0, 10000},
        {"bytes=-0", 10000, HTTP_RANGE_NONE, 0, 10000},
        {"bytes=0-", 0, HTTP_RANGE_NONE, 0, 0},
        {"bytes=-5", 0, HTTP_RANGE_WHOLE, 0, 0},
        {"bytes=0-1,5-6", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=0-1,", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=5-4", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=-", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=x-1", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=1-x", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=1", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=--1", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes=0x1-2", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"bytes 0-1", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"lines=0-1", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {"", 10000, HTTP_RANGE_WHOLE, 0, 10000},
        {NULL, 10000, HTTP_RANGE_WHOLE, 0, 10000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_range r;
        if (http_range_parse(cases[i].value, cases[i].file_size, &r) != cases[i].kind ||
            r.offset != cases[i].offset || r.size != cases[i].size)
            fail_msg("%s of %llu: %llu+%llu", cases[i].value, (unsigned long long)cases[i].file_size,
                     (unsigned long long)r.offset, (unsigned long long)r.size);
    }
}

static void entity_tags(void **state)
{
    static const struct {
        const char *value;
        bool listed;
    } cases[] = {
        {"\"abc\"", true},
        {"W/\"abc\"", true},
        {"*", true},
        {" * ", true},
        {"\"x\", \"abc\"", true},
        {"\"x\",W/\"y\" ,\"abc\",\"z\"", true},
        {"\"x,\\\", \"abc\"", true}, /* a backslash is a byte like any other in an etag */
        {"\"ab\"", false},
        {"\"abcd\"", false},
        {"abc", false},
        {"\"abc", false},
        {"*, \"x\"", false},
        {"w/\"abc\"", false}, /* W is upper case: RFC 9110, section 8.8.3 */
        {"\"x\" junk \"abc\"", false},
        {"", false},
        {NULL, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (http_etag_listed(cases[i].value, "\"abc\"") != cases[i].listed)
            fail_msg("%s", cases[i].value);
    assert_false(http_etag_listed("*", "")); /* no tag: never known to be the same */
    assert_false(http_etag_listed("\"\"", ""));
}

static void if_range(void **state)
{
    assert_true(http_etag_current(NULL, "\"abc\""));
    assert_true(http_etag_current("\"abc\"", "\"abc\""));
    assert_false(http_etag_current("W/\"abc\"", "\"abc\""));
    assert_false(http_etag_current("\"abd\"", "\"abc\""));
    assert_false(http_etag_current("Sun, 22 Nov 2026 16:03:52 GMT", "\"abc\""));
    assert_false(http_etag_current("", ""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(entity_tags),
        cmocka_unit_test(if_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
