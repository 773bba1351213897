/* The model: put, replace, remove, lookups, order, inheritance, copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fleet/fleet.h"

static void put(struct fleet *f, const char *name, unsigned number, uint32_t ip)
{
    struct error err;
    struct fleet_node n = {.name = strdup(name), .mac_count = 1, .ip = ip};
    n.macs[0] =
        (struct mac){{0x52, 0x54, 0, (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number}};
    if (fleet_put_node(f, &n, &err) < 0)
        fail_msg("%s", err.text);
    assert_null(n.name); /* the fleet's now */
}

static void finish(struct fleet *f)
{
    struct error err;
    if (fleet_finish(f, &err) < 0)
        fail_msg("%s", err.text);
}

static void put_replaces(void **state)
{
    struct fleet *f = fleet_new();
    put(f, "a", 1, 0x0a000001);
    put(f, "b", 2, 0x0a000002);
    put(f, "a", 3, 0x0a000003);
    finish(f);
    assert_int_equal(f->node_count, 2);
    assert_int_equal(fleet_node_by_name(f, "a")->ip, 0x0a000003);
    assert_null(fleet_node_by_ip(f, 0x0a000001));
    const struct mac old = {{0x52, 0x54, 0, 0, 0, 1}}, now = {{0x52, 0x54, 0, 0, 0, 3}};
    assert_null(fleet_node_by_mac(f, &old));
    assert_string_equal(fleet_node_by_mac(f, &now)->name, "a");
    fleet_free(f);
}

static void bad_names_stay_the_callers(void **state)
{
    struct fleet *f = fleet_new();
    struct error err;
    struct fleet_node n = {.name = strdup("a/b")};
    assert_int_equal(fleet_put_node(f, &n, &err), -1);
    assert_non_null(n.name);
    fleet_node_fini(&n);
    char name[FLEET_NAME_MAX + 1];
    memset(name, 'a', sizeof name);
    name[FLEET_NAME_MAX] = 0;
    assert_false(fleet_name_valid(name, NULL));
    name[FLEET_NAME_MAX - 1] = 0;
    assert_true(fleet_name_valid(name, NULL));
    assert_false(fleet_name_valid("", NULL));
    assert_false(fleet_name_valid(".", NULL));
    assert_false(fleet_name_valid("_a", NULL));
    assert_false(fleet_name_valid("a\n", NULL));
    assert_false(fleet_name_valid("\xc3\xa9", NULL));
    assert_true(fleet_name_valid("1a-_.Z", NULL));
    fleet_free(f);
}

/* `sort -V` has the same order. */
static void natural_order(void **state)
{
    static const char *const order[] = {"a", "a1", "a01", "a1b", "a2", "a9", "a10", "a10b2", "a10b10", "b"};
    struct fleet *f = fleet_new();
    for (size_t i = sizeof order / sizeof order[0]; i-- > 0;)
        put(f, order[i], (unsigned)i, 0);
    finish(f);
    for (size_t i = 0; i < f->node_count; i++)
        if (strcmp(order[i], "a1") != 0 && strcmp(order[i], "a01") != 0) /* equal numbers: any fixed order */
            assert_string_equal(f->nodes[i].name, order[i]);
    fleet_free(f);
}

/* Lookups against a plain search, while nodes come, go and change. */
static void index_holds(void **state)
{
    enum {
        NAMES = 400,
        STEPS = 4000
    };
    bool there[NAMES] = {false};
    uint32_t seed = 1;
    struct fleet *f = fleet_new();
    for (unsigned step = 0; step < STEPS; step++) {
        seed = seed * 1664525 + 1013904223;
        unsigned i = (seed >> 8) % NAMES;
        char name[16];
        snprintf(name, sizeof name, "n%u", i);
        if (seed >> 31) {
            put(f, name, i, 0x0a000001 + i);
            there[i] = true;
        } else {
            assert_int_equal(fleet_remove_node(f, name), there[i]);
            there[i] = false;
        }
        if (step % 97 == 0)
            finish(f);
        for (unsigned k = step % 7; k < NAMES; k += 7) {
            snprintf(name, sizeof name, "n%u", k);
            const struct fleet_node *n = fleet_node_by_name(f, name);
            const struct mac mac = {{0x52, 0x54, 0, 0, (uint8_t)(k >> 8), (uint8_t)k}};
            assert_int_equal(n != NULL, there[k]);
            if (n)
                assert_string_equal(n->name, name);
            assert_ptr_equal(fleet_node_by_mac(f, &mac), n);
            assert_ptr_equal(fleet_node_by_ip(f, 0x0a000001 + k), n);
        }
    }
    fleet_free(f);
}

static void networks(void **state)
{
    static const struct {
        const char *name;
        uint32_t subnet;
        unsigned prefix;
    } table[] = {{"b", 0x0a4d0100, 24}, {"a", 0x0a4d0000, 24}, {"c", 0xc0a80000, 16}};
    struct fleet *f = fleet_new();
    for (size_t i = 0; i < 3; i++) {
        struct fleet_network n = {
            .name = strdup(table[i].name), .subnet = table[i].subnet, .prefix = table[i].prefix};
        assert_int_equal(fleet_put_network(f, &n, NULL), 0);
    }
    assert_string_equal(f->networks[0].name, "a");
    assert_int_equal(f->networks[0].lease_seconds, FLEET_LEASE_SECONDS);
    for (int finished = 0; finished < 2; finished++) {
        assert_string_equal(fleet_network_of(f, 0x0a4d0005)->name, "a");
        assert_string_equal(fleet_network_of(f, 0x0a4d01ff)->name, "b");
        assert_string_equal(fleet_network_of(f, 0xc0a8ffff)->name, "c");
        assert_null(fleet_network_of(f, 0x0a4d0200));
        assert_null(fleet_network_of(f, 0x0a4cffff));
        assert_null(fleet_network_of(f, 0));
        assert_null(fleet_network_of(f, 0xffffffff));
        finish(f);
    }
    assert_true(fleet_remove_network(f, "b"));
    assert_false(fleet_remove_network(f, "b"));
    finish(f);
    assert_null(fleet_network_of(f, 0x0a4d01ff));
    assert_string_equal(fleet_network_of(f, 0xc0a80000)->name, "c");
    fleet_free(f);
}

static struct fleet *inheriting(struct fleet_settings profile, struct fleet_settings node)
{
    struct fleet *f = fleet_new();
    struct fleet_profile p = {.name = strdup("p"), .settings = profile};
    struct fleet_node n = {.name = strdup("n"), .profile = strdup("p"), .settings = node};
    assert_int_equal(fleet_put_profile(f, &p, NULL), 0);
    assert_int_equal(fleet_put_node(f, &n, NULL), 0);
    return f;
}

static void settings_are_inherited(void **state)
{
    struct fleet *f = inheriting(
        (struct fleet_settings){
            .image = strdup("old"), .welcome = strdup("hi"), .priority = strdup("high"), .ssh = FLEET_OFF},
        (struct fleet_settings){.image = strdup("new")});
    struct fleet_settings s = fleet_effective(f, &f->nodes[0]);
    assert_string_equal(s.image, "new");
    assert_string_equal(s.welcome, "hi");
    assert_string_equal(s.priority, "high");
    assert_int_equal(s.ssh, FLEET_OFF);
    assert_null(s.root_hash);
    assert_true(fleet_remove_profile(f, "p"));
    s = fleet_effective(f, &f->nodes[0]);
    assert_null(s.welcome);
    assert_int_equal(s.ssh, FLEET_ON);
    fleet_free(f);
}

/* A node's own strong hash beside its profile's weak one would leave the old password valid. */
static void hashes_go_together(void **state)
{
    struct fleet *f =
        inheriting((struct fleet_settings){.root_hash = strdup("strong"), .root_hash_weak = strdup("weak")},
                   (struct fleet_settings){.root_hash = strdup("own")});
    struct fleet_settings s = fleet_effective(f, &f->nodes[0]);
    assert_string_equal(s.root_hash, "own");
    assert_null(s.root_hash_weak);
    fleet_free(f);
}

static void copies_are_deep(void **state)
{
    struct fleet *f = inheriting((struct fleet_settings){.image = strdup("img")}, (struct fleet_settings){0});
    put(f, "m", 7, 0x0a000007);
    struct fleet *raw = fleet_copy(f);
    finish(f);
    struct fleet *copy = fleet_copy(f);
    fleet_free(f);
    assert_int_equal(raw->node_count, 2);
    assert_int_equal(copy->node_count, 2);
    assert_string_equal(copy->nodes[0].name, "m");
    assert_ptr_equal(fleet_node_by_ip(copy, 0x0a000007), &copy->nodes[0]);
    assert_string_equal(fleet_effective(copy, fleet_node_by_name(copy, "n")).image, "img");
    fleet_free(raw);
    fleet_free(copy);
}

/* Cards of one node fall on neighbouring slots sooner or later; 200 nodes of 8 leave no luck. */
static void a_node_does_not_clash_with_itself(void **state)
{
    struct fleet *f = fleet_new();
    struct error err;
    char name[FLEET_NAME_MAX];
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "n%u", i);
        struct fleet_node n = {.name = strdup(name), .mac_count = FLEET_MACS_MAX};
        for (unsigned m = 0; m < FLEET_MACS_MAX; m++)
            n.macs[m] = (struct mac){{0x52, 0x54, 0, (uint8_t)i, 0, (uint8_t)m}};
        assert_int_equal(fleet_put_node(f, &n, &err), 0);
    }
    finish(f);
    for (unsigned i = 0; i < 200; i++)
        for (unsigned m = 0; m < FLEET_MACS_MAX; m++) {
            const struct mac mac = {{0x52, 0x54, 0, (uint8_t)i, 0, (uint8_t)m}};
            snprintf(name, sizeof name, "n%u", i);
            assert_string_equal(fleet_node_by_mac(f, &mac)->name, name);
        }
    fleet_free(f);
}

static void finish_judges_what_code_made(void **state)
{
    struct fleet *f = inheriting((struct fleet_settings){0},
                                 (struct fleet_settings){.kernel_options = strdup("a\nLABEL evil")});
    struct error err;
    assert_int_equal(fleet_finish(f, &err), -1);
    assert_string_equal(err.text, "node n: kernel_options: a line break at byte 2; take it out");
    fleet_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_replaces),
        cmocka_unit_test(bad_names_stay_the_callers),
        cmocka_unit_test(natural_order),
        cmocka_unit_test(index_holds),
        cmocka_unit_test(networks),
        cmocka_unit_test(settings_are_inherited),
        cmocka_unit_test(hashes_go_together),
        cmocka_unit_test(copies_are_deep),
        cmocka_unit_test(a_node_does_not_clash_with_itself),
        cmocka_unit_test(finish_judges_what_code_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
