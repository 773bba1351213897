/*
 * A family of products: how its media are recognised, which of their entries matter, and how an image is made
 * of what was kept. One file per family; the table in import.c is asked in order.
 */
#pragma once

#include "image/collect.h"
#include "image/source.h"

/* Comparing as ISO 9660 without extensions needs it: upper and lower case are equal. */
bool image_source_has(const struct image_source *source, const char *name);
/* The last part of the source's name. */
const char *image_source_base(const struct image_source *source);

struct image_family {
    const char *name;
    const char *takes; /* what of this family can be imported, for people */

    bool (*recognise)(const struct image_source *source);

    /* Asked once per entry, in the order of the medium, before its bytes. No state: an entry's fate depends
     * on its path and place only. */
    enum image_pick (*pick)(const struct image_source *source, const struct media_entry *entry);

    /* What stands before a version number in that file's bytes; size 0: nothing. NULL: never. */
    struct slice (*version_mark)(const char *path);

    /* Asked behind each logical partition of a disk image: true when no other partition of it is needed.
     * NULL: all may be. */
    bool (*enough)(struct collection *collection, uint32_t parent, unsigned partition);

    /* After the walk: fills the image from what was collected. What is not taken is discarded. */
    int (*build)(const struct image_source *source, struct collection *collection, struct image *image,
                 struct error *err);
};

/* An image with nothing but its family and where it comes from. NULL when memory runs out. */
struct image *image_new(const struct image_family *family, const char *from);

extern const struct image_family image_family_esxi_dd, image_family_esxi_bootcfg, image_family_loader,
    image_family_linux, image_family_xen, image_family_efi_program;
