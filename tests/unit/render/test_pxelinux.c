#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "overlay_fixture.h"
#include "render/render.h"

static struct fleet_node node = {.name = TEXT("n1")};
static struct image image = {.family = TEXT("esxi_dd"),
                             .product = TEXT("VMware ESXi"),
                             .version = TEXT("4.0.0"),
                             .build = TEXT("208167"),
                             .kernel_options = TEXT("")};
static struct image_file oem = {.name = TEXT("oem.tgz"), .options = TEXT("debug=1")};

/* The procedure's list, with a word for one module. */
static struct plan *new_plan(void)
{
    static const char *const names[] = {"vmk.gz",      "sys.vgz", "cim.vgz",   "oem.tgz",
                                        "license.tgz", NULL,      "cimstg.tgz"};
    struct plan *plan = calloc(1, sizeof *plan);
    assert_non_null(plan);
    plan->node = &node;
    plan->image = &image;
    memset(plan->manifest.byte, 0xab, sizeof plan->manifest.byte);
    snprintf(plan->kernel.path, PLAN_PATH_MAX, "image/abababababab/vmkboot.gz");
    plan->module_count = 7;
    for (size_t i = 0; i < 7; i++)
        if (names[i])
            snprintf(plan->module[i].path, PLAN_PATH_MAX, "image/abababababab/%s", names[i]);
        else
            snprintf(plan->module[i].path, PLAN_PATH_MAX, "node/n1/mod.tgz");
    plan->module[3].file = &oem;
    plan->overlay_at = 5;
    return plan;
}

static void the_procedures_shape(void **state)
{
    struct error err;
    struct plan *plan = new_plan();
    snprintf(plan->kernel_options, sizeof plan->kernel_options, "no-auto-partition nfslog=1");
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_pxelinux(plan, &out, &err), 0);
    assert_string_equal(buf_text(&out),
                        "# bootherd: node n1, VMware ESXi 4.0.0 build 208167, image abababababab\n"
                        "DEFAULT bootherd\n"
                        "PROMPT 0\n"
                        "TIMEOUT 100\n"
                        "LABEL bootherd\n"
                        " KERNEL mboot.c32\n"
                        " APPEND image/abababababab/vmkboot.gz no-auto-partition nfslog=1"
                        " --- image/abababababab/vmk.gz --- image/abababababab/sys.vgz"
                        " --- image/abababababab/cim.vgz --- image/abababababab/oem.tgz debug=1"
                        " --- image/abababababab/license.tgz --- node/n1/mod.tgz"
                        " --- image/abababababab/cimstg.tgz\n"
                        " IPAPPEND 2\n");
    free(plan);
}

/* The size a plan tells is the size of what pxelinux makes of the config. */
static void size_as_told(void **state)
{
    struct error err;
    struct plan *plan = new_plan();
    snprintf(plan->kernel_options, sizeof plan->kernel_options, "a b");
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_pxelinux(plan, &out, &err), 0);
    const char *append = strstr(buf_text(&out), " APPEND ") + strlen(" APPEND ");
    char command[PLAN_LINE_MAX + 1];
    snprintf(command, sizeof command, "mboot.c32 %.*s BOOTIF=01-52-54-00-12-34-56",
             (int)strcspn(append, "\n"), append);
    assert_int_equal(plan_line_size(plan), strlen(command));
    free(plan);
}

static void limit_of_the_line(void **state)
{
    struct error err;
    struct plan *plan = new_plan();
    plan->module_count = 0;
    memset(plan->kernel_options, 'o', sizeof plan->kernel_options - 1);
    while (plan_line_size(plan) < PLAN_LINE_MAX) {
        size_t left = PLAN_LINE_MAX - plan_line_size(plan);
        size_t path = left > 205 ? 200 : left - 5;
        char *p = plan->module[plan->module_count++].path;
        memset(p, 'm', path);
        p[path] = '\0';
    }
    assert_int_equal(plan_line_size(plan), PLAN_LINE_MAX);
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_pxelinux(plan, &out, &err), 0);
    strcat(plan->module[0].path, "x");
    assert_int_equal(render_pxelinux(plan, &out, &err), -1);
    assert_non_null(strstr(err.text, "2048 bytes"));
    assert_non_null(strstr(err.text, "2047"));
    free(plan);
}

static void refused_names(void **state)
{
    static const char *const bad[] = {"a b",  "a\tb",       "a\nAPPEND x", "a---b",
                                      "\x7f", "gr\xc3\xbc", "10.0.0.1::x", "http://x/y"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        struct plan *plan = new_plan();
        snprintf(plan->module[2].path, PLAN_PATH_MAX, "%s", bad[i]);
        cleanup_buf struct buf out = BUF_INIT;
        assert_int_equal(render_pxelinux(plan, &out, &err), -1);
        assert_non_null(strstr(err.text, "file name"));
        free(plan);
    }
}

static void refused_words(void **state)
{
    static const char *const bad[] = {"a\nLABEL x", "a --- evil.gz", "a---b", "a\rb", "a\x1b[2J"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        struct plan *plan = new_plan();
        snprintf(plan->kernel_options, sizeof plan->kernel_options, "%s", bad[i]);
        cleanup_buf struct buf out = BUF_INIT;
        assert_int_equal(render_pxelinux(plan, &out, &err), -1);
        assert_non_null(strstr(err.text, "options of image/abababababab/vmkboot.gz"));
        free(plan);
    }
}

static void local_disk(void **state)
{
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_pxelinux_local("node n1 has no image", &out), 0);
    assert_string_equal(buf_text(&out), "# bootherd: node n1 has no image\n"
                                        "SAY bootherd: node n1 has no image: starting from the local disk\n"
                                        "DEFAULT local\n"
                                        "PROMPT 0\n"
                                        "LABEL local\n"
                                        " LOCALBOOT 0\n");
}

static void local_reason_stays_one_line(void **state)
{
    char reason[1000];
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    memcpy(reason, "a\nDEFAULT evil\r\n\x1b[2J gr\xc3\xbc", 25);
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_pxelinux_local(reason, &out), 0);
    assert_non_null(strstr(buf_text(&out), "SAY bootherd: a?DEFAULT evil???[2J gr??r"));
    unsigned lines = 0;
    for (size_t i = 0; i < out.size; i++) {
        lines += out.data[i] == '\n';
        assert_true(out.data[i] == '\n' || (out.data[i] >= ' ' && out.data[i] < 0x7f));
    }
    assert_int_equal(lines, 6);
    assert_true(out.size < 700);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_procedures_shape),
        cmocka_unit_test(size_as_told),
        cmocka_unit_test(limit_of_the_line),
        cmocka_unit_test(refused_names),
        cmocka_unit_test(refused_words),
        cmocka_unit_test(local_disk),
        cmocka_unit_test(local_reason_stays_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
