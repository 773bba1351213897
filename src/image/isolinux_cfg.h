/*
 * Configurations of ISOLINUX, SYSLINUX and PXELINUX (syslinux' doc/config.txt and doc/menu.txt): labels, what
 * they start, and which one starts by itself. Files they include are read, too.
 *
 * KERNEL mboot.c32 (or COM32) starts a multiboot kernel: APPEND kernel words --- module words --- ...
 */
#pragma once

#include "image/boot_menu.h"

/* Total: any bytes give a menu, perhaps an empty one, or an error with file and line. The caller owns *out
 * (boot_menu_fini) unless it fails. */
int isolinux_cfg_parse(const struct boot_files *files, const struct boot_text *start, struct boot_menu *out,
                       struct error *err);
