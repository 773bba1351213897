/*
 * An initrd with another archive behind it. The kernel reads one cpio archive after the other out of what the
 * loader gives it; an archive that is not compressed has to begin at a multiple of four bytes, with zeros
 * before it (Documentation/driver-api/early-userspace/buffer-format.rst).
 *
 * Zeros stand before the first as well: mboot.c32 and GRUB unpack a module that begins as gzip does, and
 * would leave out what is behind its end. The kernel skips zeros wherever an archive may begin.
 */
#pragma once

#include "serve/boot_file.h"

#define JOIN_ALIGN 4u /* bytes */
#define JOIN_LEAD  JOIN_ALIGN

/* Takes both references. NULL when memory runs out. Role and numbers are the caller's to set. */
struct boot_file *join_file(struct boot_file *initrd, struct boot_file *overlay);

/* Bytes of a joined file. */
uint64_t join_size(uint64_t initrd_size, uint64_t overlay_size);
