#include "serve/dhcp_client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

struct said {
    const char *class;
    const char *arch; /* two bytes an architecture */
    size_t arch_size;
    const char *user_class;
    size_t user_class_size;
    bool ipxe_option;
};

static struct dhcp_client read_client(const struct said *said)
{
    struct dhcp_message m;
    struct dhcp_client client;
    dhcp_message_init(&m, DHCP_OP_REQUEST);
    memcpy(m.chaddr, "\x52\x54\x00\x12\x34\x56", 6);
    if (said->class)
        dhcp_put_text(&m, DHCP_OPTION_CLASS, said->class);
    if (said->arch)
        dhcp_put(&m, DHCP_OPTION_ARCH, said->arch, said->arch_size);
    if (said->user_class)
        dhcp_put(&m, DHCP_OPTION_USER_CLASS, said->user_class, said->user_class_size);
    if (said->ipxe_option)
        dhcp_put(&m, DHCP_OPTION_IPXE, "", 0);
    dhcp_client_read(&m, &client);
    assert_memory_equal(client.plan.mac.byte, m.chaddr, MAC_SIZE);
    return client;
}

static void expect(const struct said *said, bool boots, bool http, unsigned arch, bool ipxe, const char *text)
{
    struct dhcp_client client = read_client(said);
    assert_string_equal(client.text, text);
    assert_int_equal(client.boots, boots);
    assert_int_equal(client.plan.http, http);
    assert_int_equal(client.plan.arch, arch);
    assert_int_equal(client.plan.ipxe, ipxe);
}

/* The numbers are IANA's; 7, 9 and 16 all mean x86-64. */
static void architectures(void **state)
{
    const char *const pxe = "PXEClient:Arch:00000:UNDI:002001";
    expect(&(struct said){.class = pxe, .arch = "\0\0", .arch_size = 2}, true, false, 0, false, "PXE, BIOS");
    expect(&(struct said){.class = pxe, .arch = "\0\6", .arch_size = 2}, true, false, 6, false,
           "PXE, UEFI x86, 32 bits");
    expect(&(struct said){.class = pxe, .arch = "\0\7", .arch_size = 2}, true, false, 7, false,
           "PXE, UEFI x86-64");
    expect(&(struct said){.class = pxe, .arch = "\0\11", .arch_size = 2}, true, false, 9, false,
           "PXE, UEFI x86-64");
    expect(&(struct said){.class = pxe, .arch = "\0\13", .arch_size = 2}, true, false, 11, false,
           "PXE, UEFI arm64");
    expect(&(struct said){.class = "HTTPClient:Arch:00016", .arch = "\0\20", .arch_size = 2}, true, true, 16,
           false, "HTTP Boot, UEFI x86-64");
    expect(&(struct said){.class = pxe, .arch = "\1\0", .arch_size = 2}, true, false, 256, false,
           "PXE, architecture 256");
    /* A list: the first counts. No option, half an option: BIOS. */
    expect(&(struct said){.arch = "\0\7\0\0", .arch_size = 4}, true, false, 7, false, "PXE, UEFI x86-64");
    expect(&(struct said){.class = pxe}, true, false, 0, false, "PXE, BIOS");
    expect(&(struct said){.class = pxe, .arch = "\7", .arch_size = 1}, true, false, 0, false, "PXE, BIOS");
}

/* Bare, as iPXE sends it, or a list by RFC 3004; or option 175 alone. */
static void ipxe(void **state)
{
    expect(&(struct said){.user_class = "iPXE", .user_class_size = 4}, true, false, 0, true,
           "PXE, BIOS, iPXE ROM");
    expect(&(struct said){.user_class = "\3abc\4iPXE", .user_class_size = 9}, true, false, 0, true,
           "PXE, BIOS, iPXE ROM");
    expect(&(struct said){.ipxe_option = true}, true, false, 0, true, "PXE, BIOS, iPXE ROM");
    expect(&(struct said){.user_class = "\3abc\4iPX", .user_class_size = 8}, false, false, 0, false,
           "booted system");
    expect(&(struct said){.user_class = "iPXE2", .user_class_size = 5}, false, false, 0, false,
           "booted system");
    expect(&(struct said){.user_class = "\0\0\0", .user_class_size = 3}, false, false, 0, false,
           "booted system");
}

static void booted_systems(void **state)
{
    expect(&(struct said){0}, false, false, 0, false, "booted system");
    expect(&(struct said){.class = "udhcp 1.35.0"}, false, false, 0, false, "booted system, udhcp 1.35.0");
    expect(&(struct said){.class = "a\nb\x1b[2J"}, false, false, 0, false, "booted system, a?b?[2J");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(architectures),
        cmocka_unit_test(ipxe),
        cmocka_unit_test(booted_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
