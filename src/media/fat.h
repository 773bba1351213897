/*
 * FAT12, FAT16 and FAT32 on-disk structures (Microsoft, "FAT: General Overview of On-Disk Format", 1.03):
 * boot sector, allocation table and directory entries, bytes to values. Pure; fat_walk.c reads a partition
 * with it. Only sectors of 512 bytes are read, which is what all hypervisor images have.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#define FAT_SECTOR        512
#define FAT_ENTRY         32            /* bytes of a directory entry */
#define FAT_NAME_MAX      (255 * 3 + 1) /* a long name has 255 UTF-16 units */
#define FAT_FIRST_CLUSTER 2
#define FAT_CLUSTER_MAX   (128 * FAT_SECTOR) /* bytes of a cluster */

enum fat_type {
    FAT12 = 12,
    FAT16 = 16,
    FAT32 = 32,
};

struct fat_layout {
    enum fat_type type;
    uint32_t clusters; /* numbered from 2 to clusters + 1 */
    uint32_t cluster_bytes;
    uint32_t copies; /* of the table */
    uint32_t active; /* the copy to use when they are not mirrored (FAT32) */
    bool mirrored;
    uint64_t fat_at;       /* bytes from the partition's start */
    uint64_t fat_bytes;    /* one copy, as stored */
    uint64_t fat_used;     /* the part of it that describes clusters */
    uint32_t root_bytes;   /* the fixed root folder behind the tables; 0 on FAT32 */
    uint32_t root_cluster; /* FAT32 */
    uint64_t data_at;      /* where cluster 2 begins */
};

/* Errors say only what is wrong. */
int fat_layout_parse(const uint8_t sector[static FAT_SECTOR], struct fat_layout *out, struct error *err);

/* A FAT without a partition table: jump instruction, signature and a sound layout. */
bool fat_is_bare(const uint8_t sector[static FAT_SECTOR]);

enum fat_link {
    FAT_LINK_NEXT, /* another cluster of this file: *next */
    FAT_LINK_LAST,
    FAT_LINK_FREE, /* a file may not contain it */
    FAT_LINK_BAD,
    FAT_LINK_OUTSIDE, /* points to a cluster that does not exist: *next */
};

/* What the table says of a cluster between 2 and clusters + 1. table: fat_used bytes. */
enum fat_link fat_link(const struct fat_layout *l, const uint8_t *table, uint32_t cluster, uint32_t *next);

bool fat_is_cluster(const struct fat_layout *l, uint32_t cluster);

/* Gathers the long name that comes in pieces before its short entry. Zero-initialise per directory. */
struct fat_names {
    uint16_t unit[260]; /* 20 pieces of 13 */
    unsigned pieces;    /* of the name, 0: none */
    unsigned due;       /* the number of the next piece; 0: complete */
    uint8_t checksum;
};

struct fat_file {
    char name[FAT_NAME_MAX];
    bool is_dir;
    uint32_t cluster; /* the first; 0 for an empty file */
    uint32_t size;    /* bytes; 0 for directories */
};

enum fat_found {
    FAT_NOTHING, /* deleted, a label, a piece of a long name, "." or ".." */
    FAT_FILE,
    FAT_END, /* no entries follow */
};

/* One directory entry after the other. */
enum fat_found fat_entry_parse(struct fat_names *names, const struct fat_layout *l,
                               const uint8_t entry[static FAT_ENTRY], struct fat_file *out);
