#include "plan/chain.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SHAPE(name) (1u << PLAN_SHAPE_##name)
#define BIOS        PLAN_PLATFORM_BIOS
#define UEFI        PLAN_PLATFORM_UEFI
#define ANY         PLAN_PLATFORM_OTHER
#define PXE         1u
#define HTTP        2u
#define SIGNED      true
#define UNSIGNED    false

static const struct {
    const char *name; /* the image's, in the store */
    const char *remedy;
} loaders[PLAN_LOADERS] = {
    [PLAN_LOADER_NONE] = {"", ""},
    [PLAN_LOADER_PXELINUX] = {"pxelinux",
                              "apt-get install pxelinux syslinux-common, and start bootherd serve again"},
    [PLAN_LOADER_PXELINUX3] =
        {"pxelinux-3.86", "VMware's mboot.c32 works with SYSLINUX 3.86 only, which Debian does not have; "
                          "give its pxelinux.0 to: bootherd loader add FILE"},
    [PLAN_LOADER_IPXE] = {"ipxe", "apt-get install ipxe, and start bootherd serve again"},
    [PLAN_LOADER_GRUB_AMD64] = {"grub-amd64",
                                "apt-get install shim-signed grub-efi-amd64-signed grub-efi-amd64-bin, and "
                                "start bootherd serve again"},
    [PLAN_LOADER_GRUB_ARM64] = {"grub-arm64",
                                "unpack Debian's shim-signed, grub-efi-arm64-signed and grub-efi-arm64-bin "
                                "for arm64 into a folder: bootherd loader add FOLDER --name grub-arm64"},
    [PLAN_LOADER_GRUB_386] = {"grub-386",
                              "apt-get install grub-efi-ia32-bin, and start bootherd serve again"},
};

/* In the order they are tried. HTTP before TFTP; what the vendor signs before what he does not. */
static const struct chain {
    enum plan_chain chain;
    const char *name;
    enum plan_platform platform;
    unsigned shapes;
    unsigned by;             /* how the firmware may fetch it: PXE, HTTP */
    bool is_signed;          /* starts under Secure Boot, as far as the loader goes */
    enum plan_loader loader; /* GRUB: for amd64; other processors have their own */
} chains[] = {
    {PLAN_CHAIN_LPXELINUX, "lpxelinux", BIOS, SHAPE(VMKBOOT) | SHAPE(XEN) | SHAPE(LINUX) | SHAPE(LOCAL), PXE,
     UNSIGNED, PLAN_LOADER_PXELINUX},
    {PLAN_CHAIN_PXELINUX, "pxelinux", BIOS, SHAPE(VMKBOOT) | SHAPE(XEN) | SHAPE(LINUX) | SHAPE(LOCAL), PXE,
     UNSIGNED, PLAN_LOADER_PXELINUX},
    {PLAN_CHAIN_PXELINUX3, "pxelinux3", BIOS, SHAPE(VMKBOOT) | SHAPE(BOOTCFG) | SHAPE(LOCAL), PXE, UNSIGNED,
     PLAN_LOADER_PXELINUX3},
    {PLAN_CHAIN_MBOOT, "mboot", UEFI, SHAPE(BOOTCFG), PXE | HTTP, SIGNED, PLAN_LOADER_NONE},
    {PLAN_CHAIN_GRUB, "grub", UEFI, SHAPE(XEN) | SHAPE(LINUX) | SHAPE(LOCAL), PXE, SIGNED,
     PLAN_LOADER_GRUB_AMD64},
    {PLAN_CHAIN_DISK, "disk", UEFI, SHAPE(XEN) | SHAPE(LINUX) | SHAPE(LOCAL), HTTP, SIGNED,
     PLAN_LOADER_GRUB_AMD64},
    {PLAN_CHAIN_EFI, "efi", UEFI, SHAPE(EFI), PXE | HTTP, SIGNED, PLAN_LOADER_NONE},
    {PLAN_CHAIN_IPXE, "ipxe", ANY, SHAPE(XEN) | SHAPE(LINUX) | SHAPE(BOOTCFG) | SHAPE(EFI) | SHAPE(LOCAL),
     PXE | HTTP, UNSIGNED, PLAN_LOADER_IPXE},
};
#define CHAINS (sizeof chains / sizeof chains[0])

const char *plan_loader_name(enum plan_loader loader)
{
    return loaders[loader].name;
}

const char *plan_loader_remedy(enum plan_loader loader)
{
    return loaders[loader].remedy;
}

enum plan_loader plan_loader_of(const char *name)
{
    for (enum plan_loader i = PLAN_LOADER_NONE + 1; i < PLAN_LOADERS; i++)
        if (strcmp(loaders[i].name, name) == 0)
            return i;
    return PLAN_LOADER_NONE;
}

static const struct chain *chain_find(enum plan_chain chain)
{
    for (size_t i = 0; i < CHAINS; i++)
        if (chains[i].chain == chain)
            return &chains[i];
    return NULL;
}

const char *plan_chain_name(enum plan_chain chain)
{
    const struct chain *found = chain_find(chain);
    return found ? found->name : "auto";
}

enum plan_chain plan_chain_of(const char *word)
{
    for (size_t i = 0; word && i < CHAINS; i++)
        if (strcmp(chains[i].name, word) == 0)
            return chains[i].chain;
    return PLAN_CHAIN_ANY;
}

/* iPXE that takes a URL: it needs no other loader. One that says nothing of what it can do is taken at its
 * word. */
static bool has_ipxe(const struct plan_client *client)
{
    return client->ipxe && (!client->features || (client->features & PLAN_IPXE_HTTP));
}

static enum plan_loader grub_for(const struct plan_client *client)
{
    static const struct {
        const char *cpu;
        enum plan_loader loader;
    } grubs[] = {
        {"amd64", PLAN_LOADER_GRUB_AMD64}, {"arm64", PLAN_LOADER_GRUB_ARM64}, {"386", PLAN_LOADER_GRUB_386}};
    const struct plan_arch *arch = plan_arch_find(client->arch);
    for (size_t i = 0; arch && arch->cpu && i < sizeof grubs / sizeof grubs[0]; i++)
        if (strcmp(grubs[i].cpu, arch->cpu) == 0)
            return grubs[i].loader;
    return PLAN_LOADER_GRUB_AMD64;
}

enum plan_loader plan_chain_loader(enum plan_chain chain, const struct plan_client *client)
{
    const struct chain *c = chain_find(chain);
    if (!c || (chain == PLAN_CHAIN_IPXE && has_ipxe(client)))
        return PLAN_LOADER_NONE;
    return c->loader == PLAN_LOADER_GRUB_AMD64 ? grub_for(client) : c->loader;
}

const char *plan_loader_chains(enum plan_loader loader, char out[static PLAN_LOADER_CHAINS_MAX])
{
    /* A BIOS, and UEFI of each processor that has loaders of its own. */
    static const struct plan_client clients[] = {{.arch = 0}, {.arch = 6}, {.arch = 7}, {.arch = 11}};
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; loader && i < CHAINS; i++) {
        bool uses = false;
        for (size_t j = 0; j < sizeof clients / sizeof clients[0]; j++)
            uses = uses || plan_chain_loader(chains[i].chain, &clients[j]) == loader;
        if (uses)
            used += (size_t)snprintf(out + used, PLAN_LOADER_CHAINS_MAX - used, "%s%s", used ? " " : "",
                                     chains[i].name);
    }
    return out;
}

__attribute__((format(printf, 2, 3))) static bool no(char why[static PLAN_WHY_MAX], const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(why, PLAN_WHY_MAX, format, args);
    va_end(args);
    return false;
}

static bool has_loaders(const struct plan_arch *arch)
{
    return text_equal(arch->cpu, "amd64") || text_equal(arch->cpu, "386") || text_equal(arch->cpu, "arm64");
}

/* Whether the machine runs what is in the image. A BIOS says 386 whatever it has. */
static bool cpu_takes(const struct plan_client *client, const struct plan_need *need)
{
    const struct plan_arch *arch = plan_arch_find(client->arch);
    const char *image = need->cpu;
    if (need->shape == PLAN_SHAPE_LOCAL) /* the loader's own is asked for */
        return arch && has_loaders(arch);
    if (!arch || !arch->cpu || text_equal(arch->cpu, image))
        return arch && arch->cpu;
    if (arch->platform == PLAN_PLATFORM_BIOS)
        return text_equal(image, "amd64");
    if (need->shape == PLAN_SHAPE_EFI || need->shape == PLAN_SHAPE_BOOTCFG)
        return false; /* the firmware itself starts the program, or VMware's mboot.efi */
    /* A 32-bit UEFI may sit on a 64-bit processor, and Linux starts there (mixed mode); the other way round
     * too. */
    return (text_equal(arch->cpu, "386") && text_equal(image, "amd64")) ||
           (text_equal(arch->cpu, "amd64") && text_equal(image, "386"));
}

static bool fits_machine(const struct chain *c, const struct plan_client *client,
                         const struct plan_need *need, char why[static PLAN_WHY_MAX])
{
    char text[PLAN_CLIENT_TEXT_MAX];
    enum plan_platform platform = plan_client_platform(client);
    if (client->arch == PLAN_ARCH_UNKNOWN)
        return true;
    if (platform == PLAN_PLATFORM_OTHER)
        return no(
            why,
            "the machine says %s (DHCP option 93 = %u), which no loader here starts on: boot it by BIOS "
            "(0), UEFI x86 (6, 7, 9, 15, 16) or UEFI arm64 (11, 19)",
            plan_client_text(client, text), client->arch);
    if (platform == PLAN_PLATFORM_UEFI && need->no_uefi)
        return no(why, "%s: switch the machine to BIOS/legacy boot in its firmware setup", need->no_uefi);
    if (c->platform != ANY && c->platform != platform)
        return no(why, "%s is for %s machines, and this one is %s", c->name,
                  c->platform == PLAN_PLATFORM_BIOS ? "BIOS" : "UEFI", plan_client_text(client, text));
    if (!(c->by & (client->http ? HTTP : PXE)))
        return no(why, "%s cannot be started by %s: choose %s in the machine's firmware setup", c->name,
                  client->http ? "HTTP Boot" : "PXE", client->http ? "PXE" : "HTTP Boot");
    return true;
}

void plan_rounds_why(unsigned rounds, char why[static PLAN_WHY_MAX])
{
    snprintf(why, PLAN_WHY_MAX,
             "iPXE was sent to this machine %u times, and each time one without HTTP came back and asked "
             "again: give bootherd loader add an iPXE with HTTP, or the node another loader",
             rounds);
}

/* iPXE of Debian is for x86; its multiboot is for BIOS machines only. */
static bool fits_ipxe(const struct plan_client *client, const struct plan_need *need,
                      char why[static PLAN_WHY_MAX])
{
    bool bios = plan_client_platform(client) == PLAN_PLATFORM_BIOS;
    const struct plan_arch *arch = plan_arch_find(client->arch);
    if (client->arch == PLAN_ARCH_UNKNOWN)
        return true;
    if (bios && (need->shape == PLAN_SHAPE_BOOTCFG || need->shape == PLAN_SHAPE_EFI))
        return no(why, "iPXE on a BIOS machine starts no %s",
                  need->shape == PLAN_SHAPE_EFI ? "EFI program" : "ESXi 5 or later");
    if (!bios && need->shape == PLAN_SHAPE_XEN)
        return no(why, "iPXE starts Xen on BIOS machines only: on UEFI it is GRUB's work");
    if (!has_ipxe(client) && !bios && !(arch && text_equal(arch->cpu, "amd64")))
        return no(why, "Debian has iPXE for x86-64 UEFI only");
    if (has_ipxe(client) || client->rounds < PLAN_ROUNDS_MAX)
        return true;
    plan_rounds_why(client->rounds, why);
    return false;
}

bool plan_chain_takes(enum plan_chain chain, enum plan_shape shape)
{
    const struct chain *c = chain_find(chain);
    return c && (c->shapes & (1u << shape)) && shape != PLAN_SHAPE_NONE;
}

bool plan_chain_fits(enum plan_chain chain, const struct plan_client *client, const struct plan_need *need,
                     char why[static PLAN_WHY_MAX])
{
    const struct chain *c = chain_find(chain);
    why[0] = '\0';
    if (!c || need->shape == PLAN_SHAPE_NONE)
        return no(why, "there is nothing to boot in it");
    if (!(c->shapes & (1u << need->shape)))
        return no(why,
                  need->shape == PLAN_SHAPE_LOCAL ? "%s sends no machine to its own disk"
                                                  : "%s does not boot images of this kind",
                  c->name);
    if (!fits_machine(c, client, need, why))
        return false;
    if (client->arch != PLAN_ARCH_UNKNOWN && !cpu_takes(client, need)) {
        char text[PLAN_CLIENT_TEXT_MAX];
        if (need->shape == PLAN_SHAPE_LOCAL)
            return no(why, "there is no boot loader here for %s", plan_client_text(client, text));
        return no(why, "the image is for %s processors, and the machine is %s: choose an image for it",
                  need->cpu, plan_client_text(client, text));
    }
    enum plan_loader loader = plan_chain_loader(chain, client);
    if (need->secure_boot && (!c->is_signed || loader == PLAN_LOADER_GRUB_386))
        return no(why, "%s is not signed, so it does not start under Secure Boot",
                  c->is_signed ? plan_loader_name(loader) : c->name);
    if (need->secure_boot && need->shape == PLAN_SHAPE_XEN)
        return no(why,
                  "GRUB does not start Xen under Secure Boot: switch Secure Boot off in the machine's setup");
    if (chain == PLAN_CHAIN_IPXE && !fits_ipxe(client, need, why))
        return false;
    if (chain == PLAN_CHAIN_DISK && loader == PLAN_LOADER_GRUB_386)
        return no(why, "there is no disk image for 32-bit UEFI: choose PXE in the machine's firmware setup");
    if (loader != PLAN_LOADER_NONE && !(need->loaders & (1u << loader)))
        return no(why, "boot loader %s is not in the store: %s", loaders[loader].name,
                  loaders[loader].remedy);
    return true;
}

/* How near a chain is that does not fit: of a missing loader more is to be learnt than of another platform.
 */
static unsigned nearness(const struct chain *c, const struct plan_client *client,
                         const struct plan_need *need)
{
    char ignored[PLAN_WHY_MAX];
    if (!(c->shapes & (1u << need->shape)))
        return 0;
    return fits_machine(c, client, need, ignored) ? 2 : 1;
}

static bool fits(const struct chain *c, const struct plan_client *client, const struct plan_need *need)
{
    char ignored[PLAN_WHY_MAX];
    return plan_chain_fits(c->chain, client, need, ignored);
}

/*
 * GRUB takes its files from the server that the lease names (siaddr). Where another server gave the lease,
 * that is rarely us: it then stops at its prompt. It is left for what nothing else starts.
 */
static unsigned avoid(const struct plan_client *client)
{
    return client->failed | (client->proxied ? 1u << PLAN_CHAIN_GRUB : 0);
}

enum plan_chain plan_chain_choose(const struct plan_client *client, const struct plan_need *need,
                                  char why[static PLAN_WHY_MAX])
{
    const struct chain *first = NULL, *nearest = NULL;
    unsigned avoided = avoid(client);
    struct {
        enum plan_chain chain;
        bool wanted;
    } before[] = {{(enum plan_chain)client->worked, client->worked != 0},
                  {PLAN_CHAIN_IPXE, has_ipxe(client)}}; /* it is there already, and speaks HTTP */
    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        if (before[i].wanted && !(avoided & (1u << before[i].chain)) &&
            plan_chain_fits(before[i].chain, client, need, why))
            return before[i].chain;
    for (size_t i = 0; i < CHAINS; i++) {
        const struct chain *c = &chains[i];
        if (fits(c, client, need)) {
            if (!(avoided & (1u << c->chain)))
                return c->chain;
            first = first ? first : c;
        } else if (!nearest || nearness(c, client, need) > nearness(nearest, client, need)) {
            nearest = c;
        }
    }
    if (first)
        return first->chain;
    plan_chain_fits(nearest->chain, client, need, why);
    return PLAN_CHAIN_ANY;
}
