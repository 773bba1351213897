/* iPXE's scripts. What iPXE makes of a line is in its src/core/exec.c and src/image/script.c. */
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

/* From behind imgfree to where each script ends alike. */
static void check_steps(struct plan *plan, const char *want)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    if (render_ipxe(plan, &out, &err))
        fail_msg("%s", err.text);
    const char *steps = strstr(buf_text(&out), ":start\nimgfree\n");
    assert_non_null(steps);
    steps += strlen(":start\nimgfree\n");
    const char *end = strstr(steps, "goto again\n");
    assert_non_null(end);
    char got[4096];
    snprintf(got, sizeof got, "%.*s", (int)(end - steps), steps);
    assert_string_equal(got, want);
    free(plan);
}

static void check_refused(struct plan *plan, const char *says)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_ipxe(plan, &out, &err), -1);
    if (!strstr(err.text, says))
        fail_msg("%s", err.text);
    free(plan);
}

static struct plan *linux_plan(const char *words)
{
    struct plan *plan = new_plan(PLAN_SHAPE_LINUX, PLAN_CHAIN_IPXE);
    set_kernel(plan, IMAGE "linux", words);
    add_module(plan, IMAGE "initrd.gz", NULL);
    add_module(plan, "node/n1/overlay.img", NULL);
    return plan;
}

static void the_whole_script(void **state)
{
    struct error err = {0};
    cleanup_buf struct buf out = BUF_INIT;
    struct plan *plan = linux_plan("console=ttyS0 --- quiet");
    assert_int_equal(render_ipxe(plan, &out, &err), 0);
    assert_string_equal(
        buf_text(&out),
        "#!ipxe\n"
        "# bootherd: node n1, Linux 12 build unknown, image abababababab\n"
        "echo bootherd: node n1\n"
        "set base http://10.77.0.1/\n"
        "set bootif 01-${netX/mac:hexhyp}\n"
        "set tries:int32 0\n"
        ":start\n"
        "imgfree\n"
        "set step fetching image/abababababab/linux\n"
        "kernel ${base}image/abababababab/linux console=ttyS0 --- quiet initrd=initrd0 initrd=initrd1 "
        "BOOTIF=${bootif} || goto failed\n"
        "set step fetching image/abababababab/initrd.gz\n"
        "initrd --name initrd0 ${base}image/abababababab/initrd.gz || goto failed\n"
        "set step fetching node/n1/overlay.img\n"
        "initrd --name initrd1 ${base}node/n1/overlay.img || goto failed\n"
        "set step starting the kernel\n"
        "boot || goto failed\n"
        "goto again\n"
        ":failed\n"
        "echo bootherd: node n1: ${step} failed with error ${errno} (the line above says why)\n"
        ":again\n"
        "inc tries\n"
        "iseq ${tries} 5 && goto over ||\n"
        "echo bootherd: node n1: next try in 10 seconds, ${tries} of 5 failed\n"
        "sleep 10\n"
        "goto start\n"
        ":over\n"
        "echo bootherd: node n1 did not boot: on the server, bootherd status n1 says more\n"
        "sleep 10\n"
        "exit 1\n");
    free(plan);
}

static void xen_on_a_bios(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_XEN, PLAN_CHAIN_IPXE);
    set_kernel(plan, IMAGE "xen", "dom0_mem=512M");
    add_module(plan, IMAGE "vmlinuz", "console=hvc0");
    add_module(plan, "node/n1/initrd", NULL);
    check_steps(plan, "set step fetching image/abababababab/xen\n"
                      "kernel ${base}image/abababababab/xen dom0_mem=512M || goto failed\n"
                      "set step fetching image/abababababab/vmlinuz\n"
                      "module ${base}image/abababababab/vmlinuz console=hvc0 || goto failed\n"
                      "set step fetching node/n1/initrd\n"
                      "module ${base}node/n1/initrd || goto failed\n"
                      "set step starting the hypervisor\n"
                      "boot || goto failed\n");
}

static void esxi_on_uefi(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_BOOTCFG, PLAN_CHAIN_IPXE);
    check_steps(plan, "set step running image/abababababab/mboot.efi\n"
                      "chain ${base}image/abababababab/mboot.efi -c "
                      "${base}image/abababababab/${bootif}/boot.cfg || goto failed\n");
}

static void an_efi_program(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_EFI, PLAN_CHAIN_IPXE);
    set_kernel(plan, IMAGE "mt86+.efi", "console=ttyS0");
    check_steps(plan, "set step fetching image/abababababab/mt86+.efi\n"
                      "chain ${base}image/abababababab/mt86+.efi console=ttyS0 || goto failed\n");
}

/* RFC 3986, section 2.1; nothing of a name reaches iPXE's own syntax. */
static void names_as_parts_of_a_url(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_EFI, PLAN_CHAIN_IPXE);
    set_kernel(plan, IMAGE "a${b}#c;d%e?f'g\"h|&", "");
    check_steps(plan,
                "set step fetching image/abababababab/a%24%7Bb%7D%23c%3Bd%25e%3Ff%27g%22h%7C%26\n"
                "chain ${base}image/abababababab/a%24%7Bb%7D%23c%3Bd%25e%3Ff%27g%22h%7C%26 || goto failed\n");
}

static void words_that_mean_something_to_ipxe(void **state)
{
    static const struct {
        const char *words, *says;
    } bad[] = {
        {"a=${net0/ip}", "contain \"${\""},
        {"a || reboot", "the word \"||\""},
        {"a && reboot", "the word \"&&\""},
        {"a ; reboot", "the word \";\""},
        {"; reboot", "the word \";\""},
        {"a #comment", "the word \"#comment\""},
        {"#", "the word \"#\""},
        {"a\nreboot", "control character (byte 0x0a)"},
        {"a\rb", "control character"},
        {"a\tb", "control character"},
        {"a\x7f", "control character"},
    };
    static const char *const good[] = {"a=b;c", "a=b#c", "x=$HOME {b}", "a=b||c", "a\\", "q=\"b c\"", "a&b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_refused(linux_plan(bad[i].words), bad[i].says);
        struct plan *plan = new_plan(PLAN_SHAPE_XEN, PLAN_CHAIN_IPXE);
        set_kernel(plan, IMAGE "xen", "");
        char words[64];
        snprintf(words, sizeof words, "%s", bad[i].words);
        add_module(plan, IMAGE "vmlinuz", words);
        check_refused(plan, bad[i].says);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct error err = {0};
        struct plan *plan = linux_plan(good[i]);
        cleanup_buf struct buf out = BUF_INIT;
        assert_int_equal(render_ipxe(plan, &out, &err), 0);
        char want[128];
        snprintf(want, sizeof want, "linux %s initrd=initrd0", good[i]);
        assert_non_null(strstr(buf_text(&out), want));
        free(plan);
    }
}

static void names_that_no_loader_takes(void **state)
{
    static const char *const bad[] = {"a b", "a\nexit", "a---b", "a://b", "gr\xc3\xbc"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct plan *plan = linux_plan("");
        snprintf(plan->module[0].path, PLAN_PATH_MAX, "%s", bad[i]);
        check_refused(plan, "file name");
    }
}

static void too_many_words(void **state)
{
    char words[PLAN_OPTIONS_MAX];
    for (size_t i = 0; i < 201; i++)
        memcpy(words + 2 * i, "w ", 3);
    check_refused(linux_plan(words), "are 201 words, and iPXE takes 200");
    words[2 * 200] = '\0';
    struct error err = {0};
    struct plan *plan = linux_plan(words);
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_ipxe(plan, &out, &err), 0);
    free(plan);
}

/* 512 bytes hold "URL words" of all, each with its NUL (multiboot_add_cmdline). */
static void limit_of_multiboot(void **state)
{
    for (size_t extra = 0; extra < 2; extra++) {
        struct error err = {0};
        cleanup_buf struct buf out = BUF_INIT;
        char words[600];
        struct plan *plan = new_plan(PLAN_SHAPE_XEN, PLAN_CHAIN_IPXE);
        size_t used = sizeof "http://10.77.0.1/" IMAGE "xen " + sizeof "http://10.77.0.1/" IMAGE "vmlinuz" +
                      sizeof "http://10.77.0.1/node/n1/initrd";
        memset(words, 'w', 512 - used + extra);
        words[512 - used + extra] = '\0';
        set_kernel(plan, IMAGE "xen", words);
        add_module(plan, IMAGE "vmlinuz", NULL);
        add_module(plan, "node/n1/initrd", NULL);
        assert_int_equal(render_ipxe(plan, &out, &err), extra ? -1 : 0);
        assert_true(!extra || strstr(err.text, "513 bytes with the files' addresses; iPXE takes 512"));
        free(plan);
    }
}

static void nine_modules(void **state)
{
    struct plan *plan = new_plan(PLAN_SHAPE_XEN, PLAN_CHAIN_IPXE);
    set_kernel(plan, "x", "");
    for (size_t i = 0; i < 9; i++)
        add_module(plan, "m", NULL);
    check_refused(plan, "iPXE takes 8 modules, and there are 9");
}

static void check_message(const char *reason, bool local, const char *want)
{
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_ipxe_message(reason, local, &out), 0);
    assert_string_equal(buf_text(&out), want);
}

static void messages(void **state)
{
    check_message("node n1 has no image: bootherd node set n1 --image NAME", true,
                  "#!ipxe\n"
                  "echo bootherd: node n1 has no image: bootherd node set n1 --image NAME\n"
                  "echo bootherd: going on with the next boot entry\n"
                  "sleep 10\n"
                  "exit 1\n");
    check_message("a; b ${net0/ip} || reboot # c ; d\nreboot \\", false,
                  "#!ipxe\n"
                  "echo bootherd: a; b ?{net0/ip} ?? reboot ? c ? d?reboot ?\n"
                  "echo bootherd: next try in 60 seconds\n"
                  "sleep 60\n"
                  "reboot\n");
    check_message("#a", true,
                  "#!ipxe\necho bootherd: ?a\necho bootherd: going on with the next boot entry\nsleep "
                  "10\nexit 1\n");
}

/* A BIOS's first disk, else the next boot entry; on UEFI the next boot entry. */
static void the_local_disk(void **state)
{
    cleanup_buf struct buf out = BUF_INIT;
    assert_int_equal(render_ipxe_local("node n1, outside ${x}", &out), 0);
    assert_string_equal(buf_text(&out), "#!ipxe\n"
                                        "echo bootherd: node n1, outside ?{x}\n"
                                        "echo bootherd: starting from the local disk\n"
                                        "iseq ${platform} pcbios && sanboot --no-describe --drive 0x80 ||\n"
                                        "exit 1\n");
}

static void long_message(void **state)
{
    char reason[5000];
    cleanup_buf struct buf out = BUF_INIT;
    memset(reason, 'r', sizeof reason - 1);
    reason[sizeof reason - 1] = '\0';
    assert_int_equal(render_ipxe_message(reason, true, &out), 0);
    assert_true(out.size < 400);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_script),
        cmocka_unit_test(xen_on_a_bios),
        cmocka_unit_test(esxi_on_uefi),
        cmocka_unit_test(an_efi_program),
        cmocka_unit_test(names_as_parts_of_a_url),
        cmocka_unit_test(words_that_mean_something_to_ipxe),
        cmocka_unit_test(names_that_no_loader_takes),
        cmocka_unit_test(too_many_words),
        cmocka_unit_test(limit_of_multiboot),
        cmocka_unit_test(nine_modules),
        cmocka_unit_test(messages),
        cmocka_unit_test(long_message),
        cmocka_unit_test(the_local_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
