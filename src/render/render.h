/*
 * Rendering: a boot plan to bytes. Pure; equal input gives equal bytes. Values are escaped or refused for the
 * target's syntax; nothing here can run code.
 */
#pragma once

#include "base/buf.h"
#include "plan/plan.h"

/*
 * A pxelinux config: DEFAULT, LABEL, and by the image's shape
 *   multiboot (ESXi 3.5-4.1, Xen)  KERNEL mboot.c32, APPEND kernel [words] --- module [words] --- ...,
 * IPAPPEND 2 Linux                          LINUX kernel, INITRD a,b, APPEND words, IPAPPEND 2 (BOOTIF=) ESXi
 * 5 and later               KERNEL <the image's mboot.c32>, APPEND -c /image/ID/01-MAC/boot.cfg, IPAPPEND 2
 * Names are relative: pxelinux puts option 210 or its own folder before them.
 * Fails when the line would exceed what SYSLINUX takes (PLAN_LINE_MAX), or a name or word would mean
 * something else there: blanks, control characters, '---', '::'.
 */
int render_pxelinux(const struct plan *plan, struct buf *out, struct error *err);

/* A pxelinux config that boots the local disk: for a machine that is sent there, or has no image, or is
 * unknown. */
int render_pxelinux_local(const char *reason, struct buf *out);

/*
 * boot.cfg, to the letter of what mboot reads: key=value without blanks around '=', title, prefix=, kernel=,
 * kernelopt=, modules= (`---` between), and where the release knows them errtimeout= and so on. With
 * `by_http` names are relative to prefix=http://server/image/ID and the overlay is a full URL; else
 * prefix=/image/ID and the overlay /node/NAME/.... A module with its options is below 256 bytes after
 * prefixing, the kernel's line below 4096: else an error that says which.
 */
int render_bootcfg(const struct plan *plan, bool by_http, struct buf *out, struct error *err);

/* An iPXE script, "#!ipxe": all names as URLs from plan->base. Linux: kernel, initrd ..., boot. Xen on a
 * BIOS: kernel (the unpacked hypervisor) and module. ESXi 5+ on UEFI: chain mboot.efi -c URL of boot.cfg.
 * EFI: chain the program. Each failing step says so on the screen and tries again after a while. */
int render_ipxe(const struct plan *plan, struct buf *out, struct error *err);

/* A script that shows `reason` on the screen and tries again in a minute (`local` false) or goes on with the
 * next boot entry (true). */
int render_ipxe_message(const char *reason, bool local, struct buf *out);

/*
 * A script that starts the local disk at once. A BIOS's first disk by its boot sector, whatever the BIOS
 * would have tried next: behind some loaders it cannot go on by itself any more. On UEFI by an error, after
 * which firmware goes on with its next boot entry (UEFI 2.10, section 3.1.7).
 */
int render_ipxe_local(const char *reason, struct buf *out);

/* Where GRUB finds the files. */
enum render_grub_way {
    RENDER_GRUB_NET, /* by TFTP from the folder it came from; by HTTP where it can load that module (no Secure
                        Boot) */
    RENDER_GRUB_DISK, /* on the disk image that it was loaded from: names below /boot/ */
};

/* grub.cfg. Linux: linux, initrd a b. Xen: insmod multiboot2, multiboot2, module2 (says so on the screen
 * where Secure Boot forbids it). EFI: chainloader. */
int render_grub(const struct plan *plan, enum render_grub_way way, struct buf *out, struct error *err);
int render_grub_message(const char *reason, bool local, struct buf *out);

/*
 * A grub.cfg that starts the local disk by the loader on it: GRUB of Debian leaves without an error, and
 * firmware then stops at its menu instead of going on with its next entry. Loaders in folders of their own
 * come first: the one in EFI/BOOT may be a repair program that starts the machine afresh. Where there is
 * none, it leaves.
 */
int render_grub_local(const char *reason, struct buf *out);
