/*
 * Chains: the ways from a machine's firmware to its system. One table says of each what it starts on, what it
 * boots and what it needs; plan_make chooses by what the client is against what the image needs.
 */
#pragma once

#include "plan/client.h"

enum plan_chain {
    PLAN_CHAIN_ANY,       /* no wish: choose */
    PLAN_CHAIN_LPXELINUX, /* BIOS: lpxelinux.0, and everything behind it by HTTP (option 210) */
    PLAN_CHAIN_PXELINUX,  /* BIOS: pxelinux.0, all by TFTP */
    PLAN_CHAIN_PXELINUX3, /* BIOS: the operator's PXELINUX 3.86 with VMware's mboot.c32 out of the image */
    PLAN_CHAIN_MBOOT,     /* UEFI: VMware's mboot.efi out of the image */
    PLAN_CHAIN_GRUB,      /* UEFI by PXE: shim and GRUB as Debian signs them */
    PLAN_CHAIN_DISK,      /* UEFI by HTTP Boot: a disk image with shim, GRUB and all the node boots */
    PLAN_CHAIN_EFI,       /* UEFI: the image is the program */
    PLAN_CHAIN_IPXE,      /* iPXE reads a script; it is sent first where the firmware is not iPXE already */
    PLAN_CHAINS
};

/* What an image is to a loader. */
enum plan_shape {
    PLAN_SHAPE_NONE,    /* nothing to boot: a loader */
    PLAN_SHAPE_VMKBOOT, /* multiboot: vmkboot.gz and its modules (ESXi 3.5 to 4.1) */
    PLAN_SHAPE_BOOTCFG, /* boot.cfg, read by VMware's mboot (ESXi 5 and later) */
    PLAN_SHAPE_XEN,     /* multiboot: hypervisor, dom0's kernel, its initrd */
    PLAN_SHAPE_LINUX,   /* a kernel of Linux's boot protocol, and initrds */
    PLAN_SHAPE_EFI,     /* one EFI program */
    PLAN_SHAPE_LOCAL,   /* no image: what is on the machine's own disk */
};

/* Loader images in the store. Bits 1 << loader make the set of those that are there. */
enum plan_loader {
    PLAN_LOADER_NONE,
    PLAN_LOADER_PXELINUX,
    PLAN_LOADER_PXELINUX3,
    PLAN_LOADER_IPXE,
    PLAN_LOADER_GRUB_AMD64,
    PLAN_LOADER_GRUB_ARM64,
    PLAN_LOADER_GRUB_386,
    PLAN_LOADERS
};
#define PLAN_LOADERS_ALL ((1u << PLAN_LOADERS) - 1)

/* Its image's name in the store, and how one gets it: a command for the operator. */
const char *plan_loader_name(enum plan_loader loader);
const char *plan_loader_remedy(enum plan_loader loader);
enum plan_loader plan_loader_of(const char *name); /* PLAN_LOADER_NONE: no loader image of ours */

/* The chains that use it, with blanks between; "" when none does. */
#define PLAN_LOADER_CHAINS_MAX 128
const char *plan_loader_chains(enum plan_loader loader, char out[static PLAN_LOADER_CHAINS_MAX]);

const char *plan_chain_name(enum plan_chain chain); /* the word of setting `loader`; "auto" for ANY */
enum plan_chain plan_chain_of(const char *word);    /* ANY for NULL, "auto" and what is no chain */

/* What the chooser is told of a machine and its image. */
struct plan_need {
    enum plan_shape shape;
    const char *cpu;     /* image.arch */
    const char *no_uefi; /* why it does not boot by UEFI, for people; NULL: it does */
    bool secure_boot;
    unsigned loaders; /* bits: which loader images are there */
};

#define PLAN_WHY_MAX 512

/* Whether this chain boots images of this shape at all. */
bool plan_chain_takes(enum plan_chain chain, enum plan_shape shape);

/* Whether this chain can boot it; if not, why (in words that say what to do), for a reader who knows which
 * node and image it is about. */
bool plan_chain_fits(enum plan_chain chain, const struct plan_client *client, const struct plan_need *need,
                     char why[static PLAN_WHY_MAX]);

/*
 * The best chain: what worked for machines of this kind, else the first of the table that fits and did not
 * fail for this one, else the first that fits. PLAN_CHAIN_ANY when none does; `why` then says what is
 * nearest.
 */
enum plan_chain plan_chain_choose(const struct plan_client *client, const struct plan_need *need,
                                  char why[static PLAN_WHY_MAX]);

/* Why a machine that was sent iPXE so often is not sent it again. */
void plan_rounds_why(unsigned rounds, char why[static PLAN_WHY_MAX]);

/* The loader image this chain needs for this machine; PLAN_LOADER_NONE when it needs none. */
enum plan_loader plan_chain_loader(enum plan_chain chain, const struct plan_client *client);
