#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/http_target.h"

static void targets(void **state)
{
    static const struct {
        const char *target;
        const char *name; /* NULL: refused */
    } cases[] = {
        {"/pxelinux.0", "pxelinux.0"},
        {"//image//1/vmk.gz", "image/1/vmk.gz"},
        {"/a%20b%2Bc+d", "a b+c+d"},
        {"/%61%2fb", "a/b"},
        {"/%25%32%35", "%25"}, /* decoded once */
        {"/", ""},
        {"*", "*"},
        {"http://10.0.0.1:80/esx/boot.cfg", "esx/boot.cfg"},
        {"HTTP://host/x", "x"},
        {"http://host", ""},
        {"https://host:443/x?http://y/", "x"},
        {"http://host?x/y", ""},
        {"/x?", "x"},
        {"/x?%", "x"}, /* it is not decoded */
        {"?/x", ""},
        {"/http://host/x", "http:/host/x"},
        {"/%3Fx", "?x"},
        {"/a%", NULL},
        {"/a%4", NULL},
        {"/a%4g", NULL},
        {"/a%g4", NULL},
        {"/a%00b", NULL},
        {"/a%0d%0aX: y", NULL},
        {"/../a", NULL},
        {"/%2e%2e/a", NULL},
        {"/a/%2e./b", NULL},
        {"/..%2fa", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[BOOT_PATH_MAX];
        bool ok = http_target_decode(cases[i].target, out);
        if (ok != (cases[i].name != NULL) || (ok && strcmp(out, cases[i].name) != 0))
            fail_msg("%s: %s", cases[i].target, ok ? out : "refused");
    }
}

static void long_targets_are_refused(void **state)
{
    char target[8 * BOOT_PATH_MAX], out[BOOT_PATH_MAX];
    memset(target, 0, sizeof target);
    for (size_t i = 0; i < BOOT_PATH_MAX - 1; i++)
        memcpy(target + 3 * i, "%61", 3);
    assert_true(http_target_decode(target, out));
    assert_int_equal(strlen(out), BOOT_PATH_MAX - 1);
    memcpy(target + 3 * (BOOT_PATH_MAX - 1), "%61", 3);
    assert_false(http_target_decode(target, out));
    memset(target, '/', sizeof target - 1);
    assert_false(http_target_decode(target, out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(targets),
        cmocka_unit_test(long_targets_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
