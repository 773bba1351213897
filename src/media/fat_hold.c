#include "media/fat_walk.h"

#include <stdlib.h>
#include <string.h>

static int by_cluster(const void *key, const void *element)
{
    uint32_t cluster = *(const uint32_t *)key;
    const struct fat_held *h = element;
    return cluster < h->cluster ? -1 : cluster > h->cluster;
}

static struct fat_held *find(struct fat *f, uint32_t cluster)
{
    if (f->held_count == 0)
        return NULL;
    return bsearch(&cluster, f->held, f->held_count, sizeof *f->held, by_cluster);
}

static int make_room(struct fat *f, struct error *err)
{
    if (!f->held) {
        size_t room = FAT_HOLD_MAX / f->l.cluster_bytes;
        f->held = quota_alloc(&f->w->quota, room * sizeof *f->held, f->at->where, err);
        if (!f->held)
            return -1;
        f->held_room = room;
    }
    if (f->held_count < f->held_room)
        return 0;
    size_t kept = 0;
    for (size_t i = 0; i < f->held_count; i++)
        if (f->held[i].bytes)
            f->held[kept++] = f->held[i];
    f->held_count = kept;
    return 0;
}

int fat_hold_add(struct fat *f, uint32_t cluster, const char *whose, struct error *err)
{
    if (f->held_bytes + f->l.cluster_bytes > FAT_HOLD_MAX)
        return error_set(
            err,
            "%s: %s lies scattered over the partition, and putting it in order takes more than %u MiB: "
            "copy the files out (mcopy -s) and import the folder",
            f->at->where, whose, FAT_HOLD_MAX >> 20);
    if (make_room(f, err) < 0)
        return -1;
    uint8_t *bytes = quota_alloc(&f->w->quota, f->l.cluster_bytes, f->at->where, err);
    if (!bytes)
        return -1;
    memcpy(bytes, f->cluster, f->l.cluster_bytes);
    f->held[f->held_count++] = (struct fat_held){cluster, bytes};
    f->held_bytes += f->l.cluster_bytes;
    return 0;
}

uint8_t *fat_hold_take(struct fat *f, uint32_t cluster)
{
    struct fat_held *h = find(f, cluster);
    if (!h || !h->bytes)
        return NULL;
    uint8_t *bytes = h->bytes;
    h->bytes = NULL;
    f->held_bytes -= f->l.cluster_bytes;
    return bytes;
}

void fat_hold_drop(struct fat *f, uint32_t cluster)
{
    quota_free(&f->w->quota, fat_hold_take(f, cluster), f->l.cluster_bytes);
}

void fat_hold_drop_unowned(struct fat *f)
{
    for (size_t i = 0; i < f->held_count; i++)
        if (f->owner[f->held[i].cluster] == FAT_NOBODY)
            fat_hold_drop(f, f->held[i].cluster);
}

void fat_hold_fini(struct fat *f)
{
    for (size_t i = 0; i < f->held_count; i++)
        quota_free(&f->w->quota, f->held[i].bytes, f->l.cluster_bytes);
    quota_free(&f->w->quota, f->held, f->held_room * sizeof *f->held);
}
