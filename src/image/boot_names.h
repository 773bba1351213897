/* What a file may be by its name alone, and what a medium without a boot configuration boots. */
#pragma once

#include "image/boot_set.h"

bool boot_is_hypervisor(const char *path);
bool boot_is_kernel_name(const char *path);

/* Fills *set by names. False when there is nothing of Linux or Xen; *problem is set when there is, but not
 * what makes a system, or too much. */
bool boot_names_find(const struct image_source *source, struct boot_set *set, struct error *problem);
