/*
 * A newc cpio archive, for Linux: what the kernel unpacks over its initramfs when it stands behind the initrd
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Not compressed: the kernel takes a plain
 * archive after a compressed one, as long as it starts at a multiple of 4 bytes, which is for whoever puts
 * the two together. Its size is a multiple of 512, as cpio's own.
 *
 * Equal entries give equal bytes: inode numbers count from 1, no clock, root:root.
 */
#pragma once

#include "render/overlay_entry.h"

#define OVERLAY_CPIO_PATH_MAX 4095 /* bytes: the kernel skips names longer than PATH_MAX with its NUL */

/* Appends the archive. The entries are written in the order given. */
int overlay_cpio(const struct overlay_entry *entries, size_t count, struct buf *archive, struct error *err);
