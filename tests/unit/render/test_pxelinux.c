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

/* The procedure's list, with a word for one module. */
static struct plan *procedure(void)
{
    static const char *const names[] = {"image/abababababab/vmk.gz",      "image/abababababab/sys.vgz",
                                        "image/abababababab/cim.vgz",     "image/abababababab/oem.tgz",
                                        "image/abababababab/license.tgz", "node/n1/mod.tgz",
                                        "image/abababababab/cimstg.tgz"};
    struct plan *plan = new_plan(PLAN_SHAPE_VMKBOOT, PLAN_CHAIN_PXELINUX);
    set_product("VMware ESXi", "4.0.0", "208167");
    set_kernel(plan, "image/abababababab/vmkboot.gz", "");
    for (size_t i = 0; i < 7; i++)
        add_module(plan, names[i], i == 3 ? "debug=1" : NULL);
    plan->overlay_at = 5;
    return plan;
}

static void the_procedures_shape(void **state)
{
    struct error err;
    struct plan *plan = procedure();
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
    struct plan *plan = procedure();
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
    struct plan *plan = procedure();
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
        struct plan *plan = procedure();
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
        struct plan *plan = procedure();
        snprintf(plan->kernel_options, sizeof plan->kernel_options, "%s", bad[i]);
        cleanup_buf struct buf out = BUF_INIT;
        assert_int_equal(render_pxelinux(plan, &out, &err), -1);
        assert_non_null(strstr(err.text, "options of image/abababababab/vmkboot.gz"));
        free(plan);
    }
}

static void check_config(struct plan *plan, const char *want)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    if (render_pxelinux(plan, &out, &err))
        fail_msg("%s", err.text);
    const char *label = strstr(buf_text(&out), "LABEL bootherd\n");
    assert_non_null(label);
    assert_string_equal(label + strlen("LABEL bootherd\n"), want);
    free(plan);
}

static void linux_with_and_without_initrds(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_LINUX, PLAN_CHAIN_LPXELINUX);
    set_kernel(plan, "image/abababababab/linux", "quiet a=\"b c\" --- console=ttyS0");
    add_module(plan, "image/abababababab/initrd.gz", NULL);
    add_module(plan, "node/n1/overlay.img", NULL);
    check_config(plan, " LINUX image/abababababab/linux\n"
                       " INITRD image/abababababab/initrd.gz,node/n1/overlay.img\n"
                       " APPEND quiet a=\"b c\" --- console=ttyS0\n"
                       " IPAPPEND 2\n");
    plan = new_plan(PLAN_SHAPE_LINUX, PLAN_CHAIN_PXELINUX);
    set_kernel(plan, "image/abababababab/memtest86+x64.bin", "");
    check_config(plan, " LINUX image/abababababab/memtest86+x64.bin\n IPAPPEND 2\n");
}

/* Linux sees what SYSLINUX makes: BOOT_IMAGE=, the initrds, the words, BOOTIF=. */
static void limit_of_linux(void **state)
{
    struct error err = {0};
    struct plan *plan = new_plan(PLAN_SHAPE_LINUX, PLAN_CHAIN_PXELINUX);
    cleanup_buf struct buf out = BUF_INIT;
    set_kernel(plan, "image/abababababab/linux", "a b");
    add_module(plan, "image/abababababab/initrd.gz", NULL);
    add_module(plan, "node/n1/overlay.img", NULL);
    assert_int_equal(plan_line_size(plan),
                     strlen("BOOT_IMAGE=image/abababababab/linux initrd=image/abababababab/initrd.gz,"
                            "node/n1/overlay.img a b BOOTIF=01-52-54-00-12-34-56"));
    while (plan_line_size(plan) <= PLAN_LINE_MAX) {
        assert_int_equal(render_pxelinux(plan, &out, &err), 0);
        add_module(plan, "image/abababababab/initrd.gz", NULL);
    }
    assert_int_equal(render_pxelinux(plan, &out, &err), -1);
    assert_non_null(strstr(err.text, "pxelinux takes 2047"));
    free(plan);
}

static void comma_in_an_initrd(void **state)
{
    struct error err = {0};
    struct plan *plan = new_plan(PLAN_SHAPE_LINUX, PLAN_CHAIN_PXELINUX);
    cleanup_buf struct buf out = BUF_INIT;
    set_kernel(plan, "image/abababababab/linux", "");
    add_module(plan, "image/abababababab/a,b", NULL);
    assert_int_equal(render_pxelinux(plan, &out, &err), -1);
    assert_non_null(strstr(err.text, "has a comma in it"));
    free(plan);
}

static void xen_with_words_of_its_own_each(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_XEN, PLAN_CHAIN_PXELINUX);
    set_kernel(plan, "image/abababababab/xen.gz", "dom0_mem=512M console=com1");
    add_module(plan, "image/abababababab/vmlinuz", "console=hvc0 quiet");
    add_module(plan, "node/n1/initrd", NULL);
    check_config(plan, " KERNEL mboot.c32\n"
                       " APPEND image/abababababab/xen.gz dom0_mem=512M console=com1 --- "
                       "image/abababababab/vmlinuz console=hvc0 quiet --- node/n1/initrd\n"
                       " IPAPPEND 2\n");
}

static void esxi_5_with_the_operators_pxelinux(void **state)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    struct plan *plan = new_plan(PLAN_SHAPE_BOOTCFG, PLAN_CHAIN_PXELINUX3);
    check_config(plan, " KERNEL image/abababababab/mboot.c32\n"
                       " APPEND -c /image/abababababab/01-52-54-00-00-00-0a/boot.cfg\n"
                       " IPAPPEND 2\n");
    plan = new_plan(PLAN_SHAPE_BOOTCFG, PLAN_CHAIN_PXELINUX3);
    plan->mac = (struct mac){0};
    check_config(plan, " KERNEL image/abababababab/mboot.c32\n"
                       " APPEND -c /image/abababababab/boot.cfg\n"
                       " IPAPPEND 2\n");
    plan = new_plan(PLAN_SHAPE_BOOTCFG, PLAN_CHAIN_PXELINUX);
    assert_int_equal(render_pxelinux(plan, &out, &err), -1);
    assert_non_null(strstr(err.text, "PXELINUX 3.86 only"));
    free(plan);
}

static void not_for_pxelinux(void **state)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    struct plan *plan = new_plan(PLAN_SHAPE_EFI, PLAN_CHAIN_PXELINUX);
    assert_int_equal(render_pxelinux(plan, &out, &err), -1);
    assert_non_null(strstr(err.text, "boots no images of this kind"));
    free(plan);
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
        cmocka_unit_test(linux_with_and_without_initrds),
        cmocka_unit_test(limit_of_linux),
        cmocka_unit_test(comma_in_an_initrd),
        cmocka_unit_test(xen_with_words_of_its_own_each),
        cmocka_unit_test(esxi_5_with_the_operators_pxelinux),
        cmocka_unit_test(not_for_pxelinux),
        cmocka_unit_test(local_disk),
        cmocka_unit_test(local_reason_stays_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
