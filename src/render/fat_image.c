#include "render/fat_image.h"

#include "base/text.h"
#include "base/wire.h"
#include "render/fat_tree.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define CLUSTER_MAX (32u << 10) /* bytes; larger ones are beyond the specification */

/*
 * The count of clusters alone makes a FAT16 or FAT32: 4085 up to 65524 are FAT16. "Stay at least 16 clusters
 * away", says the specification (page 15), as much code gets the border wrong.
 */
#define FAT16_MIN (4085u + 16)
#define FAT16_LIM (65524u - 16)
#define FAT32_MIN (65525u + 16)

#define COPIES            2u
#define FAT16_ROOT_MIN    512u /* entries: the number that all can read */
#define FAT32_RESERVED    32u  /* sectors, as mkfs.fat and Windows have it */
#define FAT32_INFO        1u
#define FAT32_BACKUP      6u
#define MEDIA_FIXED       0xf8
#define DRIVE_FIXED       0x80
#define SECTORS_PER_TRACK 63u
#define HEADS             255u

#define FAT32_LAST 0x0fffffffu
#define FAT16_LAST 0xffffu

/* What the sizes make of the image. */
struct shape {
    enum fat_type type;
    uint32_t cluster_bytes;
    uint32_t clusters;    /* numbered from 2 */
    uint32_t used;        /* of them */
    uint32_t reserved;    /* sectors before the FAT */
    uint32_t fat_sectors; /* of one copy */
    uint32_t root_bytes;  /* FAT16's fixed root folder */
    uint64_t sectors;     /* in all */
};

static uint64_t round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

/* What the node takes of the clusters. FAT16's root lies before them. */
static uint64_t node_clusters(const struct fat_node *node, enum fat_type type, uint32_t cluster_bytes)
{
    uint64_t bytes = node->size;
    if (node->is_folder) {
        if (!node->parent && type == FAT16)
            return 0;
        bytes = ((uint64_t)node->entries + (node->parent ? 2 : 0)) * FAT_ENTRY;
        if (bytes == 0)
            return 1; /* FAT32's root, of no files */
    }
    return round_up(bytes, cluster_bytes) / cluster_bytes;
}

static uint64_t count_clusters(const struct fat_tree *tree, enum fat_type type, uint32_t cluster_bytes)
{
    uint64_t count = 0;
    for (const struct fat_node *node = tree->root; node; node = node->after)
        count += node_clusters(node, type, cluster_bytes);
    return count;
}

static int too_large(struct error *err)
{
    return error_set(err, "the files take more than the %llu GiB that an image may have: leave some out",
                     FAT_IMAGE_MAX >> 30);
}

static int choose_shape(const struct fat_tree *tree, struct shape *out, struct error *err)
{
    uint32_t cluster_bytes = FAT_SECTOR;
    uint64_t used = count_clusters(tree, FAT16, cluster_bytes);
    while (used > FAT16_LIM && cluster_bytes < CLUSTER_MAX) {
        cluster_bytes *= 2;
        used = count_clusters(tree, FAT16, cluster_bytes);
    }
    struct shape s = {.type = FAT16, .cluster_bytes = cluster_bytes, .reserved = 1};
    if (used > FAT16_LIM) {
        s.type = FAT32;
        s.reserved = FAT32_RESERVED;
        used = count_clusters(tree, FAT32, cluster_bytes);
    }
    uint64_t least = s.type == FAT16 ? FAT16_MIN : FAT32_MIN;
    uint64_t clusters = used < least ? least : used;
    if (clusters * cluster_bytes > FAT_IMAGE_MAX)
        return too_large(err);
    s.used = (uint32_t)used;
    s.clusters = (uint32_t)clusters;
    s.fat_sectors = (uint32_t)((clusters + FAT_FIRST_CLUSTER) * (s.type / 8) + FAT_SECTOR - 1) / FAT_SECTOR;
    if (s.type == FAT16) {
        uint32_t entries = (uint32_t)round_up(tree->root->entries, FAT_SECTOR / FAT_ENTRY);
        s.root_bytes = (entries < FAT16_ROOT_MIN ? FAT16_ROOT_MIN : entries) * FAT_ENTRY;
    }
    s.sectors = s.reserved + COPIES * (uint64_t)s.fat_sectors + s.root_bytes / FAT_SECTOR +
                clusters * (cluster_bytes / FAT_SECTOR);
    if (s.sectors * FAT_SECTOR > FAT_IMAGE_MAX)
        return too_large(err);
    *out = s;
    return 0;
}

/* Folders first, so that all that is rendered lies together; then the files in their order. */
static void place(struct fat_tree *tree, const struct shape *s)
{
    uint32_t next = FAT_FIRST_CLUSTER;
    for (int folders = 1; folders >= 0; folders--) {
        for (struct fat_node *node = tree->root; node; node = node->after) {
            uint32_t count = (uint32_t)node_clusters(node, s->type, s->cluster_bytes);
            if (node->is_folder != folders || count == 0)
                continue;
            node->cluster = next;
            next += count;
        }
    }
    assert(next == FAT_FIRST_CLUSTER + s->used);
}

static void put_boot_sector(struct wire_out *w, const struct shape *s, uint32_t volume_id)
{
    bool is32 = s->type == FAT32;
    bool small = !is32 && s->sectors <= UINT16_MAX;
    wire_put(w, is32 ? "\xeb\x58\x90" : "\xeb\x3c\x90", 3);
    wire_put(w, "MSWIN4.1", 8); /* some drivers want this, says the specification */
    wire_put_u16le(w, FAT_SECTOR);
    wire_put_u8(w, (uint8_t)(s->cluster_bytes / FAT_SECTOR));
    wire_put_u16le(w, (uint16_t)s->reserved);
    wire_put_u8(w, COPIES);
    wire_put_u16le(w, (uint16_t)(s->root_bytes / FAT_ENTRY));
    wire_put_u16le(w, small ? (uint16_t)s->sectors : 0);
    wire_put_u8(w, MEDIA_FIXED);
    wire_put_u16le(w, is32 ? 0 : (uint16_t)s->fat_sectors);
    wire_put_u16le(w, SECTORS_PER_TRACK);
    wire_put_u16le(w, HEADS);
    wire_put_u32le(w, 0); /* sectors before the file system */
    wire_put_u32le(w, small ? 0 : (uint32_t)s->sectors);
    if (is32) {
        wire_put_u32le(w, s->fat_sectors);
        wire_put_u32le(w, 0); /* all copies are kept equal; version 0.0 */
        wire_put_u32le(w, FAT_FIRST_CLUSTER);
        wire_put_u16le(w, FAT32_INFO);
        wire_put_u16le(w, FAT32_BACKUP);
        wire_put_zero(w, 12);
    }
    wire_put_u8(w, DRIVE_FIXED);
    wire_put_u8(w, 0);
    wire_put_u8(w, 0x29); /* the next three fields are there */
    wire_put_u32le(w, volume_id);
    wire_put(w, "NO NAME    ", 11);
    wire_put(w, is32 ? "FAT32   " : "FAT16   ", 8);
    wire_put(w, "\xcd\x18\xf4\xeb\xfd", 5); /* a BIOS is told to go on: int 18h; then halt for ever */
    wire_put_zero(w, FAT_SECTOR - 2 - wire_written(w));
    wire_put_u16le(w, 0xaa55);
}

static void put_info_sector(struct wire_out *w, const struct shape *s)
{
    uint32_t free = s->clusters - s->used;
    wire_put_u32le(w, 0x41615252);
    wire_put_zero(w, 480);
    wire_put_u32le(w, 0x61417272);
    wire_put_u32le(w, free);
    wire_put_u32le(w, free ? FAT_FIRST_CLUSTER + s->used : UINT32_MAX); /* where to look for free ones */
    wire_put_zero(w, 12);
    wire_put_u32le(w, 0xaa550000);
}

static void put_reserved(uint8_t *at, const struct shape *s, uint32_t volume_id)
{
    static const uint32_t places[] = {0, FAT32_BACKUP};
    for (size_t i = 0; i < (s->type == FAT32 ? 2 : 1); i++) {
        struct wire_out boot = wire_out(at + places[i] * FAT_SECTOR, FAT_SECTOR);
        put_boot_sector(&boot, s, volume_id);
        assert(!boot.full);
        if (s->type != FAT32)
            continue;
        struct wire_out info = wire_out(at + (places[i] + FAT32_INFO) * FAT_SECTOR, FAT_SECTOR);
        put_info_sector(&info, s);
        assert(!info.full);
    }
}

static void put_link(struct wire_out *w, enum fat_type type, uint32_t value)
{
    if (type == FAT32)
        wire_put_u32le(w, value);
    else
        wire_put_u16le(w, (uint16_t)value);
}

/* Nodes lie in the table as place() numbered them, each one run. */
static void put_table(uint8_t *at, const struct fat_tree *tree, const struct shape *s)
{
    const uint32_t last = s->type == FAT32 ? FAT32_LAST : FAT16_LAST;
    const uint32_t link_bytes = s->type / 8;
    struct wire_out start = wire_out(at, 2 * link_bytes);
    put_link(&start, s->type, (last & ~0xffu) | MEDIA_FIXED);
    put_link(&start, s->type, last); /* closed properly, no errors */
    for (const struct fat_node *node = tree->root; node; node = node->after) {
        uint32_t count = node->cluster ? (uint32_t)node_clusters(node, s->type, s->cluster_bytes) : 0;
        struct wire_out w = wire_out(at + (size_t)node->cluster * link_bytes, (size_t)count * link_bytes);
        for (uint32_t i = 1; i <= count; i++)
            put_link(&w, s->type, i < count ? node->cluster + i : last);
    }
}

static size_t folder_bytes(const struct fat_node *folder)
{
    return ((size_t)folder->entries + (folder->parent ? 2 : 0)) * FAT_ENTRY;
}

static void put_folder(uint8_t *at, const struct fat_node *folder)
{
    struct wire_out w = wire_out(at, folder_bytes(folder));
    if (folder->parent) {
        /* ".." of a folder in the root is 0, on FAT32 as well. */
        const struct fat_node *up = folder->parent;
        fat_name_put_brief(&w, (const uint8_t *)".          ", FAT_ATTRIBUTE_FOLDER, folder->cluster, 0);
        fat_name_put_brief(&w, (const uint8_t *)"..         ", FAT_ATTRIBUTE_FOLDER,
                           up->parent ? up->cluster : 0, 0);
    }
    for (const struct fat_node *node = folder->child; node; node = node->next)
        fat_name_put(&w, &node->name, node->is_folder ? FAT_ATTRIBUTE_FOLDER : FAT_ATTRIBUTE_ARCHIVE,
                     node->cluster, (uint32_t)node->size);
    assert(!w.full && w.at == w.end);
}

/* Where a cluster is, from the end of the last FAT. */
static uint64_t cluster_at(const struct shape *s, uint32_t cluster)
{
    return s->root_bytes + (uint64_t)(cluster - FAT_FIRST_CLUSTER) * s->cluster_bytes;
}

/* Bytes from the end of the last FAT to the first file. */
static uint64_t folders_bytes(const struct fat_tree *tree, const struct shape *s)
{
    uint64_t clusters = 0;
    for (const struct fat_node *node = tree->root; node; node = node->after)
        if (node->is_folder)
            clusters += node_clusters(node, s->type, s->cluster_bytes);
    return s->root_bytes + clusters * s->cluster_bytes;
}

static int render(struct fat_tree *tree, const struct shape *s, uint32_t volume_id, struct fat_image *out,
                  struct error *err)
{
    size_t reserved = (size_t)s->reserved * FAT_SECTOR;
    size_t table = (size_t)s->fat_sectors * FAT_SECTOR;
    uint64_t folders = folders_bytes(tree, s);
    if (reserved + table + folders > FAT_IMAGE_BYTES_MAX)
        return error_set(err, "its folders alone take %" PRIu64 " bytes, more than %u: use fewer folders",
                         folders, FAT_IMAGE_BYTES_MAX);
    uint8_t *bytes = calloc(1, reserved + table + folders);
    if (!bytes)
        return error_set(err, "out of memory");
    put_reserved(bytes, s, volume_id);
    put_table(bytes + reserved, tree, s);
    for (const struct fat_node *node = tree->root; node; node = node->after)
        if (node->is_folder)
            put_folder(bytes + reserved + table + (node->cluster ? cluster_at(s, node->cluster) : 0), node);
    *out = (struct fat_image){
        .size = s->sectors * FAT_SECTOR,
        .type = s->type,
        .cluster_bytes = s->cluster_bytes,
        .bytes = {.data = bytes, .size = reserved + table + folders, .capacity = reserved + table + folders},
        .piece = {{0, reserved + table, 0},
                  {reserved + table, table, reserved},
                  {reserved + COPIES * table, folders, reserved + table}},
    };
    return 0;
}

static int add_file(struct fat_tree *tree, const struct fat_image_file *file, size_t number,
                    struct error *err)
{
    size_t length = strnlen(file->path, FAT_IMAGE_PATH_MAX);
    char shown[128];
    text_printable(file->path, length, shown, sizeof shown);
    if (length == FAT_IMAGE_PATH_MAX)
        return error_set(err, "%s...: the path has %u characters or more: shorten it", shown,
                         FAT_IMAGE_PATH_MAX);
    if (file->size > FAT_IMAGE_FILE_MAX)
        return error_set(err, "%s: the file has %" PRIu64 " bytes, FAT has room for %llu: leave it out",
                         shown, file->size, FAT_IMAGE_FILE_MAX);
    if (fat_tree_add(tree, file->path, file->size, number, err) < 0)
        return error_wrap(err, "%s", shown);
    return 0;
}

static int make(struct fat_tree *tree, struct fat_image_file *files, size_t count, uint32_t volume_id,
                struct fat_image *out, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (add_file(tree, &files[i], i, err) < 0)
            return -1;
    struct shape s = {0};
    if (choose_shape(tree, &s, err) < 0)
        return -1;
    place(tree, &s);
    if (render(tree, &s, volume_id, out, err) < 0)
        return -1;
    for (const struct fat_node *node = tree->root; node; node = node->after)
        if (!node->is_folder)
            files[node->file].at =
                node->cluster ? out->piece[FAT_IMAGE_PIECES - 1].at + cluster_at(&s, node->cluster) : 0;
    return 0;
}

int fat_image_make(struct fat_image_file *files, size_t count, uint32_t volume_id, struct fat_image *out,
                   struct error *err)
{
    struct fat_tree tree;
    if (count > FAT_IMAGE_FILES_MAX)
        return error_set(err, "FAT image: %zu files, an image has at most %u: leave some out", count,
                         FAT_IMAGE_FILES_MAX);
    if (fat_tree_init(&tree, err) < 0)
        return -1;
    int result = make(&tree, files, count, volume_id, out, err);
    fat_tree_fini(&tree);
    return result < 0 ? error_wrap(err, "FAT image") : 0;
}

void fat_image_fini(struct fat_image *image)
{
    buf_fini(&image->bytes);
    *image = (struct fat_image){0};
}
