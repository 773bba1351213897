#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet.h"
#include "proc/config_cache.h"

static struct config_key key_of(unsigned machine)
{
    return (struct config_key){.config = BOOT_CONFIG_IPXE,
                               .chain = PLAN_CHAIN_IPXE,
                               .mac = {{2, 0, 0, 0, (uint8_t)(machine >> 8), (uint8_t)machine}},
                               .asker = {0x0a000002, 0x0a000001, BOOT_VIA_HTTP, ""}};
}

static void put(struct config_cache *cache, const struct config_key *key, const void *bytes, size_t size)
{
    struct boot_file *file = boot_file_from_bytes(bytes, size);
    assert_non_null(file);
    config_cache_put(cache, key, file);
    boot_file_unref(file);
}

/* Whatever a config's bytes follow from tells two keys apart. */
static void each_part_of_the_key_counts(void **state)
{
    struct fleet_node node;
    struct config_cache *cache = config_cache_new();
    struct config_key keys[9];
    for (size_t i = 0; i < 9; i++)
        keys[i] = key_of(0);
    keys[1].node = &node;
    keys[2].manifest.byte[31] = 1;
    keys[3].config = BOOT_CONFIG_GRUB;
    keys[4].chain = PLAN_CHAIN_GRUB;
    keys[5].mac.byte[0] = 6;
    keys[6].asker.client_ip++;
    keys[7].asker.server_ip++;
    keys[8].asker.via = BOOT_VIA_HTTPS;
    for (size_t i = 0; i < 9; i++) {
        put(cache, &keys[0], "first", 5);
        if (i)
            assert_null(config_cache_get(cache, &keys[i]));
        put(cache, &keys[i], &i, sizeof i);
        struct boot_file *got = config_cache_get(cache, &keys[i]);
        assert_non_null(got);
        assert_memory_equal(got->data, &i, sizeof i);
        config_cache_clear(cache);
        assert_null(config_cache_get(cache, &keys[i]));
    }
    config_cache_free(cache);
}

/* Ten thousand machines find theirs again, nearly all; nobody finds another's. */
static void many_machines(void **state)
{
    struct config_cache *cache = config_cache_new();
    unsigned found = 0;
    for (unsigned i = 0; i < 10000; i++) {
        struct config_key key = key_of(i);
        put(cache, &key, &i, sizeof i);
    }
    for (unsigned i = 0; i < 10000; i++) {
        struct config_key key = key_of(i);
        struct boot_file *got = config_cache_get(cache, &key);
        found += got != NULL;
        if (got)
            assert_memory_equal(got->data, &i, sizeof i);
    }
    assert_in_range(found, 9500, 10000);
    config_cache_free(cache);
}

/* A place in it keeps a file alive, and the limit is one of bytes. */
static void memory_is_bounded(void **state)
{
    enum {
        SIZE = 1 << 20,
        COUNT = 100
    };
    struct config_cache *cache = config_cache_new();
    char *bytes = calloc(1, SIZE);
    unsigned found = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        struct config_key key = key_of(i);
        put(cache, &key, bytes, SIZE);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        struct config_key key = key_of(i);
        found += config_cache_get(cache, &key) != NULL;
    }
    assert_in_range(found, 1, CONFIG_CACHE_BYTES_MAX / SIZE);
    config_cache_clear(cache);
    struct config_key key = key_of(1);
    put(cache, &key, bytes, SIZE); /* there is room again */
    assert_non_null(config_cache_get(cache, &key));
    free(bytes);
    config_cache_free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_of_the_key_counts),
        cmocka_unit_test(many_machines),
        cmocka_unit_test(memory_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
