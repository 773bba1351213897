/* Which way a machine is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "plan/chain.h"

#define BIT(chain) (1u << PLAN_CHAIN_##chain)

static const struct plan_client bios = {.arch = 0}, uefi = {.arch = 7}, ebc = {.arch = 9},
                                http = {.arch = 16, .http = true}, uefi32 = {.arch = 6},
                                http32 = {.arch = 15, .http = true}, arm = {.arch = 11},
                                arm_http = {.arch = 19, .http = true}, ipxe = {.arch = 0, .ipxe = true},
                                ipxe_uefi = {.arch = 7, .ipxe = true},
                                ipxe_tftp = {.arch = 0, .ipxe = true, .features = PLAN_IPXE_TFTP},
                                unknown = {.arch = PLAN_ARCH_UNKNOWN};

static struct plan_need need_of(enum plan_shape shape)
{
    return (struct plan_need){.shape = shape, .cpu = "amd64", .loaders = PLAN_LOADERS_ALL};
}

static enum plan_chain choose(const struct plan_client *client, const struct plan_need *need)
{
    char why[PLAN_WHY_MAX];
    return plan_chain_choose(client, need, why);
}

/* By hand from what each firmware loads and each loader boots. */
static void best_way_of_each_machine(void **state)
{
    static const struct {
        const struct plan_client *client;
        enum plan_chain vmkboot, bootcfg, xen, linux_, efi;
    } table[] = {
        {&bios, PLAN_CHAIN_LPXELINUX, PLAN_CHAIN_PXELINUX3, PLAN_CHAIN_LPXELINUX, PLAN_CHAIN_LPXELINUX,
         PLAN_CHAIN_ANY},
        {&uefi, PLAN_CHAIN_ANY, PLAN_CHAIN_MBOOT, PLAN_CHAIN_GRUB, PLAN_CHAIN_GRUB, PLAN_CHAIN_EFI},
        {&ebc, PLAN_CHAIN_ANY, PLAN_CHAIN_MBOOT, PLAN_CHAIN_GRUB, PLAN_CHAIN_GRUB, PLAN_CHAIN_EFI},
        {&http, PLAN_CHAIN_ANY, PLAN_CHAIN_MBOOT, PLAN_CHAIN_DISK, PLAN_CHAIN_DISK, PLAN_CHAIN_EFI},
        {&uefi32, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY, PLAN_CHAIN_GRUB, PLAN_CHAIN_GRUB, PLAN_CHAIN_ANY},
        {&http32, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY},
        {&arm, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY, PLAN_CHAIN_ANY},
        {&ipxe, PLAN_CHAIN_LPXELINUX, PLAN_CHAIN_PXELINUX3, PLAN_CHAIN_IPXE, PLAN_CHAIN_IPXE, PLAN_CHAIN_ANY},
        {&ipxe_uefi, PLAN_CHAIN_ANY, PLAN_CHAIN_IPXE, PLAN_CHAIN_GRUB, PLAN_CHAIN_IPXE, PLAN_CHAIN_IPXE},
        {&ipxe_tftp, PLAN_CHAIN_LPXELINUX, PLAN_CHAIN_PXELINUX3, PLAN_CHAIN_LPXELINUX, PLAN_CHAIN_LPXELINUX,
         PLAN_CHAIN_ANY},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct plan_need vmkboot = need_of(PLAN_SHAPE_VMKBOOT), bootcfg = need_of(PLAN_SHAPE_BOOTCFG),
                         xen = need_of(PLAN_SHAPE_XEN), linux_ = need_of(PLAN_SHAPE_LINUX),
                         efi = need_of(PLAN_SHAPE_EFI);
        vmkboot.no_uefi = "ESXi 3.5 to 4.1 has no UEFI boot";
        assert_int_equal(choose(table[i].client, &vmkboot), table[i].vmkboot);
        assert_int_equal(choose(table[i].client, &bootcfg), table[i].bootcfg);
        assert_int_equal(choose(table[i].client, &xen), table[i].xen);
        assert_int_equal(choose(table[i].client, &linux_), table[i].linux_);
        assert_int_equal(choose(table[i].client, &efi), table[i].efi);
    }
}

static void arm64(void **state)
{
    struct plan_need need = need_of(PLAN_SHAPE_LINUX);
    need.cpu = "arm64";
    assert_int_equal(choose(&arm, &need), PLAN_CHAIN_GRUB);
    assert_int_equal(choose(&arm_http, &need), PLAN_CHAIN_DISK);
    assert_int_equal(plan_chain_loader(PLAN_CHAIN_GRUB, &arm), PLAN_LOADER_GRUB_ARM64);
    assert_int_equal(choose(&uefi, &need), PLAN_CHAIN_ANY);
    assert_int_equal(choose(&bios, &need), PLAN_CHAIN_ANY);
    need.shape = PLAN_SHAPE_EFI;
    assert_int_equal(choose(&arm, &need), PLAN_CHAIN_EFI);
}

/* What sends each machine to its own disk. */
static void the_local_disk(void **state)
{
    static const struct plan_client riscv = {.arch = 27};
    static const struct {
        const struct plan_client *client;
        enum plan_chain chain;
        enum plan_loader loader;
    } table[] = {
        {&bios, PLAN_CHAIN_LPXELINUX, PLAN_LOADER_PXELINUX},
        {&uefi, PLAN_CHAIN_GRUB, PLAN_LOADER_GRUB_AMD64},
        {&http, PLAN_CHAIN_DISK, PLAN_LOADER_GRUB_AMD64},
        {&uefi32, PLAN_CHAIN_GRUB, PLAN_LOADER_GRUB_386},
        {&arm, PLAN_CHAIN_GRUB, PLAN_LOADER_GRUB_ARM64},
        {&arm_http, PLAN_CHAIN_DISK, PLAN_LOADER_GRUB_ARM64},
        {&ipxe, PLAN_CHAIN_IPXE, PLAN_LOADER_NONE},
        {&ipxe_uefi, PLAN_CHAIN_IPXE, PLAN_LOADER_NONE},
        {&http32, PLAN_CHAIN_ANY, PLAN_LOADER_NONE},
        {&riscv, PLAN_CHAIN_ANY, PLAN_LOADER_NONE},
    };
    struct plan_need need = {.shape = PLAN_SHAPE_LOCAL, .loaders = PLAN_LOADERS_ALL};
    char why[PLAN_WHY_MAX];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(choose(table[i].client, &need), table[i].chain);
        assert_int_equal(plan_chain_loader(table[i].chain, table[i].client), table[i].loader);
    }
    assert_false(plan_chain_fits(PLAN_CHAIN_MBOOT, &uefi, &need, why));
    assert_non_null(strstr(why, "mboot sends no machine to its own disk"));
    need.secure_boot = true;
    assert_int_equal(choose(&uefi, &need), PLAN_CHAIN_GRUB);
    assert_int_equal(choose(&uefi32, &need), PLAN_CHAIN_ANY);
    need.secure_boot = false;
    need.loaders = 0;
    assert_int_equal(choose(&bios, &need), PLAN_CHAIN_ANY);
    assert_int_equal(choose(&ipxe, &need), PLAN_CHAIN_IPXE);
}

/* The text is for the operator: it must name what to change. */
static void why_not(void **state)
{
    static const struct {
        const struct plan_client *client;
        enum plan_chain chain;
        enum plan_shape shape;
        const char *cpu, *no_uefi;
        bool secure_boot;
        unsigned missing; /* loaders */
        const char *says;
    } table[] = {
        {&uefi, PLAN_CHAIN_PXELINUX, PLAN_SHAPE_LINUX, "amd64", NULL, false, 0,
         "pxelinux is for BIOS machines, and this one is UEFI x86-64"},
        {&bios, PLAN_CHAIN_GRUB, PLAN_SHAPE_LINUX, "amd64", NULL, false, 0, "grub is for UEFI machines"},
        {&bios, PLAN_CHAIN_MBOOT, PLAN_SHAPE_LINUX, "amd64", NULL, false, 0, "mboot does not boot images of"},
        {&uefi, PLAN_CHAIN_GRUB, PLAN_SHAPE_LINUX, "amd64", "no UEFI", false, 0,
         "no UEFI: switch the machine to BIOS/legacy boot"},
        {&http, PLAN_CHAIN_GRUB, PLAN_SHAPE_LINUX, "amd64", NULL, false, 0,
         "grub cannot be started by HTTP Boot: choose PXE"},
        {&uefi, PLAN_CHAIN_DISK, PLAN_SHAPE_LINUX, "amd64", NULL, false, 0,
         "disk cannot be started by PXE: choose HTTP Boot"},
        {&arm, PLAN_CHAIN_GRUB, PLAN_SHAPE_LINUX, "amd64", NULL, false, 0,
         "the image is for amd64 processors, and the machine is UEFI arm64"},
        {&uefi32, PLAN_CHAIN_EFI, PLAN_SHAPE_EFI, "amd64", NULL, false, 0, "the image is for amd64"},
        {&uefi32, PLAN_CHAIN_MBOOT, PLAN_SHAPE_BOOTCFG, "amd64", NULL, false, 0, "the image is for amd64"},
        {&uefi, PLAN_CHAIN_IPXE, PLAN_SHAPE_LINUX, "amd64", NULL, true, 0,
         "ipxe is not signed, so it does not start under Secure Boot"},
        {&uefi32, PLAN_CHAIN_GRUB, PLAN_SHAPE_LINUX, "386", NULL, true, 0, "grub-386 is not signed"},
        {&uefi, PLAN_CHAIN_GRUB, PLAN_SHAPE_XEN, "amd64", NULL, true, 0,
         "GRUB does not start Xen under Secure Boot: switch Secure Boot off"},
        {&ipxe, PLAN_CHAIN_IPXE, PLAN_SHAPE_BOOTCFG, "amd64", NULL, false, 0,
         "iPXE on a BIOS machine starts no ESXi 5 or later"},
        {&ipxe, PLAN_CHAIN_IPXE, PLAN_SHAPE_EFI, "amd64", NULL, false, 0, "starts no EFI program"},
        {&ipxe_uefi, PLAN_CHAIN_IPXE, PLAN_SHAPE_XEN, "amd64", NULL, false, 0, "on UEFI it is GRUB's work"},
        {&arm, PLAN_CHAIN_IPXE, PLAN_SHAPE_LINUX, "arm64", NULL, false, 0,
         "Debian has iPXE for x86-64 UEFI only"},
        {&http32, PLAN_CHAIN_DISK, PLAN_SHAPE_LINUX, "386", NULL, false, 0,
         "no disk image for 32-bit UEFI: choose PXE"},
        {&bios, PLAN_CHAIN_PXELINUX, PLAN_SHAPE_LINUX, "amd64", NULL, false, PLAN_LOADER_PXELINUX,
         "boot loader pxelinux is not in the store: apt-get install pxelinux syslinux-common"},
        {&bios, PLAN_CHAIN_PXELINUX3, PLAN_SHAPE_BOOTCFG, "amd64", NULL, false, PLAN_LOADER_PXELINUX3,
         "bootherd loader add FILE"},
        {&uefi, PLAN_CHAIN_GRUB, PLAN_SHAPE_LINUX, "amd64", NULL, false, PLAN_LOADER_GRUB_AMD64,
         "apt-get install shim-signed"},
        {&bios, PLAN_CHAIN_PXELINUX, PLAN_SHAPE_NONE, "amd64", NULL, false, 0, "nothing to boot"},
        {&bios, PLAN_CHAIN_ANY, PLAN_SHAPE_LINUX, "amd64", NULL, false, 0, "nothing to boot"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char why[PLAN_WHY_MAX];
        struct plan_need need = {.shape = table[i].shape,
                                 .cpu = table[i].cpu,
                                 .no_uefi = table[i].no_uefi,
                                 .secure_boot = table[i].secure_boot,
                                 .loaders = PLAN_LOADERS_ALL};
        if (table[i].missing)
            need.loaders &= ~(1u << table[i].missing);
        assert_false(plan_chain_fits(table[i].chain, table[i].client, &need, why));
        if (!strstr(why, table[i].says))
            fail_msg("%zu: %s", i, why);
    }
}

/* Every architecture that is no BIOS and no UEFI is told, whatever the image. */
static void firmware_that_nothing_starts_on(void **state)
{
    static const unsigned codes[] = {1, 12, 21, 31, 42, 65535};
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct plan_client client = {.arch = codes[i]};
        struct plan_need need = need_of(PLAN_SHAPE_LINUX);
        char why[PLAN_WHY_MAX];
        assert_int_equal(plan_chain_choose(&client, &need, why), PLAN_CHAIN_ANY);
        assert_non_null(strstr(why, "which no loader here starts on"));
    }
}

/* Secure Boot has two ways for Linux, both signed; the operator's wish for an unsigned one is refused. */
static void secure_boot(void **state)
{
    struct plan_need need = need_of(PLAN_SHAPE_LINUX);
    need.secure_boot = true;
    assert_int_equal(choose(&uefi, &need), PLAN_CHAIN_GRUB);
    assert_int_equal(choose(&http, &need), PLAN_CHAIN_DISK);
    need.shape = PLAN_SHAPE_BOOTCFG;
    assert_int_equal(choose(&uefi, &need), PLAN_CHAIN_MBOOT);
}

static void what_failed_is_not_tried_again_while_another_fits(void **state)
{
    struct plan_need need = need_of(PLAN_SHAPE_LINUX);
    struct plan_client client = bios;
    client.failed = BIT(LPXELINUX);
    assert_int_equal(choose(&client, &need), PLAN_CHAIN_PXELINUX);
    client.failed |= BIT(PXELINUX);
    assert_int_equal(choose(&client, &need), PLAN_CHAIN_IPXE);
    client.failed |= BIT(IPXE);
    assert_int_equal(choose(&client, &need), PLAN_CHAIN_LPXELINUX);
    need.loaders &= ~(1u << PLAN_LOADER_PXELINUX);
    client.failed = 0;
    assert_int_equal(choose(&client, &need), PLAN_CHAIN_IPXE);
}

static void what_worked_for_its_like_comes_first(void **state)
{
    struct plan_need need = need_of(PLAN_SHAPE_LINUX);
    struct plan_client client = bios;
    client.worked = PLAN_CHAIN_PXELINUX;
    assert_int_equal(choose(&client, &need), PLAN_CHAIN_PXELINUX);
    client.failed = BIT(PXELINUX);
    assert_int_equal(choose(&client, &need), PLAN_CHAIN_LPXELINUX);
    client.failed = 0;
    client.worked = PLAN_CHAIN_GRUB; /* for machines of UEFI */
    assert_int_equal(choose(&client, &need), PLAN_CHAIN_LPXELINUX);
}

/* An iPXE without HTTP is sent one with it, and comes back; twice is enough. */
static void rounds_of_ipxe(void **state)
{
    struct plan_need need = need_of(PLAN_SHAPE_LINUX);
    struct plan_client client = ipxe_tftp;
    char why[PLAN_WHY_MAX];
    assert_int_equal(plan_chain_loader(PLAN_CHAIN_IPXE, &client), PLAN_LOADER_IPXE);
    client.rounds = 1;
    assert_true(plan_chain_fits(PLAN_CHAIN_IPXE, &client, &need, why));
    client.rounds = 2;
    assert_false(plan_chain_fits(PLAN_CHAIN_IPXE, &client, &need, why));
    assert_non_null(strstr(why, "iPXE was sent to this machine 2 times"));
    client.features |= PLAN_IPXE_HTTP;
    assert_true(plan_chain_fits(PLAN_CHAIN_IPXE, &client, &need, why));
    assert_int_equal(plan_chain_loader(PLAN_CHAIN_IPXE, &client), PLAN_LOADER_NONE);
}

/* Who asks for a loader's config has that loader: nothing but the image can stand in its way. */
static void a_machine_nobody_has_heard_of(void **state)
{
    for (enum plan_chain chain = PLAN_CHAIN_ANY + 1; chain < PLAN_CHAINS; chain++) {
        char why[PLAN_WHY_MAX];
        struct plan_need need = need_of(PLAN_SHAPE_NONE);
        for (enum plan_shape shape = PLAN_SHAPE_VMKBOOT; shape <= PLAN_SHAPE_EFI; shape++) {
            need.shape = shape;
            need.cpu = "arm64";
            need.no_uefi = "no";
            assert_int_equal(plan_chain_fits(chain, &unknown, &need, why), plan_chain_takes(chain, shape));
        }
    }
}

static void names(void **state)
{
    for (enum plan_chain chain = PLAN_CHAIN_ANY + 1; chain < PLAN_CHAINS; chain++)
        assert_int_equal(plan_chain_of(plan_chain_name(chain)), chain);
    assert_string_equal(plan_chain_name(PLAN_CHAIN_ANY), "auto");
    assert_int_equal(plan_chain_of(NULL), PLAN_CHAIN_ANY);
    assert_int_equal(plan_chain_of("auto"), PLAN_CHAIN_ANY);
    assert_int_equal(plan_chain_of("frob"), PLAN_CHAIN_ANY);
    for (enum plan_loader loader = PLAN_LOADER_NONE + 1; loader < PLAN_LOADERS; loader++) {
        assert_int_equal(plan_loader_of(plan_loader_name(loader)), loader);
        assert_true(plan_loader_remedy(loader)[0]);
    }
    assert_int_equal(plan_loader_of("frob"), PLAN_LOADER_NONE);
    assert_int_equal(plan_loader_of(""), PLAN_LOADER_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(best_way_of_each_machine),
        cmocka_unit_test(arm64),
        cmocka_unit_test(the_local_disk),
        cmocka_unit_test(why_not),
        cmocka_unit_test(firmware_that_nothing_starts_on),
        cmocka_unit_test(secure_boot),
        cmocka_unit_test(what_failed_is_not_tried_again_while_another_fits),
        cmocka_unit_test(what_worked_for_its_like_comes_first),
        cmocka_unit_test(rounds_of_ipxe),
        cmocka_unit_test(a_machine_nobody_has_heard_of),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
