/*
 * A FAT from front to back. Folders and files are chains of clusters; each cluster that passes goes to its
 * chain when it is its turn, is held when it is not, and is passed over when nobody wants it. What was found
 * to be damaged in a chain names the file and the cluster.
 */
#include "media/fat_walk.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAT_DAMAGED "the file system is damaged; get the image again"

static int chain_error(const struct fat *f, const char *path, uint32_t cluster, const char *what,
                       struct error *err)
{
    return error_set(err, "%s: %s: cluster %" PRIu32 " %s: " FAT_DAMAGED, f->at->where,
                     path[0] ? path : "root folder", cluster, what);
}

/* One step of the walk along a chain: checks that `c` may belong to it. */
static int claim_cluster(struct fat *f, const char *path, uint32_t c, uint32_t owner, struct error *err)
{
    if (!fat_is_cluster(&f->l, c))
        return chain_error(f, path, c, "does not exist", err);
    if (f->owner[c] == owner && owner != FAT_DROPPED)
        return chain_error(f, path, c, "comes twice, the chain is a loop", err);
    if (f->owner[c] != FAT_NOBODY)
        return chain_error(f, path, c, "belongs to two files, or twice to this one", err);
    if (f->differs[c / 8] & 1u << c % 8)
        return chain_error(f, path, c, "is linked differently in the two copies of the FAT", err);
    f->owner[c] = owner;
    if (owner == FAT_DROPPED)
        fat_hold_drop(f, c);
    return 0;
}

/* Walks a chain and makes it `owner`'s. *count is its length in clusters. */
static int claim(struct fat *f, const char *path, uint32_t first, uint32_t owner, uint64_t *count,
                 struct error *err)
{
    uint32_t c = first;
    enum fat_link link = FAT_LINK_NEXT;
    for (*count = 0; link == FAT_LINK_NEXT; (*count)++) {
        uint32_t next;
        if (claim_cluster(f, path, c, owner, err) < 0)
            return -1;
        link = fat_link(&f->l, f->table, c, &next);
        if (link == FAT_LINK_FREE)
            return chain_error(f, path, c, "is marked free", err);
        if (link == FAT_LINK_BAD)
            return chain_error(f, path, c, "is marked bad", err);
        if (link == FAT_LINK_OUTSIDE)
            return chain_error(f, path, next, "does not exist", err);
        c = next;
    }
    return 0;
}

static struct fat_chain *chain_add(struct fat *f, enum fat_use use, const char *path, struct error *err)
{
    struct quota *q = &f->w->quota;
    if (f->chains == f->chains_room) {
        size_t room = f->chains_room ? 2 * f->chains_room : 64;
        struct fat_chain **grown = quota_alloc(q, room * sizeof *grown, f->at->where, err);
        if (!grown)
            return NULL;
        if (f->chains)
            memcpy(grown, f->chain, f->chains * sizeof *grown);
        quota_free(q, f->chain, f->chains_room * sizeof *grown);
        f->chain = grown;
        f->chains_room = room;
    }
    struct fat_chain *c = quota_alloc(q, sizeof *c, f->at->where, err);
    if (!c)
        return NULL;
    c->use = use;
    c->path = quota_alloc(q, strlen(path) + 1, f->at->where, err);
    if (!c->path) {
        quota_free(q, c, sizeof *c);
        return NULL;
    }
    strcpy(c->path, path);
    f->chain[f->chains++] = c;
    return c;
}

static void chain_free(struct fat *f, struct fat_chain *c)
{
    quota_free(&f->w->quota, c->path, strlen(c->path) + 1);
    quota_free(&f->w->quota, c, sizeof *c);
}

static void make_ready(struct fat *f, struct fat_chain *c)
{
    if (c->listed)
        return;
    c->listed = true;
    c->ready = f->ready;
    f->ready = c;
}

static struct fat_chain *take_ready(struct fat *f)
{
    struct fat_chain *c = f->ready;
    if (c) {
        f->ready = c->ready;
        c->listed = false;
    }
    return c;
}

static int add_folder(struct fat *f, const char *path, uint32_t first, struct error *err)
{
    struct fat_chain *c = chain_add(f, FAT_FOLDER, path, err);
    uint64_t clusters;
    if (!c || claim(f, path, first, (uint32_t)f->chains, &clusters, err) < 0)
        return -1;
    c->next = first;
    c->left = c->size = clusters * f->l.cluster_bytes;
    if (c->size > FAT_DIR_MAX)
        return chain_error(f, path, first, "begins a folder of more than 65536 entries", err);
    f->folders_due++;
    make_ready(f, c);
    return 0;
}

static int add_file(struct fat *f, const char *path, const struct fat_file *file, struct error *err)
{
    struct walk_entry entry;
    if (walk_ask(f->w, f->at, path, file->size, &entry, err) < 0)
        return -1;
    struct fat_chain *c = NULL;
    uint32_t owner = FAT_DROPPED;
    if (entry.want != MEDIA_SKIP) {
        c = chain_add(f, entry.want == MEDIA_TAKE ? FAT_TAKEN : FAT_OPENED, path, err);
        if (!c)
            return -1;
        owner = (uint32_t)f->chains;
    }
    uint64_t clusters = 0;
    if ((file->cluster || file->size) && claim(f, path, file->cluster, owner, &clusters, err) < 0)
        return -1;
    if (clusters * f->l.cluster_bytes < file->size)
        return error_set(err,
                         "%s: %s: has %" PRIu32 " bytes, but its chain from cluster %" PRIu32
                         " on holds only %" PRIu64 ": " FAT_DAMAGED,
                         f->at->where, path, file->size, file->cluster, clusters * f->l.cluster_bytes);
    if (!c)
        return 0;
    c->entry = entry;
    c->next = file->cluster;
    c->left = c->size = file->size;
    if (c->use == FAT_OPENED) {
        f->to_open++;
        return 0;
    }
    if (c->left == 0)
        return walk_end(f->w, &c->entry, err);
    f->files_due++;
    make_ready(f, c);
    return 0;
}

static int add_entry(struct fat *f, const struct fat_chain *folder, const struct fat_file *file,
                     struct error *err)
{
    char path[MEDIA_PATH_MAX];
    if (path_join(folder->path, file->name, path, err) < 0)
        return error_wrap(err, "%s", f->at->where);
    if (!file->is_dir)
        return add_file(f, path, file, err);
    if (walk_count(f->w, f->at, err) < 0)
        return -1;
    return add_folder(f, path, file->cluster, err);
}

/* Bytes of a folder, a multiple of an entry's size. *end: no entries follow. */
static int read_entries(struct fat *f, struct fat_chain *folder, const uint8_t *bytes, size_t size, bool *end,
                        struct error *err)
{
    *end = false;
    for (size_t i = 0; i < size && !*end; i += FAT_ENTRY) {
        struct fat_file file;
        enum fat_found found = fat_entry_parse(&folder->names, &f->l, bytes + i, &file);
        if (found == FAT_FILE && add_entry(f, folder, &file, err) < 0)
            return -1;
        *end = found == FAT_END;
    }
    return 0;
}

static void folder_done(struct fat *f, struct fat_chain *c)
{
    c->left = 0;
    if (--f->folders_due == 0)
        fat_hold_drop_unowned(f);
}

/* A folder or taken file gets the cluster whose turn it is. */
static int deliver(struct fat *f, struct fat_chain *c, const uint8_t *bytes, struct error *err)
{
    uint32_t size = c->left < f->l.cluster_bytes ? (uint32_t)c->left : f->l.cluster_bytes;
    fat_link(&f->l, f->table, c->next, &c->next);
    c->left -= size;
    if (c->use == FAT_FOLDER) {
        bool end;
        if (read_entries(f, c, bytes, size, &end, err) < 0)
            return -1;
        if (end || c->left == 0)
            folder_done(f, c);
        return 0;
    }
    if (walk_data(f->w, f->at->where, &c->entry, bytes, size, err) < 0)
        return -1;
    if (c->left)
        return 0;
    f->files_due--;
    return walk_end(f->w, &c->entry, err);
}

/* Delivers what is held and has become due. Folders found on the way join the list; no recursion. */
static int deliver_held(struct fat *f, struct error *err)
{
    struct fat_chain *c;
    while ((c = take_ready(f))) {
        uint8_t *bytes = c->left ? fat_hold_take(f, c->next) : NULL;
        if (!bytes)
            continue;
        int result = deliver(f, c, bytes, err);
        quota_free(&f->w->quota, bytes, f->l.cluster_bytes);
        if (result < 0)
            return -1;
        make_ready(f, c);
    }
    return 0;
}

static const char *owner_name(const struct fat *f, uint32_t owner)
{
    if (owner == FAT_NOBODY)
        return "what may belong to a folder further on";
    return f->chain[owner - 1]->path[0] ? f->chain[owner - 1]->path : "the root folder";
}

static bool is_wanted(const struct fat *f, uint32_t cluster)
{
    uint32_t next, owner = f->owner[cluster];
    if (owner == FAT_DROPPED)
        return false;
    if (owner != FAT_NOBODY)
        return f->chain[owner - 1]->left > 0;
    if (f->folders_due == 0)
        return false;
    enum fat_link link = fat_link(&f->l, f->table, cluster, &next);
    return link == FAT_LINK_NEXT || link == FAT_LINK_LAST;
}

/* Moves on by one cluster that somebody wants. */
static int pump(struct fat *f, struct error *err)
{
    uint32_t c = f->at_cluster;
    while (fat_is_cluster(&f->l, c) && !is_wanted(f, c))
        c++;
    if (!fat_is_cluster(&f->l, c))
        return error_set(err, "%s: clusters that files need have passed already: " FAT_DAMAGED, f->at->where);
    uint32_t owner = f->owner[c];
    uint64_t gap = (uint64_t)(c - f->at_cluster) * f->l.cluster_bytes;
    if (stream_skip(f->s, gap, NULL, err) < 0 ||
        stream_exact(f->s, f->cluster, f->l.cluster_bytes, owner_name(f, owner), err) < 0)
        return -1;
    f->at_cluster = c + 1;
    struct fat_chain *chain = owner == FAT_NOBODY ? NULL : f->chain[owner - 1];
    if (!chain || chain->use == FAT_OPENED || chain->next != c)
        return fat_hold_add(f, c, owner_name(f, owner), err);
    make_ready(f, chain);
    if (deliver(f, chain, f->cluster, err) < 0)
        return -1;
    return deliver_held(f, err);
}

/* An opened file as a stream: pulling from it moves the whole partition on. */
struct fat_stream {
    struct stream base;
    struct fat *f;
    struct fat_chain *chain;
    uint8_t *cluster; /* the last one given, owned */
};

static int opened_fill(struct stream *s, struct slice *out, struct error *err)
{
    struct fat_stream *o = (struct fat_stream *)s;
    struct fat_chain *c = o->chain;
    uint32_t cluster_bytes = o->f->l.cluster_bytes;
    quota_free(s->quota, o->cluster, cluster_bytes);
    o->cluster = NULL;
    *out = (struct slice){0};
    if (c->left == 0)
        return 0;
    while (!(o->cluster = fat_hold_take(o->f, c->next)))
        if (pump(o->f, err) < 0)
            return -1;
    *out = (struct slice){o->cluster, c->left < cluster_bytes ? (size_t)c->left : cluster_bytes};
    fat_link(&o->f->l, o->f->table, c->next, &c->next);
    c->left -= out->size;
    return 0;
}

static void opened_close(struct stream *s)
{
    struct fat_stream *o = (struct fat_stream *)s;
    quota_free(s->quota, o->cluster, o->f->l.cluster_bytes);
    free(o);
}

static int open_file(struct fat *f, struct fat_chain *c, struct error *err)
{
    static const struct stream_ops ops = {opened_fill, NULL, NULL, opened_close};
    struct fat_stream *o = calloc(1, sizeof *o);
    if (!o)
        return error_errno(err, ENOMEM, "%s", f->at->where);
    char where[STREAM_WHERE_MAX];
    walk_where(where, f->at->where, c->path);
    stream_init(&o->base, &ops, &f->w->quota, where, c->size);
    o->f = f;
    o->chain = c;
    c->opened = true;
    f->to_open--;
    int result = walk_content(f->w, f->at, c->path, &c->entry, &o->base, err);
    stream_close(&o->base);
    return result;
}

/* The one that lies first, so that the fewest clusters have to be held. */
static struct fat_chain *next_to_open(const struct fat *f)
{
    struct fat_chain *first = NULL;
    for (size_t i = 0; i < f->chains; i++) {
        struct fat_chain *c = f->chain[i];
        if (c->use == FAT_OPENED && !c->opened && (!first || c->next < first->next))
            first = c;
    }
    return first;
}

static int read_fixed_root(struct fat *f, struct error *err)
{
    struct fat_chain *root = chain_add(f, FAT_FOLDER, "", err);
    if (!root)
        return -1;
    f->folders_due++;
    bool end = false;
    for (uint32_t done = 0; done < f->l.root_bytes && !end; done += FAT_ENTRY) {
        uint8_t entry[FAT_ENTRY];
        if (stream_exact(f->s, entry, sizeof entry, "its root folder", err) < 0 ||
            read_entries(f, root, entry, sizeof entry, &end, err) < 0)
            return -1;
    }
    folder_done(f, root);
    return stream_skip(f->s, f->l.data_at - f->s->offset, NULL, err);
}

static int walk_clusters(struct fat *f, struct error *err)
{
    f->at_cluster = FAT_FIRST_CLUSTER;
    int result = f->l.type == FAT32 ? add_folder(f, "", f->l.root_cluster, err) : read_fixed_root(f, err);
    while (result == 0) {
        struct fat_chain *c = f->to_open ? next_to_open(f) : NULL;
        if (c)
            result = open_file(f, c, err);
        else if (f->folders_due || f->files_due)
            result = pump(f, err);
        else
            break;
    }
    return result;
}

int fat_walk(struct walk *w, const struct place *at, struct stream *s, bool *found, struct error *err)
{
    struct fat f = {.w = w, .at = at, .s = s};
    int result = fat_load(&f, found, err);
    if (result == 0 && *found)
        result = walk_clusters(&f, err);
    fat_hold_fini(&f);
    for (size_t i = 0; i < f.chains; i++)
        chain_free(&f, f.chain[i]);
    quota_free(&w->quota, f.chain, f.chains_room * sizeof *f.chain);
    fat_unload(&f);
    return result;
}
