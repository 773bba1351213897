#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "inventory/vm_identity.h"

static uint8_t secret[VM_SECRET_SIZE];

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof secret; i++)
        secret[i] = (uint8_t)i;
    return 0;
}

/* printf '2a rack01' | openssl dgst -sha256 -mac HMAC -macopt hexkey:000102...1f, the first half */
#define RIGHT "2a-7b9cc109778ea5d924462e768190d32c"

static void made_as_openssl_does(void **state)
{
    (void)state;
    char out[VM_IDENTITY_MAX];
    vm_identity_make(secret, "rack01", 42, out);
    assert_string_equal(out, RIGHT);
    assert_int_equal(vm_identity_boot(out), 42);
    assert_true(vm_identity_check(secret, "rack01", out));
    vm_identity_make(secret, "rack01", 0xfffffffffffffff, out);
    assert_int_equal(vm_identity_boot(out), 0xfffffffffffffff);
    assert_true(vm_identity_check(secret, "rack01", out));
}

static void forged(void **state)
{
    (void)state;
    char text[VM_IDENTITY_MAX];
    assert_false(vm_identity_check(secret, "rack02", RIGHT));
    assert_false(vm_identity_check(secret, "rack0", RIGHT));
    for (size_t i = 0; i < strlen(RIGHT); i++) {
        strcpy(text, RIGHT);
        text[i] = text[i] == '1' ? '2' : '1';
        assert_false(vm_identity_check(secret, "rack01", text));
    }
    secret[31] ^= 1;
    assert_false(vm_identity_check(secret, "rack01", RIGHT));
    secret[31] ^= 1;
}

static void not_one_at_all(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "-",
        "2a",
        "2a-",
        "-00112233445566778899aabbccddeeff",
        "0-00112233445566778899aabbccddeeff",   /* no boot has the number 0 */
        "02a-00112233445566778899aabbccddeeff", /* one way to write it */
        "2A-00112233445566778899aabbccddeeff",
        "2a-00112233445566778899AABBCCDDEEFF",
        "2a-00112233445566778899aabbccddeef",
        "2a-00112233445566778899aabbccddeeff0",
        "8000000000000000-00112233445566778899aabbccddeeff", /* more than 63 bits */
        "10000000000000001-00112233445566778899aabbccddeeff",
        "IDENTITY",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vm_identity_boot(bad[i]), 0);
        assert_false(vm_identity_check(secret, "rack01", bad[i]));
    }
    assert_int_equal(vm_identity_boot("2a-00112233445566778899aabbccddeeff"), 42);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_as_openssl_does),
        cmocka_unit_test(forged),
        cmocka_unit_test(not_one_at_all),
    };
    return cmocka_run_group_tests_name("inventory/identity", tests, setup, NULL);
}
