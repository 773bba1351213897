/*
 * FAT's file names: each has a short one (8.3, upper case) and, where that is not the name itself, the long
 * one in entries before it (Microsoft, "FAT: General Overview of On-Disk Format", 1.03, "Long Directory
 * Entries").
 */
#pragma once

#include "base/wire.h"

#define FAT_NAME_LONG_MAX 255u /* characters */
#define FAT_NAME_SHORT    11u  /* 8 and 3, padded with blanks */

#define FAT_ATTRIBUTE_FOLDER  0x10
#define FAT_ATTRIBUTE_ARCHIVE 0x20

/* What makes this no name for a file; NULL when it is one. Only ASCII is taken: boot files have no others. */
const char *fat_name_fault(const char *text, size_t size);

struct fat_name {
    const char *text; /* borrowed */
    size_t size;
    uint8_t brief[FAT_NAME_SHORT];
    bool is_long; /* brief alone would not say it */
};

/*
 * `tails` counts a folder's short names that end in ~N. As N is never used twice there, and a name that has
 * a '~' itself is always given an N, no two short names of a folder are equal.
 */
struct fat_name fat_name_make(const char *text, size_t size, unsigned *tails);

/* Directory entries of 32 bytes: of the long name, and one. */
size_t fat_name_entries(const struct fat_name *name);

/* Writes them. `cluster` is the first, 0 when there is none. */
void fat_name_put(struct wire_out *w, const struct fat_name *name, uint8_t attributes, uint32_t cluster,
                  uint32_t size);

/* One entry without a long name: for "." and "..". */
void fat_name_put_brief(struct wire_out *w, const uint8_t brief[static FAT_NAME_SHORT], uint8_t attributes,
                        uint32_t cluster, uint32_t size);
