/* A boot configuration and the files it includes, in one input: the file number N begins behind the Nth NUL,
 * and is called N. */
#pragma once

#include "image/boot_menu.h"

bool boot_cfg_find(const void *input, const char *from, const char *named, struct boot_text *out);

/* Feeds the parser; aborts when a menu is not what its header promises. */
void boot_cfg_feed(struct slice input,
                   int (*parse)(const struct boot_files *files, const struct boot_text *start,
                                struct boot_menu *out, struct error *err));
