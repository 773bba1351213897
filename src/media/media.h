/*
 * Media: opens what vendors ship and yields one stream of entries.
 *
 * A walk reads its source once, from front to back, and pushes what it finds at a visitor. Containers may
 * nest (an ISO holds image.tgz, which holds a dd.bz2, which holds a partition table, which holds a FAT): the
 * visitor says for each entry whether it is skipped, taken (its bytes are wanted) or opened (walked as a
 * container itself, whatever format its bytes turn out to have). A source or opened entry that is one plain
 * file yields one entry: the file itself under its own name, or, inside a compression, under that name
 * without ".gz" and the like, of unknown size.
 *
 * Recognised by content, never by name: ISO 9660 (plain, Joliet, Rock Ridge), tar (ustar, GNU, pax; VMware's
 * vmtar), gzip, bzip2, xz, zstd around any of them, a disk image (MBR with extended partitions, GPT; FAT12,
 * FAT16, FAT32 in its partitions, or a FAT without a table). Anything else is one plain file.
 *
 * Promises: bytes of one entry arrive in order and complete; entries of a FAT may interleave (tell them by
 * id). A walk allocates less than MEDIA_MEMORY_MAX whatever the source says, never writes to disk, never runs
 * a program. Paths are clean: relative, '/' between parts, no empty part, no "." or "..", no control bytes;
 * an entry whose name cannot be made clean is an error that names it. Every error says the chain of
 * containers, the offset and what to do.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define MEDIA_SIZE_UNKNOWN   UINT64_MAX
#define MEDIA_MEMORY_MAX     (64u << 20) /* bytes, all buffers of one walk */
#define MEDIA_DEPTH_MAX      8           /* containers within containers */
#define MEDIA_PATH_MAX       1024        /* bytes with NUL */
#define MEDIA_ENTRIES_MAX    200000
#define MEDIA_PARTITIONS_MAX 128

enum media_want {
    MEDIA_SKIP,
    MEDIA_TAKE,
    MEDIA_OPEN,      /* a plain file has no inside: for one, the same as MEDIA_SKIP */
    MEDIA_OPEN_TAKE, /* opened, and its own bytes go to `data` as they pass (imagedd.bz2 and its MD5 sum) */
};

enum media_kind {
    MEDIA_KIND_FILE, /* none of the others */
    MEDIA_KIND_DIRECTORY,
    MEDIA_KIND_ISO,
    MEDIA_KIND_TAR,
    MEDIA_KIND_DISK, /* a partition table, or a bare FAT */
    MEDIA_KIND_GZIP,
    MEDIA_KIND_BZIP2,
    MEDIA_KIND_XZ,
    MEDIA_KIND_ZSTD,
};

struct media_entry {
    uint32_t id;       /* unique within the walk, from 1 */
    uint32_t parent;   /* id of the opened entry this one lies in; 0 at the top */
    const char *path;  /* within its container; borrowed until `want` returns */
    const char *where; /* the chain of containers for messages: "esx.iso: image.tgz: x.dd.bz2: partition 5" */
    uint64_t size;     /* bytes, or MEDIA_SIZE_UNKNOWN (the inside of a compressed file) */
    unsigned partition; /* as Linux numbers it (logical ones from 5); 0 outside a disk image */
};

/* One row of a partition table. Sectors are 512 bytes. */
struct media_partition {
    unsigned number;
    uint64_t start; /* first sector, absolute */
    uint64_t sectors;
    bool boot;       /* MBR active flag */
    uint8_t type;    /* MBR type byte; 0xee stands for "see guid" on GPT */
    char guid[37];   /* GPT type GUID in lower case, or "" */
    char name[73];   /* GPT name as UTF-8, printable, or "" */
    char system[24]; /* as fdisk names the type: "FAT16 <32M", "Extended", "VMware VMKCORE" */
};

struct media_table {
    bool gpt;
    uint32_t count;
    struct media_partition
        partition[MEDIA_PARTITIONS_MAX]; /* in the table's own order: primary slots first, then logical */
};

/* All callbacks but `want` may be NULL. A negative return ends the walk with the error set by the callback.
 */
struct media_visitor {
    void *ctx;
    enum media_want (*want)(void *ctx, const struct media_entry *entry);
    int (*data)(void *ctx, uint32_t id, const void *bytes, size_t size, struct error *err);
    int (*end)(void *ctx, uint32_t id,
               struct error *err); /* the entry is complete, its container's checks passed so far */

    /* A partition table was read in entry `parent` (0: the source itself). Told once, when all of it is
     * known: extended boot records lie between the partitions they describe, so on a medium that is read from
     * front to back the entries of partition 5 come before the table that also lists 6. */
    int (*table)(void *ctx, uint32_t parent, const char *where, const struct media_table *table,
                 struct error *err);

    /* A logical partition of entry `parent` has been walked; those with higher numbers are still to come.
     * True: nothing more of this disk image is wanted. Then `table` is not called for it, and where it is
     * packed by bzip2 the blocks that are left are not unpacked, so that damage in them is not seen; the end
     * of the data has to be there. NULL: all is walked. */
    bool (*enough)(void *ctx, uint32_t parent, unsigned partition);

    /* What the source, or an opened entry, turned out to be. Compressions are told one by one, outermost
     * first. */
    int (*kind)(void *ctx, uint32_t parent, const char *where, enum media_kind kind, struct error *err);

    /* A further name for something in the same container: an archive's hard link, an ISO's symbolic one. Both
     * paths are clean; the target may be a folder ("" is the top), or missing. Links that lead out are not
     * told. What a link leads to is told under its own name only. (A directory's links are followed.) */
    void (*link)(void *ctx, uint32_t parent, const char *path, const char *target);

    /* Now and then: bytes of the source read so far, of total (0 when unknown). */
    void (*progress)(void *ctx, uint64_t done, uint64_t total);

    /* Things worth a word that are no errors ("partition 7 has no file system that is read here"). */
    void (*note)(void *ctx, const char *where, const char *text);
};

/* Against bombs: the walk stops with an error when one entry, or all that it unpacks, exceeds these. */
struct media_limits {
    uint64_t entry_bytes; /* taken or opened entry, unpacked */
    uint64_t total_bytes; /* all bytes unpacked in the walk */
};
/* ESXi's disk images have 900 MiB. */
#define MEDIA_LIMITS_DEFAULT                                                                                 \
    {                                                                                                        \
        .entry_bytes = 4ull << 30, .total_bytes = 32ull << 30                                                \
    }

/*
 * Walks a regular file or a directory. fd is borrowed, read from its start. `name` is how messages call the
 * source. Directory entries are walked in sorted order, symbolic links inside it are followed only below it.
 */
int media_walk(int fd, const char *name, const struct media_visitor *visitor,
               const struct media_limits *limits, struct error *err);

/* The kind of the source by its first bytes. Reads, but moves no offset. Negative on a read error. */
int media_kind_of(int fd, const char *name, enum media_kind *out, struct error *err);

const char *media_kind_name(enum media_kind kind); /* "ISO 9660", "gzip", ... */
