#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proc/boot_cache.h"

static struct boot_cache *cache;
static struct boot_key key;
static const struct fleet_node nodes[2];

static int setup(void **state)
{
    memset(&key, 0, sizeof key);
    key.node = &nodes[0];
    key.site.server = 0x0a4d0001;
    key.client.mac = (struct mac){{2, 0, 0, 0, 0, 1}};
    return (cache = boot_cache_new()) ? 0 : -1;
}

static int teardown(void **state)
{
    boot_cache_free(cache);
    return 0;
}

static bool known(void)
{
    bool is_new;
    boot_cache_get(cache, &key, &is_new);
    return !is_new;
}

static void what_was_kept_is_there_again(void **state)
{
    bool is_new;
    struct boot_kept *kept = boot_cache_get(cache, &key, &is_new);
    assert_true(is_new);
    assert_string_equal(kept->boot.file, "");
    strcpy(kept->boot.file, "pxelinux.0");
    kept->chain = PLAN_CHAIN_PXELINUX;
    kept = boot_cache_get(cache, &key, &is_new);
    assert_false(is_new);
    assert_string_equal(kept->boot.file, "pxelinux.0");
    assert_int_equal(kept->chain, PLAN_CHAIN_PXELINUX);
}

/* Each is something that the answer may follow from. */
static void another_question_is_another_answer(void **state)
{
    const struct boot_key first = key;
    struct boot_key others[12];
    for (size_t i = 0; i < 12; i++)
        memcpy(&others[i], &first, sizeof first);
    others[0].node = &nodes[1];
    others[1].manifest.byte[31] = 1;
    others[2].site.server++;
    others[3].site.loaders = 2;
    others[4].site.loader = "grub";
    others[5].site.client_ip = 0x0a4d000b;
    others[6].site.https_port = 443;
    others[7].client.arch = 7;
    others[8].client.features = PLAN_IPXE_HTTP;
    others[9].client.failed = 4;
    others[10].client.worked = 2;
    others[11].client.rounds = 1;
    for (size_t i = 0; i < 12; i++) {
        memcpy(&key, &first, sizeof key);
        known();
        assert_true(known());
        memcpy(&key, &others[i], sizeof key);
        if (known())
            fail_msg("question %zu was taken for another", i);
    }
}

static void nothing_outlives_the_fleet(void **state)
{
    known();
    assert_true(known());
    boot_cache_clear(cache);
    assert_false(known());
    bool is_new;
    boot_cache_drop(boot_cache_get(cache, &key, &is_new));
    assert_false(known());
}

static void machines_have_their_own(void **state)
{
    unsigned there = 0;
    for (unsigned i = 0; i < 1000; i++) {
        key.client.mac.byte[4] = (uint8_t)(i >> 8);
        key.client.mac.byte[5] = (uint8_t)i;
        known();
    }
    for (unsigned i = 0; i < 1000; i++) {
        key.client.mac.byte[4] = (uint8_t)(i >> 8);
        key.client.mac.byte[5] = (uint8_t)i;
        there += known();
    }
    assert_true(there > 900); /* some share a place */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_kept_is_there_again, setup, teardown),
        cmocka_unit_test_setup_teardown(another_question_is_another_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_outlives_the_fleet, setup, teardown),
        cmocka_unit_test_setup_teardown(machines_have_their_own, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
