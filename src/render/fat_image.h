/*
 * A FAT file system for a given list of files: UEFI's HTTP Boot takes one as a RAM disk, without a partition
 * table (UEFI 2.10, section 24.7). Every file is one run of bytes, so that the image is what is rendered
 * here, the files' own bytes at offsets, and zeros. Equal input gives equal bytes: no clock, no random
 * number.
 *
 * The image lies in the machine's memory: it has the smallest clusters that FAT16 can count, and no free
 * space beyond what FAT16 needs at least. What is too large for FAT16 is FAT32; nothing is FAT12.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "media/fat.h"

#define FAT_IMAGE_MAX       (32ull << 30) /* bytes; what Windows, too, lets a FAT32 be made with */
#define FAT_IMAGE_FILE_MAX  0xffffffffull /* bytes: a directory entry has 32 bits for them */
#define FAT_IMAGE_FILES_MAX 4096u         /* GRUB's modules are 300; looking for duplicates is quadratic */
#define FAT_IMAGE_PATH_MAX  1024u         /* bytes */
#define FAT_IMAGE_BYTES_MAX (32u << 20)   /* rendered: FATs take 4 MiB at most, folders the rest */

struct fat_image_file {
    const char *path; /* "EFI/BOOT/BOOTX64.EFI": ASCII, '/' between its parts, none in front */
    uint64_t size;    /* bytes */
    uint64_t at;      /* set: where its bytes belong in the image; means nothing when size is 0 */
};

/* Rendered bytes and their place in the image. */
struct fat_image_piece {
    uint64_t at;
    uint64_t size;
    uint64_t offset; /* in fat_image.bytes */
};

#define FAT_IMAGE_PIECES 3 /* boot sector and FAT; the FAT again; directories */

struct fat_image {
    uint64_t size; /* of the whole image; a multiple of 512 */
    enum fat_type type;
    uint32_t cluster_bytes;
    struct buf bytes;                               /* owned */
    struct fat_image_piece piece[FAT_IMAGE_PIECES]; /* ascending; all before the first file */
};

/*
 * Lays out `count` files in the order given and sets their `at`. The errors name the path. On failure there
 * is nothing to free.
 */
int fat_image_make(struct fat_image_file *files, size_t count, uint32_t volume_id, struct fat_image *out,
                   struct error *err);
void fat_image_fini(struct fat_image *image);
