#include "image/kernel.h"

#include "base/text.h"
#include "base/wire.h"

#include <stdlib.h>
#include <string.h>

/* --- fields --- */

static uint32_t get(struct slice head, size_t at, size_t size)
{
    if (at > head.size || size > head.size - at)
        return 0;
    struct wire_in w = wire_in(head.data + at, size);
    return size == 2 ? wire_u16le(&w) : wire_u32le(&w);
}

static uint32_t u16(struct slice head, size_t at)
{
    return get(head, at, 2);
}

static uint32_t u32(struct slice head, size_t at)
{
    return get(head, at, 4);
}

static bool has(struct slice head, size_t at, const char *magic, size_t size)
{
    return at <= head.size && size <= head.size - at && memcmp(head.data + at, magic, size) == 0;
}

/* --- x86: boot.rst, "The Real-Mode Kernel Header" --- */

#define X86_BOOT_FLAG        0x1fe
#define X86_MAGIC            0x202
#define X86_PROTOCOL         0x206
#define X86_VERSION          0x20e /* less 0x200 */
#define X86_XLOADFLAGS       0x236
#define X86_XLOADFLAGS_SINCE 0x20c /* protocol 2.12 */
#define XLF_KERNEL_64        1u

static bool is_x86(struct slice head)
{
    return u16(head, X86_BOOT_FLAG) == 0xaa55 && has(head, X86_MAGIC, "HdrS", 4);
}

/* "6.1.0-56-amd64 (maker@host) #1 SMP ..."; "Memtest86+ v6.10" names itself first. */
static void read_version_text(const char *text, struct kernel_facts *out)
{
    size_t length = strcspn(text, " ");
    bool names_itself = length && !(text[0] >= '0' && text[0] <= '9');
    if (names_itself) {
        text_printable(text, length, out->product, sizeof out->product);
        text += length + strspn(text + length, " ");
        text += *text == 'v';
        length = strcspn(text, " ");
    }
    text_printable(text, length, out->version, sizeof out->version);
}

static void read_x86(struct slice head, struct kernel_facts *out)
{
    char text[2 * KERNEL_TEXT_MAX] = "";
    size_t at = u16(head, X86_VERSION);
    if (at && at + 0x200 < head.size) {
        at += 0x200;
        size_t left = head.size - at;
        memcpy(text, head.data + at, left < sizeof text - 1 ? left : sizeof text - 1);
    }
    read_version_text(text, out);
    bool wide;
    if (u16(head, X86_PROTOCOL) >= X86_XLOADFLAGS_SINCE)
        wide = u16(head, X86_XLOADFLAGS) & XLF_KERNEL_64;
    else
        wide = strstr(out->version, "x86_64") || strstr(out->version, "amd64"); /* before Linux 3.8 */
    out->arch = wide ? "amd64" : "386";
}

/* --- kernels that are not booted here, to say what they are --- */

static const struct {
    size_t at;
    const char *magic;
    size_t size;
    const char *what;
} foreign[] = {
    {0x38, "RSC\x05", 4, "Linux for riscv64"},              /* arch/riscv/boot-image-header.rst */
    {0x38, "\xcd\x23\x82\x81", 4, "Linux for loongarch64"}, /* arch/loongarch: LINUX_PE_MAGIC */
    {0x24, "\x18\x28\x6f\x01", 4, "Linux for 32-bit ARM"},  /* zImage, head.S */
    {4, "zimg", 4, "Linux packed for EFI (zboot), which only EFI itself unpacks"},
    {0, "\x1f\x8b", 2, "packed with gzip: unpack it with gunzip"},
    {0,
     "\xfd"
     "7zXZ",
     5, "packed with xz: unpack it with unxz"},
    {0, "\x28\xb5\x2f\xfd", 4, "packed with zstd: unpack it with unzstd"},
};

/* ELF, e_machine (System V ABI). */
static const char *elf_machine(struct slice head)
{
    static const struct {
        uint32_t machine;
        const char *what;
    } machines[] = {
        {3, "386"},    {62, "amd64"}, {183, "arm64"},   {20, "ppc"},
        {21, "ppc64"}, {22, "s390x"}, {243, "riscv64"},
    };
    bool big = head.size > 5 && head.data[5] == 2;
    uint32_t machine = u16(head, 18);
    machine = big ? (machine >> 8 | machine << 8) & 0xffff : machine;
    for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
        if (machines[i].machine == machine)
            return machines[i].what;
    return "an unknown machine";
}

static int not_linux(struct slice head, struct error *err)
{
    if (has(head, 0,
            "\x7f"
            "ELF",
            4))
        return error_set(err,
                         "it is an ELF file for %s; bootherd boots kernels for amd64 and 386 as bzImage, for "
                         "arm64 as Image",
                         elf_machine(head));
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (has(head, foreign[i].at, foreign[i].magic, foreign[i].size))
            return error_set(err, "it is %s; bootherd boots kernels for amd64, 386 and arm64",
                             foreign[i].what);
    return error_set(err,
                     "it is no Linux kernel: it has neither x86's boot header (\"HdrS\" at 0x202, 55 aa at "
                     "0x1fe) nor arm64's (\"ARM\\x64\" at 0x38)");
}

/* --- Linux --- */

static bool is_arm64(struct slice head)
{
    return has(head, 0x38, "ARM\x64", 4);
}

bool kernel_is_linux(struct slice head)
{
    return is_x86(head) || is_arm64(head);
}

int kernel_linux(struct slice head, struct kernel_facts *out, struct error *err)
{
    *out = (struct kernel_facts){.product = "Linux"};
    if (is_x86(head))
        read_x86(head, out);
    else if (is_arm64(head))
        out->arch = "arm64";
    else
        return not_linux(head, err);
    return 0;
}

/* --- EFI: PE/COFF, 3.3 and 3.4 --- */

#define PE_OFFSET_AT     0x3c
#define PE_SUBSYSTEM     (24 + 68) /* the same in PE32 and PE32+ */
#define PE_SUBSYSTEM_EFI 10        /* an application; 11 and 12 are drivers */

static const struct {
    uint32_t machine;
    const char *arch;
} pe_machines[] = {{0x8664, "amd64"}, {0xaa64, "arm64"}, {0x14c, "386"}};

int kernel_efi(struct slice head, const char **arch, struct error *err)
{
    size_t pe = u32(head, PE_OFFSET_AT);
    if (!has(head, 0, "MZ", 2) || !has(head, pe, "PE\0\0", 4))
        return error_set(err, "it is no EFI program: it lacks the marks \"MZ\" and \"PE\"");
    uint32_t machine = u16(head, pe + 4), magic = u16(head, pe + 24),
             subsystem = u16(head, pe + PE_SUBSYSTEM);
    if ((magic != 0x10b && magic != 0x20b) || subsystem != PE_SUBSYSTEM_EFI)
        return error_set(err,
                         "it is a program, but no EFI application (its subsystem is %u, not %d): a firmware "
                         "would not start it",
                         subsystem, PE_SUBSYSTEM_EFI);
    for (size_t i = 0; i < sizeof pe_machines / sizeof pe_machines[0]; i++)
        if (pe_machines[i].machine == machine) {
            *arch = pe_machines[i].arch;
            return 0;
        }
    return error_set(err, "it is an EFI program for machine 0x%x; bootherd boots amd64, arm64 and 386",
                     machine);
}

/* --- multiboot --- */

#define MB1_MAGIC  0x1badb002u
#define MB1_WITHIN 8192u
#define MB2_MAGIC  0xe85250d6u
#define MB2_WITHIN 32768u

struct kernel_multiboot kernel_multiboot(struct slice head)
{
    struct kernel_multiboot out = {0};
    for (size_t at = 0; at + 12 <= head.size && at + 12 <= MB1_WITHIN && !out.one; at += 4)
        out.one = u32(head, at) == MB1_MAGIC && u32(head, at) + u32(head, at + 4) + u32(head, at + 8) == 0;
    for (size_t at = 0; at + 16 <= head.size && at + 16 <= MB2_WITHIN && !out.two; at += 8)
        out.two = u32(head, at) == MB2_MAGIC &&
                  u32(head, at) + u32(head, at + 4) + u32(head, at + 8) + u32(head, at + 12) == 0;
    return out;
}

bool kernel_is_elf(struct slice head)
{
    return has(head, 0,
               "\x7f"
               "ELF",
               4) &&
           (u16(head, 18) == 3 || u16(head, 18) == 62);
}

bool kernel_is_gzip(struct slice head)
{
    return has(head, 0, "\x1f\x8b", 2);
}
