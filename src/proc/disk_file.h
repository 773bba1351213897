/*
 * The FAT image of a node: rendered file system around files that are not copied (render/fat_image.h).
 */
#pragma once

#include "base/error.h"
#include "serve/boot_file.h"

struct disk_entry {
    const char *path;       /* in the image, as in fat_image_file */
    struct boot_file *file; /* one reference */
};

/* Takes the references of all entries, also on failure. Equal entries and volume_id make equal images. Role
 * and numbers are the caller's to set. */
int disk_file_make(const struct disk_entry *entries, size_t count, uint32_t volume_id, struct boot_file **out,
                   struct error *err);
