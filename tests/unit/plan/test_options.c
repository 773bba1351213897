/* The kernel's words: whose come first, and what is put in for %{...}; the size that each loader makes of
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "plan/plan_family.h"

static struct image_file kernel;
static struct image image;
static struct fleet_node node;
static struct plan_site site;
static struct plan plan;
static struct error err;

static int setup(void **state)
{
    static char name[] = "n1", none[] = "";
    kernel = (struct image_file){0};
    image = (struct image){.kernel_options = none};
    node = (struct fleet_node){.name = name, .ip = 0x0a4d000b};
    site = (struct plan_site){.server = 0x0a4d0001};
    memset(&plan, 0, sizeof plan);
    plan.node = &node;
    plan.image = &image;
    plan.kernel.file = &kernel;
    plan.mac = (struct mac){{0x52, 0x54, 0, 0, 0, 0x0a}};
    memset(plan.manifest.byte, 0xab, sizeof plan.manifest.byte);
    snprintf(plan.base, sizeof plan.base, "http://10.77.0.1:8080/");
    return 0;
}

static void check(const char *words, const char *want)
{
    char copy[2 * PLAN_OPTIONS_MAX];
    snprintf(copy, sizeof copy, "%s", words);
    struct fleet_settings settings = {.kernel_options = copy};
    if (plan_put_options(&plan, &site, &settings, &err))
        fail_msg("%s", err.text);
    assert_string_equal(plan.kernel_options, want);
}

static void check_fails(const char *words, const char *says)
{
    char copy[2 * PLAN_OPTIONS_MAX];
    snprintf(copy, sizeof copy, "%s", words);
    struct fleet_settings settings = {.kernel_options = copy};
    assert_int_equal(plan_put_options(&plan, &site, &settings, &err), -1);
    if (!strstr(err.text, says))
        fail_msg("%s", err.text);
}

static void whose_come_first(void **state)
{
    static char of_file[] = "of=file", of_image[] = "of=image";
    check("", "");
    check("of=node", "of=node");
    kernel.options = of_file;
    check("of=node", "of=file of=node");
    image.kernel_options = of_image;
    check("of=node", "of=file of=image of=node");
    check("", "of=file of=image");
}

static void places(void **state)
{
    check("url=%{base}/root.squashfs", "url=http://10.77.0.1:8080/image/abababababab/root.squashfs");
    check("s=%{server} n=%{node} i=%{ip} m=%{mac}", "s=10.77.0.1 n=n1 i=10.77.0.11 m=52:54:00:00:00:0a");
    check("%{node}%{node}", "n1n1");
    site.client_ip = 0x0a4d0037; /* the address it has wins over the one it should have */
    check("%{ip}", "10.77.0.55");
    static char of_file[] = "%{node}", of_image[] = "x%{server}y";
    kernel.options = of_file;
    image.kernel_options = of_image;
    check("", "n1 x10.77.0.1y");
}

static void what_is_not_known_is_empty(void **state)
{
    node.ip = 0;
    plan.mac = (struct mac){0};
    check("ip=%{ip} mac=%{mac}.", "ip= mac=.");
}

static void percent_signs_of_other_kinds(void **state)
{
    check("a=50% b=%c %d %", "a=50% b=%c %d %");
    check("a=%{", "a=%{"); /* no end: no place */
    check("a=%%{node}", "a=%n1");
}

static void unknown_places(void **state)
{
    check_fails("a=%{frob}", "have %{frob} in them; there are %{base}, %{server}, %{ip}, %{mac} and %{node}");
    check_fails("%{}", "have %{} in them");
    check_fails("%{Node}", "have %{Node} in them");
    check_fails("%{node }", "have %{node } in them");
    check_fails("%{%{node}}", "have %{%{node} in them");
    check_fails("%{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa}",
                "have %{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa in them");
}

/* What counts is the text with its places filled: "n1" is 5 bytes shorter than "%{node}". */
static void limit(void **state)
{
    char words[2 * PLAN_OPTIONS_MAX], want[PLAN_OPTIONS_MAX];
    memset(words, 'w', sizeof words);
    memset(want, 'w', sizeof want);
    memcpy(words, "%{node}", 7);
    memcpy(want, "n1", 2);
    words[1023 + 5] = '\0';
    want[1023] = '\0';
    check(words, want);
    words[1023 + 5] = 'w';
    words[1023 + 6] = '\0';
    check_fails(words, "kernel options of more than 1023 bytes");
}

static size_t size_with(enum plan_shape shape, enum plan_chain chain)
{
    static struct image_file module;
    static char words[] = "m";
    plan.shape = shape;
    plan.chain = chain;
    snprintf(plan.kernel.path, sizeof plan.kernel.path, "K");
    snprintf(plan.kernel_options, sizeof plan.kernel_options, "a b");
    snprintf(plan.base, sizeof plan.base, "http://s/");
    module.options = words;
    plan.module_count = 2;
    snprintf(plan.module[0].path, sizeof plan.module[0].path, "M");
    plan.module[0].file = &module;
    snprintf(plan.module[1].path, sizeof plan.module[1].path, "N");
    plan.module[1].file = NULL;
    return plan_line_size(&plan);
}

#define BOOTIF " BOOTIF=01-52-54-00-00-00-0a"

/* Each loader's text, written out. */
static void what_each_loader_makes_of_it(void **state)
{
    assert_int_equal(size_with(PLAN_SHAPE_VMKBOOT, PLAN_CHAIN_LPXELINUX),
                     strlen("mboot.c32 K a b --- M m --- N" BOOTIF));
    assert_int_equal(size_with(PLAN_SHAPE_XEN, PLAN_CHAIN_PXELINUX),
                     strlen("mboot.c32 K a b --- M m --- N" BOOTIF));
    assert_int_equal(size_with(PLAN_SHAPE_LINUX, PLAN_CHAIN_PXELINUX),
                     strlen("BOOT_IMAGE=K initrd=M,N a b" BOOTIF));
    assert_int_equal(size_with(PLAN_SHAPE_LINUX, PLAN_CHAIN_GRUB), strlen("BOOT_IMAGE=K a b" BOOTIF));
    assert_int_equal(size_with(PLAN_SHAPE_LINUX, PLAN_CHAIN_DISK), strlen("BOOT_IMAGE=K a b" BOOTIF));
    assert_in_range(size_with(PLAN_SHAPE_LINUX, PLAN_CHAIN_IPXE),
                    strlen("a b initrd=initrd0 initrd=initrd1" BOOTIF),
                    strlen(" a b initrd=initrd1023 initrd=initrd1023" BOOTIF));
    assert_int_equal(plan_line_max(&plan), 2047);
    assert_int_equal(size_with(PLAN_SHAPE_XEN, PLAN_CHAIN_IPXE),
                     sizeof "http://s/K a b" + sizeof "http://s/M m" + sizeof "http://s/N");
    assert_int_equal(plan_line_max(&plan), 512);
    assert_int_equal(size_with(PLAN_SHAPE_XEN, PLAN_CHAIN_GRUB), 0);
    assert_int_equal(size_with(PLAN_SHAPE_BOOTCFG, PLAN_CHAIN_MBOOT), 0);
    assert_int_equal(size_with(PLAN_SHAPE_EFI, PLAN_CHAIN_EFI), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whose_come_first, setup),
        cmocka_unit_test_setup(places, setup),
        cmocka_unit_test_setup(what_is_not_known_is_empty, setup),
        cmocka_unit_test_setup(percent_signs_of_other_kinds, setup),
        cmocka_unit_test_setup(unknown_places, setup),
        cmocka_unit_test_setup(limit, setup),
        cmocka_unit_test_setup(what_each_loader_makes_of_it, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
