/*
 * What the first bytes of a kernel say: Linux's for x86 (Documentation/arch/x86/boot.rst) and arm64
 * (Documentation/arch/arm64/booting.rst), EFI programs (PE/COFF), multiboot kernels (the Multiboot
 * Specification, 0.6.96 3.1 and 2.0 3.1). Total: any bytes give a value or an error in words.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define KERNEL_HEAD_SIZE                                                                                     \
    (64u << 10)            /* bytes that are looked at; x86's real-mode part has at most 64 sectors */
#define KERNEL_TEXT_MAX 64 /* with NUL */

struct kernel_facts {
    const char *arch;              /* OCI's word */
    char product[KERNEL_TEXT_MAX]; /* "Linux"; "Memtest86+" and others that come as Linux kernels */
    char version[KERNEL_TEXT_MAX]; /* "6.1.0-56-amd64"; "" when the bytes do not say it */
};

/* A Linux kernel that can be loaded as it is. An error says what it is instead. */
int kernel_linux(struct slice head, struct kernel_facts *out, struct error *err);

/* Whether it is one, without words: for choosing. */
bool kernel_is_linux(struct slice head);

/* An EFI program; *arch is OCI's word. An error says what it is instead. */
int kernel_efi(struct slice head, const char **arch, struct error *err);

struct kernel_multiboot {
    bool one, two; /* has the header of version 1, of version 2 */
};
struct kernel_multiboot kernel_multiboot(struct slice head);

bool kernel_is_elf(struct slice head); /* x86 ELF: Xen also takes a plain vmlinux as dom0 */
bool kernel_is_gzip(struct slice head);
