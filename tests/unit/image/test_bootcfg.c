#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/bootcfg.h"

static int parse(const char *text, struct bootcfg *cfg, struct error *err)
{
    return bootcfg_parse((struct slice){(const uint8_t *)text, strlen(text)}, cfg, err);
}

static struct bootcfg good(const char *text)
{
    struct bootcfg cfg;
    struct error err;
    if (parse(text, &cfg, &err) < 0)
        fail_msg("%s", err.text);
    return cfg;
}

static void bad(const char *text, const char *part)
{
    struct bootcfg cfg;
    struct error err;
    assert_int_equal(parse(text, &cfg, &err), -1);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
    assert_null(cfg.kernel); /* nothing is left to release */
    assert_null(cfg.modules);
}

/* The shape of a 4.0 bootbank's file. */
static void bootbank(void **state)
{
    struct bootcfg cfg = good("kernel=vmkboot.gz\nkernelopt=\nmodules=vmk.gz --- sys.vgz --- cim.vgz --- "
                              "oem.tgz --- license.tgz --- mod.tgz\nbuild=4.0.0-208167\nupdated=1\n"
                              "bootstate=0\n");
    static const char *const names[] = {"vmk.gz", "sys.vgz", "cim.vgz", "oem.tgz", "license.tgz", "mod.tgz"};
    assert_string_equal(cfg.kernel, "vmkboot.gz");
    assert_null(cfg.kernel_options);
    assert_string_equal(cfg.build, "4.0.0-208167");
    assert_int_equal(cfg.updated, 1);
    assert_int_equal(cfg.bootstate, 0);
    assert_int_equal(cfg.module_count, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_string_equal(cfg.modules[i].path, names[i]);
        assert_null(cfg.modules[i].options);
    }
    assert_null(cfg.warnings);
    bootcfg_fini(&cfg);
}

static void blanks_and_comments(void **state)
{
    struct bootcfg cfg = good("\t# kernel=no\r\n\r\n  kernel= \t b.b00  \r\n"
                              "kernelopt=a\t\tb # not a comment\r\ntitle=  Loading   ESXi \r\n");
    assert_string_equal(cfg.kernel, "b.b00");
    assert_string_equal(cfg.kernel_options, "a b # not a comment");
    assert_string_equal(cfg.title, "Loading ESXi");
    assert_null(cfg.warnings);
    bootcfg_fini(&cfg);
}

static void key_case_is_free(void **state)
{
    struct bootcfg cfg = good("KERNEL=a\nModules=b");
    assert_string_equal(cfg.kernel, "a");
    assert_int_equal(cfg.module_count, 1);
    bootcfg_fini(&cfg);
}

/* Blanks round the separator are optional, empty items vanish, the words behind the path are options. */
static void separators(void **state)
{
    struct bootcfg cfg = good("modules=---a---b x=1  y --- --- c------\n");
    assert_int_equal(cfg.module_count, 3);
    assert_string_equal(cfg.modules[0].path, "a");
    assert_string_equal(cfg.modules[1].path, "b");
    assert_string_equal(cfg.modules[1].options, "x=1 y");
    assert_string_equal(cfg.modules[2].path, "c");
    bootcfg_fini(&cfg);

    cfg = good("modules=a--b\n"); /* two dashes are part of a name */
    assert_int_equal(cfg.module_count, 1);
    assert_string_equal(cfg.modules[0].path, "a--b");
    bootcfg_fini(&cfg);
}

static void last_wins(void **state)
{
    struct bootcfg cfg = good("kernel=a\nmodules=x --- y\nkernel=b\nmodules=z\nprefix=p\nprefix=\n");
    assert_string_equal(cfg.kernel, "b");
    assert_int_equal(cfg.module_count, 1);
    assert_string_equal(cfg.modules[0].path, "z");
    assert_null(cfg.prefix);
    assert_non_null(strstr(cfg.warnings, "line 3: kernel= is there twice"));
    assert_non_null(strstr(cfg.warnings, "line 6: prefix= is there twice"));
    bootcfg_fini(&cfg);
}

/* The loader does not see a key with a blank behind it. */
static void blank_before_equals(void **state)
{
    struct bootcfg cfg = good("title=x\nkernel = b.b00\n");
    assert_null(cfg.kernel);
    assert_non_null(strstr(cfg.warnings, "line 2"));
    assert_non_null(strstr(cfg.warnings, "kernel"));
    bootcfg_fini(&cfg);
}

static void short_keys(void **state)
{
    struct bootcfg cfg = good("k=a\nm=b\n=c\nquickboot=1\n");
    assert_null(cfg.kernel);
    assert_int_equal(cfg.module_count, 0);
    assert_non_null(strstr(cfg.warnings, "line 1: key 'k'"));
    assert_non_null(strstr(cfg.warnings, "line 2: key 'm'"));
    assert_non_null(strstr(cfg.warnings, "line 3: key ''"));
    assert_null(strstr(cfg.warnings, "line 4"));
    bootcfg_fini(&cfg);
}

/* The whole value of kernel= is the path, blanks deleted. */
static void kernel_is_a_path(void **state)
{
    struct bootcfg cfg = good("kernel=b.b00 noIOMMU\n");
    assert_string_equal(cfg.kernel, "b.b00noIOMMU");
    assert_non_null(strstr(cfg.warnings, "line 1"));
    bootcfg_fini(&cfg);
}

static void numbers(void **state)
{
    struct bootcfg cfg = good("bootstate=3\nupdated=-2\n");
    assert_int_equal(cfg.bootstate, 3);
    assert_int_equal(cfg.updated, -2);
    bootcfg_fini(&cfg);
    cfg = good("bootstate=9\n");
    assert_int_equal(cfg.bootstate, 3);
    assert_non_null(cfg.warnings);
    bootcfg_fini(&cfg);
    cfg = good("bootstate=\nupdated=\n");
    assert_int_equal(cfg.bootstate, 0);
    bootcfg_fini(&cfg);
    bad("a=b\nupdated=5s\n", "line 2");
    bad("updated=99999999999999999999\n", "line 1");
    bad("bootstate=- 1\n", "line 1");
    bad("updated=--1\n", "line 1");
}

static void hostile(void **state)
{
    struct bootcfg cfg = good("");
    assert_null(cfg.kernel);
    bootcfg_fini(&cfg);
    struct error err;
    assert_int_equal(bootcfg_parse((struct slice){(const uint8_t *)"a=b\0c", 5}, &cfg, &err), -1);
    assert_non_null(strstr(err.text, "offset 3"));
    bad("modules=a\nkernel=x\033[2J\n", "line 2");
    bad("kernel=\xff\n", "0xff");
    cfg = good("title=a\033b\n");
    assert_string_equal(cfg.title, "a?b");
    bootcfg_fini(&cfg);
    assert_int_equal(bootcfg_parse((struct slice){(const uint8_t *)"x", BOOTCFG_SIZE_MAX + 1}, &cfg, &err),
                     -1);
}

static void module_limit(void **state)
{
    struct buf text = BUF_INIT;
    buf_append_text(&text, "modules=");
    for (int i = 0; i < BOOTCFG_MODULES_MAX; i++)
        buf_append_text(&text, "m---");
    struct bootcfg cfg = good(buf_text(&text));
    assert_int_equal(cfg.module_count, BOOTCFG_MODULES_MAX);
    bootcfg_fini(&cfg);
    buf_append_text(&text, "m");
    bad(buf_text(&text), "line 1: more than 1000");
    buf_fini(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bootbank),         cmocka_unit_test(blanks_and_comments),
        cmocka_unit_test(key_case_is_free), cmocka_unit_test(separators),
        cmocka_unit_test(last_wins),        cmocka_unit_test(blank_before_equals),
        cmocka_unit_test(short_keys),       cmocka_unit_test(kernel_is_a_path),
        cmocka_unit_test(numbers),          cmocka_unit_test(hostile),
        cmocka_unit_test(module_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
