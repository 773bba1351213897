#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proc/loader_memory.h"

#define BIT(chain) (1u << PLAN_CHAIN_##chain)
#define MINUTE     60000
#define QEMU(n)                                                                                              \
    {                                                                                                        \
        {                                                                                                    \
            0x52, 0x54, 0, (uint8_t)((n) >> 16), (uint8_t)((n) >> 8), (uint8_t)(n)                           \
        }                                                                                                    \
    }
#define FAILED_UNTIL LOADER_MEMORY_FAILED_MS

static const struct plan_client ipxe_rom = {.arch = 0, .ipxe = true, .features = PLAN_IPXE_HTTP};
static const struct plan_client old_rom = {.arch = 0, .ipxe = true, .features = PLAN_IPXE_TFTP};
static const struct plan_client bios = {.arch = 0};
static const struct plan_client ovmf = {.arch = 7};
static const struct plan_client ovmf_http = {.arch = 16, .http = true};
static const struct plan_client ipxe_uefi = {.arch = 7, .ipxe = true, .features = PLAN_IPXE_HTTP};

static struct loader_memory *memory;
static int64_t now;

static int setup(void **state)
{
    now = 5 * MINUTE;
    return (memory = loader_memory_new()) ? 0 : -1;
}

static int teardown(void **state)
{
    loader_memory_free(memory);
    return 0;
}

/* --- packets and events of machine 1, unless one is named --- */

static struct plan_client discover_of(struct plan_client client, unsigned machine)
{
    client.mac = (struct mac)QEMU(machine);
    loader_memory_ask(memory, &client, false, now);
    return client;
}

static struct plan_client discover(struct plan_client client)
{
    return discover_of(client, 1);
}

/* The REQUEST, and its ACK; returns what it was asked with. */
static struct plan_client request_of(struct plan_client client, enum plan_chain chain, bool is_ipxe,
                                     unsigned machine)
{
    client.mac = (struct mac)QEMU(machine);
    loader_memory_ask(memory, &client, true, now);
    loader_memory_granted(memory, &client, chain, is_ipxe, now);
    return client;
}

static struct plan_client request(struct plan_client client, enum plan_chain chain)
{
    return request_of(client, chain, false, 1);
}

static void event_of(enum boot_event_kind kind, enum boot_file_role role, uint32_t number, uint32_t expected,
                     unsigned machine)
{
    struct boot_event e = {
        .kind = kind, .mac = QEMU(machine), .role = role, .file_number = number, .files_expected = expected};
    loader_memory_event(memory, &e, now);
}

static void done(enum boot_file_role role, uint32_t number, uint32_t expected)
{
    event_of(BOOT_EVENT_FILE_DONE, role, number, expected, 1);
}

static void booted(void)
{
    event_of(BOOT_EVENT_BOOTED, BOOT_FILE_OTHER, 0, 0, 1);
}

/* As a ROM does: DISCOVER twice, REQUEST. */
static void dialog(struct plan_client client, enum plan_chain chain)
{
    discover(client);
    now += 1000;
    discover(client);
    now += 2000;
    request(client, chain);
    now += 100;
}

/* --- one boot --- */

static void one_boot_with_an_ipxe_rom(void **state)
{
    dialog(ipxe_rom, PLAN_CHAIN_LPXELINUX);
    assert_int_equal(request(ipxe_rom, PLAN_CHAIN_LPXELINUX).failed, 0); /* a copy */
    done(BOOT_FILE_LOADER, 0, 0);
    done(BOOT_FILE_CONFIG, 0, 3);
    done(BOOT_FILE_KERNEL, 1, 0);
    assert_int_equal(discover_of(ipxe_rom, 2).worked, 0);
    done(BOOT_FILE_MODULE, 2, 0);
    assert_int_equal(discover_of(ipxe_rom, 2).worked, 0);
    done(BOOT_FILE_OVERLAY, 3, 0);
    assert_int_equal(discover_of(ipxe_rom, 2).worked, PLAN_CHAIN_LPXELINUX);
    booted();
    now += MINUTE;
    struct plan_client again = discover(ipxe_rom);
    assert_int_equal(again.failed, 0);
    assert_int_equal(again.rounds, 0);
    assert_int_equal(again.worked, PLAN_CHAIN_LPXELINUX);
    /* Other kinds of clients, and cards of another vendor. */
    assert_int_equal(discover_of(bios, 2).worked, 0);
    assert_int_equal(discover_of(ipxe_uefi, 2).worked, 0);
    assert_int_equal(discover_of(old_rom, 2).worked, 0);
    struct plan_client by_http = ipxe_rom;
    by_http.http = true;
    assert_int_equal(discover_of(by_http, 2).worked, 0);
    struct plan_client other = ipxe_rom;
    other.mac = (struct mac){{0x00, 0x0c, 0x29, 0, 0, 2}};
    loader_memory_ask(memory, &other, false, now);
    assert_int_equal(other.worked, 0);
}

/* OVMF by PXE, the iPXE that it loaded, the kernel's own DHCP: each asks once. */
static void one_boot_by_way_of_ipxe(void **state)
{
    discover(ovmf);
    now += 3500;
    request_of(ovmf, PLAN_CHAIN_IPXE, true, 1);
    now += 4000;
    assert_int_equal(discover(ipxe_uefi).failed, 0);
    now += 1000;
    assert_int_equal(discover(ipxe_uefi).failed, 0);
    now += 2000;
    assert_int_equal(request(ipxe_uefi, PLAN_CHAIN_IPXE).failed, 0);
    done(BOOT_FILE_CONFIG, 0, 2);
    done(BOOT_FILE_KERNEL, 1, 0);
    now += 20000;
    booted();
    assert_int_equal(discover_of(ovmf, 2).worked, PLAN_CHAIN_IPXE);
    assert_int_equal(discover_of(ipxe_uefi, 2).worked, PLAN_CHAIN_IPXE);
    assert_int_equal(discover_of(ovmf_http, 2).worked, 0);
}

/* --- failures --- */

static void coming_back_is_a_failure(void **state)
{
    dialog(bios, PLAN_CHAIN_LPXELINUX);
    done(BOOT_FILE_LOADER, 0, 0);
    done(BOOT_FILE_CONFIG, 0, 3);
    event_of(BOOT_EVENT_FILE_START, BOOT_FILE_KERNEL, 1, 0, 1);
    event_of(BOOT_EVENT_FILE_PROBED, BOOT_FILE_KERNEL, 1, 0, 1);
    event_of(BOOT_EVENT_FILE_FAILED, BOOT_FILE_KERNEL, 1, 0, 1);
    now += 40000;
    assert_int_equal(discover(bios).failed, BIT(LPXELINUX));
    assert_int_equal(discover_of(bios, 2).failed, 0);
    now += 3000;
    assert_int_equal(request(bios, PLAN_CHAIN_PXELINUX).failed, BIT(LPXELINUX));
    int64_t failed_at = now;
    assert_int_equal(request(bios, PLAN_CHAIN_PXELINUX).failed, BIT(LPXELINUX)); /* a copy */
    done(BOOT_FILE_KERNEL, 1, 0);
    now = failed_at + FAILED_UNTIL - 1;
    assert_int_equal(discover(bios).failed, BIT(LPXELINUX));
    now++;
    assert_int_equal(discover(bios).failed, 0);
}

static void a_kernel_is_no_failure(void **state)
{
    dialog(bios, PLAN_CHAIN_LPXELINUX);
    done(BOOT_FILE_KERNEL, 1, 0); /* how many files there are is not known */
    assert_int_equal(discover_of(bios, 2).worked, 0);
    now += 40000;
    assert_int_equal(discover(bios).failed, 0);
    now += 3000;
    assert_int_equal(request(bios, PLAN_CHAIN_LPXELINUX).failed, 0);
    /* But it counts for one boot only. */
    now += 40000;
    assert_int_equal(discover(bios).failed, BIT(LPXELINUX));
}

static void success_forgives(void **state)
{
    dialog(bios, PLAN_CHAIN_LPXELINUX);
    now += 40000;
    dialog(bios, PLAN_CHAIN_PXELINUX);
    assert_int_equal(discover(bios).failed, BIT(LPXELINUX));
    done(BOOT_FILE_KERNEL, 1, 0);
    booted();
    assert_int_equal(discover(bios).failed, 0);
    assert_int_equal(discover_of(bios, 2).worked, PLAN_CHAIN_PXELINUX);
    /* One that is tried earlier worked for another machine: it is the vendor's again. */
    request_of(bios, PLAN_CHAIN_LPXELINUX, false, 3);
    event_of(BOOT_EVENT_FILE_DONE, BOOT_FILE_KERNEL, 1, 1, 3);
    assert_int_equal(discover_of(bios, 2).worked, PLAN_CHAIN_LPXELINUX);
    /* Not where it failed. */
    request_of(bios, PLAN_CHAIN_LPXELINUX, false, 2);
    now += 40000;
    assert_int_equal(discover_of(bios, 2).worked, PLAN_CHAIN_PXELINUX);
}

/* Packets come twice, and late. */
static void copies_are_no_failures(void **state)
{
    dialog(bios, PLAN_CHAIN_LPXELINUX);
    now += 1000;
    assert_int_equal(discover(bios).failed, 0); /* late */
    assert_int_equal(request(bios, PLAN_CHAIN_LPXELINUX).failed, 0);
    now += 30000;
    assert_int_equal(request(bios, PLAN_CHAIN_LPXELINUX).failed, 0); /* no DISCOVER before it */
    assert_int_equal(discover_of(bios, 2).failed, 0);
}

/* A DISCOVER alone, answered by another server or given up, is remembered until the ACK only. */
static void only_the_ack_counts(void **state)
{
    dialog(bios, PLAN_CHAIN_LPXELINUX);
    now += 40000;
    assert_int_equal(discover(bios).failed, BIT(LPXELINUX));
    done(BOOT_FILE_KERNEL, 1, 0); /* it was only slow */
    now += 40000;
    assert_int_equal(request(bios, PLAN_CHAIN_LPXELINUX).failed, 0);
    now += 1000;
    assert_int_equal(request(bios, PLAN_CHAIN_LPXELINUX).failed, 0);
}

static void ipxe_that_fails_fails_as_a_whole(void **state)
{
    dialog(ovmf, PLAN_CHAIN_IPXE);
    now += 4000;
    dialog(ipxe_uefi, PLAN_CHAIN_IPXE);
    now += 60000;
    assert_int_equal(discover(ovmf).failed, BIT(IPXE));
    request(ovmf, PLAN_CHAIN_GRUB);
    done(BOOT_FILE_KERNEL, 1, 1);
    assert_int_equal(discover_of(ovmf, 2).worked, PLAN_CHAIN_GRUB);
}

/* What is on the disk came up, after our loader did not. */
static void a_local_system_is_no_success(void **state)
{
    dialog(bios, PLAN_CHAIN_LPXELINUX);
    booted();
    assert_int_equal(discover_of(bios, 2).worked, 0);
    now += 60 * MINUTE;
    assert_int_equal(discover(bios).failed, BIT(LPXELINUX));
}

/* The chooser of plan/chain.c takes the first that fits when all have failed. */
static enum plan_chain choose(unsigned failed, const enum plan_chain *fit, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!(failed & (1u << fit[i])))
            return fit[i];
    return fit[0];
}

static void all_go_round(void **state)
{
    static const enum plan_chain fit[] = {PLAN_CHAIN_GRUB, PLAN_CHAIN_EFI, PLAN_CHAIN_IPXE};
    for (size_t count = 1; count <= 3; count++) {
        setup(state);
        for (size_t boot = 0; boot < 9; boot++) {
            enum plan_chain offered = choose(discover(ovmf).failed, fit, count);
            assert_int_equal(offered, fit[boot % count]);
            now += 3000;
            struct plan_client client = ovmf;
            client.mac = (struct mac)QEMU(1);
            loader_memory_ask(memory, &client, true, now);
            assert_int_equal(choose(client.failed, fit, count), offered); /* the ACK as the OFFER */
            loader_memory_granted(memory, &client, offered, false, now);
            loader_memory_ask(memory, &client, true, now);
            loader_memory_granted(memory, &client, choose(client.failed, fit, count), false, now);
            now += 40000;
        }
        if (count < 3)
            teardown(state);
    }
}

/* --- rounds --- */

static void an_old_rom_is_replaced_in_one_round(void **state)
{
    for (unsigned boot = 0; boot < 4; boot++) {
        assert_int_equal(discover(old_rom).rounds, 0);
        now += 3000;
        request_of(old_rom, PLAN_CHAIN_IPXE, true, 1);
        request_of(old_rom, PLAN_CHAIN_IPXE, true, 1);
        now += 4000;
        assert_int_equal(discover(ipxe_rom).rounds, 1);
        request(ipxe_rom, PLAN_CHAIN_IPXE);
        done(BOOT_FILE_KERNEL, 1, 1);
        now += 60000;
    }
}

/* The iPXE that was loaded had HTTP: what stopped the boot after that was no loop. */
static void only_a_loop_is_counted(void **state)
{
    for (unsigned boot = 0; boot < 4; boot++) {
        assert_int_equal(discover(old_rom).rounds, 0);
        request_of(old_rom, PLAN_CHAIN_IPXE, true, 1);
        now += 4000;
        dialog(ipxe_rom, PLAN_CHAIN_IPXE);
        now += 60000;
    }
}

static void a_loop_is_counted(void **state)
{
    struct mac mac = QEMU(1);
    for (unsigned round = 0; round < PLAN_ROUNDS_MAX; round++) {
        assert_int_equal(discover(old_rom).rounds, round);
        now += 3000;
        request_of(old_rom, PLAN_CHAIN_IPXE, true, 1);
        request_of(old_rom, PLAN_CHAIN_IPXE, true, 1);
        now += 4000;
    }
    int64_t last = now - 4000;
    assert_int_equal(discover(old_rom).rounds, PLAN_ROUNDS_MAX);
    assert_int_equal(loader_memory_rounds(memory, &mac, now), PLAN_ROUNDS_MAX);
    now = last + FAILED_UNTIL; /* somebody may have changed the ROM */
    assert_int_equal(discover(old_rom).rounds, 0);
    assert_int_equal(loader_memory_rounds(memory, &mac, now), 0);
    struct mac nobody = QEMU(2);
    assert_int_equal(loader_memory_rounds(memory, &nobody, now), 0);
}

/* --- bounds --- */

static void the_oldest_machine_makes_room(void **state)
{
    for (unsigned i = 0; i < LOADER_MEMORY_MACHINES; i++, now++)
        request_of(bios, PLAN_CHAIN_PXELINUX, false, i);
    now += MINUTE;
    assert_int_equal(discover_of(bios, 0).failed, BIT(PXELINUX)); /* heard of: 1 is the oldest now */
    now++;
    request_of(bios, PLAN_CHAIN_PXELINUX, false, LOADER_MEMORY_MACHINES);
    now += MINUTE;
    assert_int_equal(discover_of(bios, 1).failed, 0);
    assert_int_equal(discover_of(bios, 0).failed, BIT(PXELINUX));
    assert_int_equal(discover_of(bios, 2).failed, BIT(PXELINUX));
    assert_int_equal(discover_of(bios, LOADER_MEMORY_MACHINES).failed, BIT(PXELINUX));
}

static void the_oldest_vendor_makes_room(void **state)
{
    struct plan_client client = bios;
    for (unsigned i = 0; i <= LOADER_MEMORY_VENDORS; i++, now++) {
        client.mac = (struct mac){{0, (uint8_t)(i >> 8), (uint8_t)i, 1, 2, 3}};
        struct boot_event e = {.kind = BOOT_EVENT_FILE_DONE,
                               .mac = client.mac,
                               .role = BOOT_FILE_KERNEL,
                               .file_number = 1,
                               .files_expected = 1};
        loader_memory_granted(memory, &client, PLAN_CHAIN_PXELINUX, false, now);
        loader_memory_event(memory, &e, now);
    }
    loader_memory_ask(memory, &client, false, now);
    assert_int_equal(client.worked, PLAN_CHAIN_PXELINUX);
    client.mac = (struct mac){{0, 0, 0, 9, 9, 9}};
    loader_memory_ask(memory, &client, false, now);
    assert_int_equal(client.worked, 0);
    client.mac = (struct mac){{0, 0, 1, 9, 9, 9}};
    loader_memory_ask(memory, &client, false, now);
    assert_int_equal(client.worked, PLAN_CHAIN_PXELINUX);
}

/* More kinds of clients in one boot than there are: the first is forgotten. */
static void many_kinds(void **state)
{
    for (unsigned arch = 0; arch < 20; arch++) {
        struct plan_client client = {.arch = arch};
        request(client, PLAN_CHAIN_IPXE);
    }
    now += MINUTE;
    assert_int_equal(discover((struct plan_client){.arch = 0}).failed, 0);
    assert_int_equal(discover((struct plan_client){.arch = 19}).failed, BIT(IPXE));
}

static void events_of_others(void **state)
{
    struct boot_event e = {.kind = BOOT_EVENT_BOOTED};
    loader_memory_event(memory, &e, now); /* nobody's */
    event_of(BOOT_EVENT_FILE_DONE, BOOT_FILE_KERNEL, 1, 1, 7);
    booted();
    assert_int_equal(discover(bios).worked, 0);
    assert_int_equal(discover_of(bios, 7).worked, 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        test(one_boot_with_an_ipxe_rom),
        test(one_boot_by_way_of_ipxe),
        test(coming_back_is_a_failure),
        test(a_kernel_is_no_failure),
        test(success_forgives),
        test(copies_are_no_failures),
        test(only_the_ack_counts),
        test(ipxe_that_fails_fails_as_a_whole),
        test(a_local_system_is_no_success),
        cmocka_unit_test_teardown(all_go_round, teardown),
        test(an_old_rom_is_replaced_in_one_round),
        test(only_a_loop_is_counted),
        test(a_loop_is_counted),
        test(the_oldest_machine_makes_room),
        test(the_oldest_vendor_makes_room),
        test(many_kinds),
        test(events_of_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
