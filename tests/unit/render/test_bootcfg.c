/* boot.cfg: what VMware's mboot reads out of it (its rules are in src/image/bootcfg.h and below), by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "plan_fixture.h"
#include "render/render.h"

#define IMAGE "image/abababababab/"

static struct plan *esxi(const char *version)
{
    struct plan *plan = new_plan(PLAN_SHAPE_BOOTCFG, PLAN_CHAIN_MBOOT);
    set_product("VMware ESXi", version, "22380479");
    set_kernel(plan, IMAGE "b.b00", "autoPartition=FALSE logPort=com1");
    add_module(plan, IMAGE "jumpstrt.gz", NULL);
    add_module(plan, IMAGE "k.b00", "loglevel=2 x");
    add_module(plan, "node/n1/bootherd.tgz", NULL);
    plan->overlay_at = 2;
    return plan;
}

static void check_text(struct plan *plan, bool by_http, const char *want)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    if (render_bootcfg(plan, by_http, &out, &err))
        fail_msg("%s", err.text);
    assert_string_equal(buf_text(&out), want);
    free(plan);
}

static void check_refused(struct plan *plan, bool by_http, const char *says)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_bootcfg(plan, by_http, &out, &err), -1);
    if (!strstr(err.text, says))
        fail_msg("%s", err.text);
    free(plan);
}

static void esxi_8_by_http(void **state)
{
    check_text(esxi("8.0.2"), true,
               "title=node n1, VMware ESXi 8.0.2 build 22380479\n"
               "prefix=http://10.77.0.1/image/abababababab\n"
               "kernel=b.b00\n"
               "kernelopt=autoPartition=FALSE logPort=com1\n"
               "modules=jumpstrt.gz --- k.b00 loglevel=2 x --- http://10.77.0.1/node/n1/bootherd.tgz\n"
               "errtimeout=60\n");
}

static void esxi_6_by_tftp(void **state)
{
    check_text(esxi("6.7.0"), false,
               "title=node n1, VMware ESXi 6.7.0 build 22380479\n"
               "prefix=/image/abababababab\n"
               "kernel=b.b00\n"
               "kernelopt=autoPartition=FALSE logPort=com1\n"
               "modules=jumpstrt.gz --- k.b00 loglevel=2 x --- /node/n1/bootherd.tgz\n");
}

/* prefix= is documented from 6.0 on. */
static void esxi_5_has_full_names(void **state)
{
    check_text(esxi("5.5.0"), false,
               "title=node n1, VMware ESXi 5.5.0 build 22380479\n"
               "prefix=/image/abababababab\n"
               "kernel=/image/abababababab/b.b00\n"
               "kernelopt=autoPartition=FALSE logPort=com1\n"
               "modules=/image/abababababab/jumpstrt.gz --- /image/abababababab/k.b00 loglevel=2 x --- "
               "/node/n1/bootherd.tgz\n");
}

static bool has(const char *version, const char *text)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    struct plan *plan = esxi(version);
    assert_int_equal(render_bootcfg(plan, true, &out, &err), 0);
    free(plan);
    return strstr(buf_text(&out), text);
}

static void what_a_release_knows(void **state)
{
    assert_true(has("8.0.1", "\nerrtimeout=60\n"));
    assert_true(has("8.1", "\nerrtimeout=60\n"));
    assert_true(has("9.0.0.0", "\nerrtimeout=60\n"));
    assert_true(has("10.0.0", "\nerrtimeout=60\n"));
    assert_false(has("8.0.0", "errtimeout"));
    assert_false(has("8.0", "errtimeout"));
    assert_false(has("7.0.3", "errtimeout"));
    assert_true(has("6.0.0", "\nkernel=b.b00\n"));
    assert_true(has("10.0.0", "\nkernel=b.b00\n"));
    assert_true(has("5.1.0", "\nkernel=http://10.77.0.1/" IMAGE "b.b00\n"));
    assert_true(has("unknown", "\nkernel=b.b00\n"));
    for (size_t i = 0; i < 3; i++)
        assert_false(has("8.0.2", (const char *[]){"nobootif", "timeout=5", "skip"}[i]));
}

/* An empty value unsets a key, and a repeated one is a trap: neither is ever written. */
static void no_empty_keys(void **state)
{
    struct plan *plan = esxi("7.0.3");
    plan->kernel_options[0] = '\0';
    plan->module_count = 0;
    check_text(plan, false,
               "title=node n1, VMware ESXi 7.0.3 build 22380479\n"
               "prefix=/image/abababababab\n"
               "kernel=b.b00\n");
}

/* Below 256 bytes: "http://10.77.0.1/image/abababababab/NAME options" and the NUL. */
static void limit_of_a_module(void **state)
{
    for (size_t extra = 0; extra < 2; extra++) {
        char options[300];
        struct plan *plan = esxi("8.0.2");
        size_t size = 255 - strlen("http://10.77.0.1/" IMAGE "m.gz ") + extra;
        memset(options, 'o', size);
        options[size] = '\0';
        add_module(plan, IMAGE "m.gz", options);
        if (extra) {
            check_refused(plan, true, "module " IMAGE "m.gz would have 256 bytes");
        } else {
            cleanup_buf struct buf out = BUF_INIT;
            struct error err = {0};
            assert_int_equal(render_bootcfg(plan, true, &out, &err), 0);
            free(plan);
        }
    }
}

static void title_is_cut_at_127(void **state)
{
    static char product[300];
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    struct plan *plan = esxi("8.0.2");
    memset(product, 'P', sizeof product - 1);
    memcpy(product, "gr\xc3\xbc\nkernel=evil", 16);
    set_product(product, "8.0.2", "1");
    assert_int_equal(render_bootcfg(plan, false, &out, &err), 0);
    assert_int_equal(strcspn(buf_text(&out), "\n"), strlen("title=") + 127);
    assert_ptr_equal(strstr(buf_text(&out), "title=node n1, gr???kernel=evilPPP"), buf_text(&out));
    free(plan);
}

static void names_and_words_that_mean_something_else(void **state)
{
    static const struct {
        const char *name;
        bool by_http;
        const char *says;
    } names[] = {
        {IMAGE "a b", false, "has a blank"},
        {IMAGE "a---b", false, "contains '---'"},
        {IMAGE "a\\b", false, "has '\\' in it"},
        {IMAGE "http://x/y", false, "contains '---', '::' or '://'"},
        {IMAGE "a\nkernel=x", false, "has a blank"},
        {IMAGE "a%62", true, "has '%' in it"},
        {IMAGE "a?b", true, "has '?' in it"},
        {IMAGE "a#b", true, "has '#' in it"},
    };
    static const char *const words[] = {"a --- b.gz", "a---b", "a\nmodules=x", "a\rb", "\x7f"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct plan *plan = esxi("8.0.2");
        snprintf(plan->module[1].path, PLAN_PATH_MAX, "%s", names[i].name);
        check_refused(plan, names[i].by_http, names[i].says);
        plan = esxi("8.0.2");
        snprintf(plan->kernel.path, PLAN_PATH_MAX, "%s", names[i].name);
        check_refused(plan, names[i].by_http, names[i].says);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct plan *plan = esxi("8.0.2");
        snprintf(plan->kernel_options, sizeof plan->kernel_options, "%s", words[i]);
        check_refused(plan, true, "options of " IMAGE "b.b00");
        char options[32];
        plan = esxi("8.0.2");
        snprintf(options, sizeof options, "%s", words[i]);
        add_module(plan, IMAGE "m.gz", options);
        check_refused(plan, true, "options of " IMAGE "m.gz");
    }
}

static void only_for_esxi(void **state)
{
    struct plan *plan = esxi("8.0.2");
    plan->shape = PLAN_SHAPE_LINUX;
    check_refused(plan, true, "boot.cfg is for ESXi 5 and later");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(esxi_8_by_http),        cmocka_unit_test(esxi_6_by_tftp),
        cmocka_unit_test(esxi_5_has_full_names), cmocka_unit_test(what_a_release_knows),
        cmocka_unit_test(no_empty_keys),         cmocka_unit_test(limit_of_a_module),
        cmocka_unit_test(title_is_cut_at_127),   cmocka_unit_test(names_and_words_that_mean_something_else),
        cmocka_unit_test(only_for_esxi),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
