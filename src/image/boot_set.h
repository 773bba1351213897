/*
 * What a medium boots, when that is Linux or Xen: found before its bytes are read, through its own boot
 * configuration, or, where it has none that fits, by the names of its files.
 */
#pragma once

#include "image/boot_menu.h"
#include "image/source.h"

struct boot_part {
    const struct source_file *file; /* of the source */
    char *options;                  /* words of its entry; NULL when there are none */
};

struct boot_set {
    bool xen; /* kernel is the hypervisor, module 0 the kernel of dom0; else Linux, and modules are initrds */
    struct boot_part kernel;
    size_t module_count;
    struct boot_part module[BOOT_MODULES_MAX];
    char *why;    /* what was chosen among what, a line for people; NULL when there was no choice */
    bool guessed; /* the kernel is the medium's EFI loader, unless that is something else */
    bool packed;  /* the kernel is packed with gzip; told by who reads it */
};

/* Sets source->boot, or source->problem, or neither when there is nothing of Linux or Xen. */
void boot_set_find(struct image_source *source);
void boot_set_free(struct boot_set *set); /* NULL is fine */

/* By its name: a squashfs or another root file system that the system fetches when it runs. */
bool boot_is_root_image(const char *path);
