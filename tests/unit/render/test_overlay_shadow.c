#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "render/overlay.h"

#define HASH "$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/"

/* Of ESXi 4. */
static char *family = (char[]){"esxi_dd"};

static void check(const char *accounts, const char *hash, const char *expected)
{
    struct error err;
    char copy[1024];
    struct image image = {.family = family};
    if (accounts) {
        snprintf(copy, sizeof copy, "%s", accounts);
        image.accounts = copy;
    }
    cleanup_buf struct buf out = BUF_INIT;
    if (overlay_shadow(&image, hash, &out, &err))
        fail_msg("%s", err.text);
    assert_string_equal(buf_text(&out), expected);
}

static void only_roots_hash_changes(void **state)
{
    check("root:$1$old$x:13358:0:99999:7:::\nnobody:*:13358:0:99999:7:::\ndcui:*:13358:0:99999:7:::\n", HASH,
          "root:" HASH ":13358:0:99999:7:::\nnobody:*:13358:0:99999:7:::\ndcui:*:13358:0:99999:7:::\n");
    check("nobody:*:1:0:9:7:::\nroot::13358:0:99999:7:::\n", HASH,
          "nobody:*:1:0:9:7:::\nroot:" HASH ":13358:0:99999:7:::\n");
}

static void line_ends_stay(void **state)
{
    check("root:!!:1:::::\r\nvimuser:*:1:::::\r\n", HASH, "root:" HASH ":1:::::\r\nvimuser:*:1:::::\r\n");
    check("vimuser:*:1:::::\nroot:x:1:::::", HASH, "vimuser:*:1:::::\nroot:" HASH ":1:::::");
    check("\n\nroot:x:\n", HASH, "\n\nroot:" HASH ":\n");
}

static void missing_root_comes_first(void **state)
{
    check("nobody:*:1:0:9:7:::", HASH, "root:" HASH ":14000:0:99999:7:::\nnobody:*:1:0:9:7:::");
    check("", HASH, "root:" HASH ":14000:0:99999:7:::\n");
}

static void malformed_lines_stay(void **state)
{
    /* No second ':' is no account: getspnam skips it. "rooty" and " root" are others. */
    check("root\nroot:abc\nrooty:x:1:::::\n root:x:1:::::\n::::\n#root:x:\n", HASH,
          "root:" HASH
          ":14000:0:99999:7:::\nroot\nroot:abc\nrooty:x:1:::::\n root:x:1:::::\n::::\n#root:x:\n");
}

static void every_root_line_changes(void **state)
{
    check("root:a:1:::::\nroot:b:2:::::\n", HASH, "root:" HASH ":1:::::\nroot:" HASH ":2:::::\n");
}

static void locked_without_a_hash(void **state)
{
    check("root::13358:0:99999:7:::\n", NULL, "root:*:13358:0:99999:7:::\n");
}

static void known_accounts(void **state)
{
    check(NULL, HASH,
          "root:" HASH ":14000:0:99999:7:::\nnobody:*:14000:0:99999:7:::\nnfsnobody:*:14000:0:99999:7:::\n"
          "dcui:*:14000:0:99999:7:::\ndaemon:*:14000:0:99999:7:::\nvimuser:*:14000:0:99999:7:::\n");
    family = (char[]){"esxi_bootcfg"};
    check(NULL, HASH,
          "root:" HASH ":14000:0:99999:7:::\nnobody:*:14000:0:99999:7:::\nnfsnobody:*:14000:0:99999:7:::\n"
          "dcui:*:14000:0:99999:7:::\ndaemon:*:14000:0:99999:7:::\nvpxuser:*:14000:0:99999:7:::\n");
}

static void bad_hashes(void **state)
{
    static const char *const bad[] = {"", "a:b", "a\nroot::", "a b", "\xc3\xa4", "a\r"};
    struct image image = {.accounts = NULL};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        cleanup_buf struct buf out = BUF_INIT;
        assert_int_equal(overlay_shadow(&image, bad[i], &out, &err), -1);
        assert_non_null(strstr(err.text, "hash"));
        assert_int_equal(out.size, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_roots_hash_changes),  cmocka_unit_test(line_ends_stay),
        cmocka_unit_test(missing_root_comes_first), cmocka_unit_test(malformed_lines_stay),
        cmocka_unit_test(every_root_line_changes),  cmocka_unit_test(locked_without_a_hash),
        cmocka_unit_test(known_accounts),           cmocka_unit_test(bad_hashes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
