/* What option 93 means: IANA's registry "Processor Architecture Types", as of 2024. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/client.h"

static void the_registry(void **state)
{
    static const struct {
        unsigned code;
        enum plan_platform platform;
        const char *cpu;
        bool http;
    } known[] = {
        {0, PLAN_PLATFORM_BIOS, "386", false},      /* x86 BIOS */
        {1, PLAN_PLATFORM_OTHER, NULL, false},      /* NEC/PC98 (deprecated) */
        {2, PLAN_PLATFORM_OTHER, NULL, false},      /* Itanium */
        {6, PLAN_PLATFORM_UEFI, "386", false},      /* x86 UEFI */
        {7, PLAN_PLATFORM_UEFI, "amd64", false},    /* x64 UEFI */
        {9, PLAN_PLATFORM_UEFI, "amd64", false},    /* EBC, which firmwares send for x64 */
        {10, PLAN_PLATFORM_UEFI, "arm", false},     /* ARM 32-bit UEFI */
        {11, PLAN_PLATFORM_UEFI, "arm64", false},   /* ARM 64-bit UEFI */
        {14, PLAN_PLATFORM_OTHER, "ppc64", false},  /* POWER OPAL v3 */
        {15, PLAN_PLATFORM_UEFI, "386", true},      /* x86 UEFI boot from HTTP */
        {16, PLAN_PLATFORM_UEFI, "amd64", true},    /* x64 UEFI boot from HTTP */
        {18, PLAN_PLATFORM_UEFI, "arm", true},      /* arm UEFI 32 boot from HTTP */
        {19, PLAN_PLATFORM_UEFI, "arm64", true},    /* arm UEFI 64 boot from HTTP */
        {20, PLAN_PLATFORM_BIOS, "386", true},      /* PC/AT BIOS boot from HTTP */
        {21, PLAN_PLATFORM_OTHER, "arm", false},    /* arm 32 uboot */
        {24, PLAN_PLATFORM_OTHER, "arm64", true},   /* arm 64 uboot boot from HTTP */
        {27, PLAN_PLATFORM_UEFI, "riscv64", false}, /* RISC-V 64-bit UEFI */
        {28, PLAN_PLATFORM_UEFI, "riscv64", true},  /* RISC-V 64-bit UEFI boot from HTTP */
        {31, PLAN_PLATFORM_OTHER, "s390x", false},  /* s390 Basic */
        {39, PLAN_PLATFORM_UEFI, "loong64", false}, /* LoongArch 64-bit UEFI */
        {41, PLAN_PLATFORM_OTHER, "arm", false},    /* arm rpiboot */
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const struct plan_arch *arch = plan_arch_find(known[i].code);
        assert_non_null(arch);
        assert_int_equal(arch->code, known[i].code);
        assert_int_equal(arch->platform, known[i].platform);
        assert_int_equal(arch->http, known[i].http);
        assert_int_equal(arch->cpu != NULL, known[i].cpu != NULL);
        if (arch->cpu)
            assert_string_equal(arch->cpu, known[i].cpu);
    }
}

static void every_line_stands_at_its_code(void **state)
{
    for (unsigned code = 0; code <= 41; code++) {
        const struct plan_arch *arch = plan_arch_find(code);
        assert_non_null(arch);
        assert_int_equal(arch->code, code);
        assert_true(arch->name[0]);
        struct plan_client client = {.arch = code, .http = true, .ipxe = true};
        char text[PLAN_CLIENT_TEXT_MAX];
        assert_string_equal(strstr(plan_client_text(&client, text), " by HTTP Boot, iPXE"),
                            " by HTTP Boot, iPXE"); /* the longest fits */
    }
    assert_null(plan_arch_find(42));
    assert_null(plan_arch_find(65535));
    assert_null(plan_arch_find(PLAN_ARCH_UNKNOWN));
}

static void words_for_people(void **state)
{
    static const struct {
        struct plan_client client;
        const char *text;
    } clients[] = {
        {{.arch = 0}, "BIOS"},
        {{.arch = 0, .ipxe = true}, "BIOS, iPXE"},
        {{.arch = 7}, "UEFI x86-64"},
        {{.arch = 9}, "UEFI x86-64"},
        {{.arch = 16, .http = true}, "UEFI x86-64 by HTTP Boot"},
        {{.arch = 11}, "UEFI arm64"},
        {{.arch = 37}, "UEFI LoongArch, 32 bits"},
        {{.arch = 99}, "architecture 99"},
        {{.arch = 65535, .http = true}, "architecture 65535 by HTTP Boot"},
        {{.arch = PLAN_ARCH_UNKNOWN}, "any machine"},
    };
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        char text[PLAN_CLIENT_TEXT_MAX];
        assert_string_equal(plan_client_text(&clients[i].client, text), clients[i].text);
    }
}

static void what_is_not_registered_is_another_platform(void **state)
{
    assert_int_equal(plan_client_platform(&(struct plan_client){.arch = 42}), PLAN_PLATFORM_OTHER);
    assert_int_equal(plan_client_platform(&(struct plan_client){.arch = 0}), PLAN_PLATFORM_BIOS);
    assert_int_equal(plan_client_platform(&(struct plan_client){.arch = 7}), PLAN_PLATFORM_UEFI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_registry),
        cmocka_unit_test(every_line_stands_at_its_code),
        cmocka_unit_test(words_for_people),
        cmocka_unit_test(what_is_not_registered_is_another_platform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
