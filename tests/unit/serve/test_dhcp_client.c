#include "serve/dhcp_client.h"

#include "dhcp_sample.h"

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
           "PXE, architecture 256, which nobody has registered");
    /* No option, half an option: BIOS. */
    expect(&(struct said){.class = pxe}, true, false, 0, false, "PXE, BIOS");
    expect(&(struct said){.class = pxe, .arch = "\7", .arch_size = 1}, true, false, 0, false, "PXE, BIOS");
}

/* RFC 4578, section 2.1: the first that can be served counts, all are told. */
static void several_architectures(void **state)
{
    const char *const pxe = "PXEClient", *const http = "HTTPClient";
    expect(&(struct said){.arch = "\0\7\0\0", .arch_size = 4}, true, false, 7, false,
           "PXE, UEFI x86-64 (of architectures 7, 0)");
    expect(&(struct said){.class = pxe, .arch = "\0\45\0\2\0\13", .arch_size = 6}, true, false, 11, false,
           "PXE, UEFI arm64 (of architectures 37, 2, 11)");
    /* None can be served: one that has a name is told; none has: the first. */
    expect(&(struct said){.class = pxe, .arch = "\7\0\0\2", .arch_size = 4}, true, false, 2, false,
           "PXE, EFI Itanium (of architectures 1792, 2)");
    expect(&(struct said){.class = pxe, .arch = "\7\0\7\1", .arch_size = 4}, true, false, 1792, false,
           "PXE, architecture 1792, which nobody has registered (of architectures 1792, 1793)");
    /* The one for the way it boots. */
    expect(&(struct said){.class = http, .arch = "\0\7\0\20", .arch_size = 4}, true, true, 16, false,
           "HTTP Boot, UEFI x86-64 (of architectures 7, 16)");
    expect(&(struct said){.class = pxe, .arch = "\0\20\0\7", .arch_size = 4}, true, false, 7, false,
           "PXE, UEFI x86-64 (of architectures 16, 7)");
    /* An odd byte behind the list is no architecture. */
    expect(&(struct said){.class = pxe, .arch = "\0\6\0", .arch_size = 3}, true, false, 6, false,
           "PXE, UEFI x86, 32 bits");
}

/* The registry "Processor Architecture Types" as IANA has it: 42 lines, which of them by HTTP; 9 is EBC. */
static void registry(void **state)
{
    static const bool http[] = {
        [15] = true, [16] = true, [17] = true, [18] = true, [19] = true, [20] = true, [23] = true,
        [24] = true, [26] = true, [28] = true, [30] = true, [38] = true, [40] = true, [41] = false};
    static const struct {
        unsigned code;
        const char *says;
    } named[] = {{0, "BIOS"},
                 {1, "NEC"},
                 {2, "Itanium"},
                 {3, "Alpha"},
                 {4, "Arc"},
                 {5, "Intel Lean"},
                 {6, "x86, 32"},
                 {7, "x86-64"},
                 {8, "Xscale"},
                 {10, "arm"},
                 {11, "arm64"},
                 {12, "Open Firmware"},
                 {13, "ePAPR"},
                 {14, "OPAL"},
                 {15, "x86, 32"},
                 {16, "x86-64"},
                 {17, "EBC"},
                 {18, "arm"},
                 {19, "arm64"},
                 {20, "BIOS"},
                 {21, "arm"},
                 {22, "arm64"},
                 {25, "RISC-V, 32"},
                 {27, "RISC-V, 64"},
                 {29, "RISC-V, 128"},
                 {31, "s390 basic"},
                 {32, "s390 extended"},
                 {33, "MIPS"},
                 {34, "MIPS"},
                 {35, "Sunway"},
                 {36, "Sunway"},
                 {37, "LoongArch, 32"},
                 {39, "LoongArch, 64"},
                 {41, "rpiboot"}};
    for (unsigned code = 0; code < sizeof http / sizeof http[0]; code++) {
        assert_non_null(plan_arch_find(code));
        assert_int_equal(plan_arch_find(code)->code, code);
        assert_int_equal(plan_arch_find(code)->http, http[code]);
        bool uefi = strstr(plan_arch_find(code)->name, "UEFI") != NULL;
        assert_int_equal(uefi, plan_arch_find(code)->platform == PLAN_PLATFORM_UEFI);
    }
    for (size_t i = 0; i < sizeof named / sizeof named[0]; i++)
        assert_non_null(strstr(plan_arch_find(named[i].code)->name, named[i].says));
    assert_null(plan_arch_find(42));
}

static void read_sample(const char *name, struct dhcp_client *out)
{
    struct dhcp_sample sample;
    struct dhcp_message m;
    struct error err;
    dhcp_sample_read(name, &sample);
    assert_int_equal(dhcp_message_decode(sample.data, sample.size, &m, &err), 0);
    dhcp_client_read(&m, out);
}

/* What Debian's builds say of themselves in option 175, and the machine's UUID as dmidecode has it. */
static void ipxe_features(void **state)
{
    struct dhcp_client client;
    read_sample("wire-pxelinux-linux-00-client", &client);
    assert_int_equal(client.plan.features, PLAN_IPXE_HTTP | PLAN_IPXE_TFTP | PLAN_IPXE_BZIMAGE |
                                               PLAN_IPXE_MULTIBOOT | PLAN_IPXE_PXE);
    assert_string_equal(client.uuid, "4c4c4544-0077-4000-8000-525400770103");
    assert_true(client.takes_offer);
    read_sample("ipxe-uefi-discover", &client);
    assert_int_equal(client.plan.features, PLAN_IPXE_HTTP | PLAN_IPXE_TFTP | PLAN_IPXE_EFI);
    assert_true(client.takes_offer);
    read_sample("ovmf-discover", &client);
    assert_int_equal(client.plan.features, 0);
    assert_false(client.plan.ipxe);
    assert_false(client.takes_offer); /* it asks on port 4011 first */
    read_sample("ovmf-http-discover", &client);
    assert_true(client.plan.http && client.takes_offer);
}

static unsigned features_of(const char *option, size_t size)
{
    struct dhcp_message m;
    struct dhcp_client client;
    dhcp_message_init(&m, DHCP_OP_REQUEST);
    dhcp_put(&m, DHCP_OPTION_IPXE, option, size);
    dhcp_client_read(&m, &client);
    assert_true(client.plan.ipxe);
    return client.plan.features;
}

static void ipxe_features_broken(void **state)
{
    assert_int_equal(features_of("", 0), 0);
    assert_int_equal(features_of("\0\0\x14\1\1", 5), PLAN_IPXE_HTTPS); /* padding */
    assert_int_equal(features_of("\x13\1\0", 3), 0);                   /* "no" */
    assert_int_equal(features_of("\x13\2\1\1", 4), 0);                 /* not a flag */
    assert_int_equal(features_of("\x15\1\1\xff\x13\1\1", 7), PLAN_IPXE_TFTP);
    assert_int_equal(features_of("\x15\1\1\x13\1", 5), PLAN_IPXE_TFTP); /* cut off */
    assert_int_equal(features_of("\x15\1\1\x13", 4), PLAN_IPXE_TFTP);
}

static void uuid_broken(void **state)
{
    static const char uuid[] = "\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20";
    struct dhcp_message m;
    struct dhcp_client client;
    dhcp_message_init(&m, DHCP_OP_REQUEST);
    dhcp_put(&m, DHCP_OPTION_UUID, uuid, 17);
    dhcp_client_read(&m, &client);
    assert_string_equal(client.uuid, "04030201-0605-0807-090a-0b0c0d0e0f10");
    dhcp_put(&m, DHCP_OPTION_UUID, uuid, 16);
    dhcp_client_read(&m, &client);
    assert_string_equal(client.uuid, "");
    dhcp_put(&m, DHCP_OPTION_UUID, "\1bcdefghijklmnopq", 17); /* of another type */
    dhcp_client_read(&m, &client);
    assert_string_equal(client.uuid, "");
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
        cmocka_unit_test(architectures), cmocka_unit_test(several_architectures),
        cmocka_unit_test(registry),      cmocka_unit_test(ipxe),
        cmocka_unit_test(ipxe_features), cmocka_unit_test(ipxe_features_broken),
        cmocka_unit_test(uuid_broken),   cmocka_unit_test(booted_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
