/* Hashes against openssl's own crypt: the same password and salt must give the same hash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/password.h"

static void openssl_agrees(const char *password, enum password_strength strength, const char *prefix,
                           const char *option)
{
    char hash[PASSWORD_HASH_MAX], salt[32], command[256], line[PASSWORD_HASH_MAX + 2];
    struct error err;
    if (password_hash(password, strength, hash, &err) < 0)
        fail_msg("%s", err.text);
    assert_memory_equal(hash, prefix, 3);
    assert_true(password_hash_valid(hash, strength));
    size_t size = strcspn(hash + 3, "$");
    snprintf(salt, sizeof salt, "%.*s", (int)size, hash + 3);
    snprintf(command, sizeof command, "openssl passwd %s -salt '%s' '%s'", option, salt, password);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof line, f));
    assert_int_equal(pclose(f), 0);
    line[strcspn(line, "\n")] = 0;
    assert_string_equal(hash, line);
}

static void strong(void **state)
{
    openssl_agrees("secret", PASSWORD_STRONG, "$6$", "-6");
    openssl_agrees("Gr\xc3\xbc\xc3\x9f"
                   "e  # $x \"y\"",
                   PASSWORD_STRONG, "$6$", "-6");
}

static void weak(void **state)
{
    openssl_agrees("secret", PASSWORD_WEAK, "$1$", "-1");
    openssl_agrees("a", PASSWORD_WEAK, "$1$", "-1");
}

static void salts_differ(void **state)
{
    char one[PASSWORD_HASH_MAX], two[PASSWORD_HASH_MAX];
    assert_int_equal(password_hash("secret", PASSWORD_STRONG, one, NULL), 0);
    assert_int_equal(password_hash("secret", PASSWORD_STRONG, two, NULL), 0);
    assert_string_not_equal(one, two);
}

static void refused(void **state)
{
    char hash[PASSWORD_HASH_MAX], longest[PASSWORD_MAX + 1];
    struct error err;
    assert_int_equal(password_hash("", PASSWORD_STRONG, hash, &err), -1);
    assert_string_equal(err.text, "the password is empty; choose one of at least one character");
    assert_int_equal(password_hash("ab\n", PASSWORD_STRONG, hash, &err), -1);
    assert_string_equal(err.text, "the password has a control character at byte 3; leave it out");
    memset(longest, 'x', sizeof longest);
    longest[PASSWORD_MAX] = 0;
    assert_int_equal(password_hash(longest, PASSWORD_STRONG, hash, &err), -1);
    assert_string_equal(err.text, "the password has 512 bytes; at most 511 are taken");
    longest[PASSWORD_MAX - 1] = 0;
    assert_int_equal(password_hash(longest, PASSWORD_STRONG, hash, &err), 0);
}

/* openssl passwd -6 -salt abcdefgh secret; -1 -salt abcdefgh secret */
#define TAIL "ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG."

static void shapes(void **state)
{
    static const struct {
        const char *hash;
        bool strong, weak;
    } table[] = {
        {"$6$abcdefgh$" TAIL, true, false},
        {"$6$rounds=5000$abcdefgh$" TAIL, true, false},
        {"$6$rounds=999$abcdefgh$" TAIL, false, false},
        {"$6$rounds=1000000000$abcdefgh$" TAIL, false, false},
        {"$6$rounds=$abcdefgh$" TAIL, false, false},
        {"$6$rounds=5000", false, false},
        {"$6$$" TAIL, false, false},
        {"$6$abcdefghijklmnopq$" TAIL, false, false},
        {"$6$abcdefgh$" TAIL "x", false, false},
        {"$6$abcdefgh$" TAIL ":0:", false, false},
        {"$6$abc:efgh$" TAIL, false, false},
        {"$6$abcdefgh", false, false},
        {"$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", false, true},
        {"$1$abcdefghi$cHJi5PXp/ki/ktXzqlk6I1", false, false},
        {"$1$abcdefgh$cHJi5PXp/ki/ktXzqlk6I", false, false},
        {"$5$abcdefgh$cHJi5PXp/ki/ktXzqlk6I1", false, false},
        {"", false, false},
        {"$", false, false},
        {"*", false, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(password_hash_valid(table[i].hash, PASSWORD_STRONG), table[i].strong);
        assert_int_equal(password_hash_valid(table[i].hash, PASSWORD_WEAK), table[i].weak);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strong),  cmocka_unit_test(weak),   cmocka_unit_test(salts_differ),
        cmocka_unit_test(refused), cmocka_unit_test(shapes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
