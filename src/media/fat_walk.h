/* The state of one FAT being walked; fat_hold.c and fat_walk.c share it. Internal. */
#pragma once

#include "media/fat.h"
#include "media/walk.h"

/*
 * Clusters that pass by before it is their turn are kept: those of a file out of order, of a file to be
 * opened while another one is, and all that might belong to a folder that lies further on.
 */
#define FAT_HOLD_MAX  (8u << 20) /* bytes */
#define FAT_TABLE_MAX (8u << 20) /* bytes of a FAT32 table: 2 million clusters, 8 GiB at 4 KiB each */
#define FAT_DIR_MAX   (2u << 20) /* bytes of a folder: the specification's 65536 entries */

#define FAT_NOBODY  0
#define FAT_DROPPED UINT32_MAX

enum fat_use {
    FAT_FOLDER,
    FAT_TAKEN,
    FAT_OPENED,
};

struct fat_chain {
    enum fat_use use;
    uint32_t next;           /* the cluster whose turn it is */
    uint64_t left;           /* bytes to come; 0: done */
    uint64_t size;           /* bytes in all */
    struct fat_chain *ready; /* next in the list of those that may find their cluster held */
    char *path;              /* owned, within the partition; "" for the root */
    struct fat_names names;  /* of a folder */
    struct walk_entry entry; /* of a file */
    bool listed;             /* in that list */
    bool opened;
};

struct fat_held {
    uint32_t cluster;
    uint8_t *bytes; /* one cluster, owned; NULL: taken out */
};

struct fat {
    struct walk *w;
    const struct place *at;
    struct stream *s; /* the partition, borrowed */
    struct fat_layout l;
    uint8_t *table;           /* l.fat_used bytes, owned */
    uint8_t *differs;         /* a bit per cluster: the copies of the table disagree */
    uint32_t *owner;          /* per cluster number: FAT_NOBODY, FAT_DROPPED or index in chain + 1 */
    uint32_t at_cluster;      /* the next one that the stream gives */
    uint8_t *cluster;         /* the one that passes, owned */
    struct fat_chain **chain; /* owned */
    size_t chains, chains_room;
    size_t folders_due, files_due; /* chains with bytes to come; opened ones not counted */
    size_t to_open;
    struct fat_chain *ready;
    struct fat_held *held; /* ascending by cluster, owned */
    size_t held_count, held_room;
    size_t held_bytes;
};

/* Copies f->cluster. */
int fat_hold_add(struct fat *f, uint32_t cluster, const char *whose, struct error *err);

/* Takes a cluster out: the caller owns it (quota_free, l.cluster_bytes). NULL when it is not held. */
uint8_t *fat_hold_take(struct fat *f, uint32_t cluster);

/* Frees one, or all that belong to no chain. */
void fat_hold_drop(struct fat *f, uint32_t cluster);
void fat_hold_drop_unowned(struct fat *f);
void fat_hold_fini(struct fat *f);

/* Reads the boot sector and the tables; the stream then stands at the root folder or cluster 2. *found is
 * false (err says why) when there is no FAT. */
int fat_load(struct fat *f, bool *found, struct error *err);
void fat_unload(struct fat *f);
