#include "plan/client.h"

#include <stdio.h>

#define BIOS  PLAN_PLATFORM_BIOS
#define UEFI  PLAN_PLATFORM_UEFI
#define OTHER PLAN_PLATFORM_OTHER

/* All that IANA has registered, by code. */
static const struct plan_arch archs[] = {
    {0, BIOS, "386", false, "BIOS"},
    {1, OTHER, NULL, false, "NEC PC98"},
    {2, OTHER, NULL, false, "EFI Itanium"},
    {3, OTHER, NULL, false, "DEC Alpha"},
    {4, OTHER, NULL, false, "Arc x86"},
    {5, OTHER, NULL, false, "Intel Lean Client"},
    {6, UEFI, "386", false, "UEFI x86, 32 bits"},
    {7, UEFI, "amd64", false, "UEFI x86-64"},
    {8, UEFI, NULL, false, "UEFI Xscale"},
    {9, UEFI, "amd64", false, "UEFI x86-64"},
    {10, UEFI, "arm", false, "UEFI arm, 32 bits"},
    {11, UEFI, "arm64", false, "UEFI arm64"},
    {12, OTHER, "ppc64", false, "PowerPC Open Firmware"},
    {13, OTHER, "ppc64", false, "PowerPC ePAPR"},
    {14, OTHER, "ppc64", false, "POWER OPAL v3"},
    {15, UEFI, "386", true, "UEFI x86, 32 bits"},
    {16, UEFI, "amd64", true, "UEFI x86-64"},
    {17, UEFI, NULL, true, "UEFI EBC"},
    {18, UEFI, "arm", true, "UEFI arm, 32 bits"},
    {19, UEFI, "arm64", true, "UEFI arm64"},
    {20, BIOS, "386", true, "BIOS"},
    {21, OTHER, "arm", false, "arm U-Boot, 32 bits"},
    {22, OTHER, "arm64", false, "arm64 U-Boot"},
    {23, OTHER, "arm", true, "arm U-Boot, 32 bits"},
    {24, OTHER, "arm64", true, "arm64 U-Boot"},
    {25, UEFI, "riscv32", false, "UEFI RISC-V, 32 bits"},
    {26, UEFI, "riscv32", true, "UEFI RISC-V, 32 bits"},
    {27, UEFI, "riscv64", false, "UEFI RISC-V, 64 bits"},
    {28, UEFI, "riscv64", true, "UEFI RISC-V, 64 bits"},
    {29, UEFI, NULL, false, "UEFI RISC-V, 128 bits"},
    {30, UEFI, NULL, true, "UEFI RISC-V, 128 bits"},
    {31, OTHER, "s390x", false, "s390 basic"},
    {32, OTHER, "s390x", false, "s390 extended"},
    {33, UEFI, "mips", false, "UEFI MIPS, 32 bits"},
    {34, UEFI, "mips64", false, "UEFI MIPS, 64 bits"},
    {35, UEFI, NULL, false, "UEFI Sunway, 32 bits"},
    {36, UEFI, NULL, false, "UEFI Sunway, 64 bits"},
    {37, UEFI, NULL, false, "UEFI LoongArch, 32 bits"},
    {38, UEFI, NULL, true, "UEFI LoongArch, 32 bits"},
    {39, UEFI, "loong64", false, "UEFI LoongArch, 64 bits"},
    {40, UEFI, "loong64", true, "UEFI LoongArch, 64 bits"},
    {41, OTHER, "arm", false, "arm rpiboot"},
};

const struct plan_arch *plan_arch_find(unsigned code)
{
    return code < sizeof archs / sizeof archs[0] ? &archs[code] : NULL;
}

enum plan_platform plan_client_platform(const struct plan_client *client)
{
    const struct plan_arch *arch = plan_arch_find(client->arch);
    return arch ? arch->platform : PLAN_PLATFORM_OTHER;
}

const char *plan_client_text(const struct plan_client *client, char out[static PLAN_CLIENT_TEXT_MAX])
{
    const struct plan_arch *arch = plan_arch_find(client->arch);
    char number[24];
    if (client->arch == PLAN_ARCH_UNKNOWN) {
        snprintf(out, PLAN_CLIENT_TEXT_MAX, "any machine");
        return out;
    }
    snprintf(number, sizeof number, "architecture %u", client->arch);
    snprintf(out, PLAN_CLIENT_TEXT_MAX, "%s%s%s", arch ? arch->name : number,
             client->http ? " by HTTP Boot" : "", client->ipxe ? ", iPXE" : "");
    return out;
}
