/* The front of a FAT: boot sector and allocation tables. */
#include "media/fat_walk.h"

#include <inttypes.h>

static size_t differs_bytes(const struct fat *f)
{
    return (f->l.clusters + FAT_FIRST_CLUSTER + 7) / 8;
}

static size_t owner_bytes(const struct fat *f)
{
    return (f->l.clusters + (size_t)FAT_FIRST_CLUSTER) * sizeof *f->owner;
}

void fat_unload(struct fat *f)
{
    struct quota *q = &f->w->quota;
    quota_free(q, f->table, (size_t)f->l.fat_used);
    quota_free(q, f->differs, differs_bytes(f));
    quota_free(q, f->owner, owner_bytes(f));
    quota_free(q, f->cluster, f->l.cluster_bytes);
}

static int allocate(struct fat *f, struct error *err)
{
    struct quota *q = &f->w->quota;
    f->table = quota_alloc(q, (size_t)f->l.fat_used, f->at->where, err);
    f->differs = f->table ? quota_alloc(q, differs_bytes(f), f->at->where, err) : NULL;
    f->owner = f->differs ? quota_alloc(q, owner_bytes(f), f->at->where, err) : NULL;
    f->cluster = f->owner ? quota_alloc(q, f->l.cluster_bytes, f->at->where, err) : NULL;
    return f->cluster ? 0 : -1;
}

/* The clusters whose links begin or end in these bytes of the table. */
static void mark_differs(struct fat *f, size_t byte)
{
    size_t bits = f->l.type;
    size_t last = (byte * 8 + 7) / bits;
    for (size_t c = byte * 8 / bits; c <= last; c++)
        if (fat_is_cluster(&f->l, (uint32_t)c))
            f->differs[c / 8] |= (uint8_t)(1u << (c % 8));
}

/* Copies of the table are kept equal by all who write FATs; where they are not, one of them is damaged and
 * nobody knows which. That matters only to files that use such a cluster. */
static int compare_copy(struct fat *f, struct error *err)
{
    uint64_t wrong = 0;
    for (uint64_t at = 0; at < f->l.fat_used;) {
        struct slice block;
        if (stream_look(f->s, &block, err) < 0)
            return -1;
        if (block.size == 0)
            return stream_cut_short(f->s, "the second copy of its FAT", err);
        size_t n = block.size < f->l.fat_used - at ? block.size : (size_t)(f->l.fat_used - at);
        for (size_t i = 0; i < n; i++) {
            if (block.data[i] == f->table[at + i])
                continue;
            mark_differs(f, (size_t)at + i);
            wrong++;
        }
        stream_consume(f->s, n);
        at += n;
    }
    if (wrong)
        walk_note(f->w, f->at->where, "the two copies of its FAT differ in %" PRIu64 " bytes", wrong);
    return stream_skip(f->s, f->l.fat_bytes - f->l.fat_used, NULL, err);
}

static int read_tables(struct fat *f, struct error *err)
{
    if (stream_skip(f->s, f->l.fat_at, NULL, err) < 0)
        return -1;
    for (uint32_t copy = 0; copy < f->l.copies; copy++) {
        if (copy == f->l.active) {
            if (stream_exact(f->s, f->table, (size_t)f->l.fat_used, "its FAT", err) < 0 ||
                stream_skip(f->s, f->l.fat_bytes - f->l.fat_used, NULL, err) < 0)
                return -1;
        } else if (f->l.mirrored) {
            if (compare_copy(f, err) < 0)
                return -1;
        } else if (stream_skip(f->s, f->l.fat_bytes, NULL, err) < 0) {
            return -1;
        }
    }
    return 0;
}

int fat_load(struct fat *f, bool *found, struct error *err)
{
    struct slice boot;
    *found = false;
    if (stream_peek(f->s, FAT_SECTOR, &boot, err) < 0)
        return -1;
    if (boot.size < FAT_SECTOR)
        return stream_cut_short(f->s, "its boot sector", err);
    if (fat_layout_parse(boot.data, &f->l, err) < 0)
        return 0;
    if (f->l.fat_used > FAT_TABLE_MAX) {
        error_set(err,
                  "a FAT of %" PRIu32
                  " clusters, more than are read here: copy its files out (mcopy -s) and import the folder",
                  f->l.clusters);
        return 0;
    }
    *found = true;
    if (allocate(f, err) < 0)
        return -1;
    return read_tables(f, err);
}
