/*
 * GRUB's configuration (grub.cfg; GRUB's manual, 6.2 and 15): menu entries and what they start. It is a
 * program in a language of its own, of which this reads what media have: menuentry, submenu, set, linux,
 * initrd, multiboot, module and their relatives, source and configfile. Conditions are not decided: both
 * branches are read, and what the first one does stays. A variable that nobody sets is empty, as in GRUB.
 */
#pragma once

#include "image/boot_menu.h"

/* Total: any bytes give a menu, perhaps an empty one, or an error with file and line. The caller owns *out
 * (boot_menu_fini) unless it fails. */
int grub_cfg_parse(const struct boot_files *files, const struct boot_text *start, struct boot_menu *out,
                   struct error *err);
