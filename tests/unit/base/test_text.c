#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/net.h"
#include "base/text.h"

static void sizes(void **state)
{
    char t[TEXT_SIZE_MAX];
    assert_string_equal(text_size(0, t), "0 B");
    assert_string_equal(text_size(999, t), "999 B");
    assert_string_equal(text_size(1500, t), "1.5 kB");
    assert_string_equal(text_size(999999, t), "1.0 MB");
    assert_string_equal(text_size(70300000, t), "70.3 MB");
}

static void durations(void **state)
{
    char t[TEXT_DURATION_MAX];
    assert_string_equal(text_duration_ms(85, t), "85 ms");
    assert_string_equal(text_duration_ms(37900, t), "37.9 s");
    assert_string_equal(text_duration_ms(125000, t), "2 min 05 s");
    assert_string_equal(text_duration_ms(7500000, t), "2 h 05 min");
}

static void printable(void **state)
{
    char out[32];
    text_printable("a\033[2Jb\n", 7, out, sizeof out);
    assert_string_equal(out, "a?[2Jb?");
    text_printable("gr\xc3\xbc\xc3\x9f", 6, out, sizeof out);
    assert_string_equal(out, "gr\xc3\xbc\xc3\x9f");
    text_printable("\xc0\x80\xed\xa0\x80\xc2\x85", 7, out, sizeof out);
    assert_string_equal(out, "???????");
    text_printable("abcdef", 6, out, 4);
    assert_string_equal(out, "abc");
}

static void scrubbed(void **state)
{
    char text[] = "a\033[2Jb\n\xc2\x9b"
                  "31m gr\xc3\xbc\xff\tz";
    text_scrub(text, sizeof text - 1, "\n");
    assert_string_equal(text, "a?[2Jb\n??31m gr\xc3\xbc??z");
    text_scrub(text, sizeof text - 1, "");
    assert_string_equal(text, "a?[2Jb???31m gr\xc3\xbc??z");
    text_scrub(text, 0, "");
}

static void numbers(void **state)
{
    uint64_t v = 7;
    assert_true(text_u64("65535", 0, 65535, &v));
    assert_int_equal(v, 65535);
    assert_false(text_u64("65536", 0, 65535, &v));
    assert_false(text_u64("", 0, 9, &v));
    assert_false(text_u64("-1", 0, 9, &v));
    assert_false(text_u64("1 ", 0, 9, &v));
    assert_true(text_u64("18446744073709551615", 0, UINT64_MAX, &v));
    assert_false(text_u64("18446744073709551616", 0, UINT64_MAX, &v));
}

static void distances(void **state)
{
    assert_int_equal(text_distance("image", "imgae", 3), 2);
    assert_int_equal(text_distance("serve", "serve", 3), 0);
    assert_int_equal(text_distance("serve", "status", 3), 4);
}

static void macs(void **state)
{
    struct mac m;
    char t[MAC_TEXT_SIZE];
    const char *const good[] = {"52:54:00:AB:cd:ef", "52-54-00-ab-cd-ef", "5254.00ab.cdef", "525400abcdef"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(mac_parse(good[i], &m));
        assert_string_equal(mac_format(&m, t), "52:54:00:ab:cd:ef");
    }
    assert_string_equal(mac_format_dash(&m, t), "52-54-00-ab-cd-ef");
    const char *const bad[] = {"",
                               "52:54:00:ab:cd",
                               "52:54:00:ab:cd:eg",
                               "52:54-00:ab:cd:ef",
                               "525400abcde",
                               "52:54:00:ab:cd:ef:00",
                               "5254:00ab:cdef",
                               "5:254:00:ab:cd:ef"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(mac_parse(bad[i], &m));
}

static void addresses(void **state)
{
    uint32_t ip;
    unsigned prefix;
    char t[IP4_TEXT_SIZE];
    assert_true(ip4_parse("10.77.0.1", &ip));
    assert_int_equal(ip, 0x0a4d0001);
    const char *const same[] = {"10.77.0.1", "0.0.0.0", "255.255.255.255", "9.10.99.100", "109.200.201.250"};
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(ip4_parse(same[i], &ip));
        assert_string_equal(ip4_format(ip, t), same[i]);
    }
    assert_false(ip4_parse("10.77.0", &ip));
    assert_true(ip4_parse_prefix("10.77.0.0/24", &ip, &prefix));
    assert_int_equal(prefix, 24);
    assert_int_equal(ip4_mask(24), 0xffffff00);
    assert_int_equal(ip4_mask(0), 0);
    assert_false(ip4_parse_prefix("10.77.0.0/33", &ip, &prefix));
    assert_false(ip4_parse_prefix("10.77.0.0/", &ip, &prefix));
    assert_false(ip4_parse_prefix("10.77.0.0", &ip, &prefix));
}

static void digests(void **state)
{
    struct digest d, e;
    char t[SHA256_HEX_SIZE];
    digest_of("abc", 3, &d); /* FIPS 180-2, appendix B.1 */
    assert_string_equal(digest_format(&d, t),
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_true(digest_parse(t, &e));
    assert_true(digest_equal(&d, &e));
    t[0] = 'B';
    assert_false(digest_parse(t, &e));
}

static void errors(void **state)
{
    struct error e;
    assert_int_equal(error_errno(&e, 2, "open %s", "x"), -1);
    assert_string_equal(e.text, "open x: No such file or directory");
    assert_int_equal(e.code, 2);
    error_wrap(&e, "import");
    assert_string_equal(e.text, "import: open x: No such file or directory");
    assert_int_equal(error_set(NULL, "nobody listens"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes),    cmocka_unit_test(durations), cmocka_unit_test(printable),
        cmocka_unit_test(scrubbed), cmocka_unit_test(numbers),   cmocka_unit_test(distances),
        cmocka_unit_test(macs),     cmocka_unit_test(addresses), cmocka_unit_test(digests),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
