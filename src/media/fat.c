#include "media/fat.h"

#include "base/wire.h"
#include "media/utf16.h"

#include <string.h>

#define FAT12_CLUSTERS_BELOW 4085 /* the specification's own numbers, page 14 */
#define FAT16_CLUSTERS_BELOW 65525

#define ATTR_LABEL     0x08
#define ATTR_DIRECTORY 0x10
#define ATTR_LONG      0x0f
#define ATTR_LONG_MASK 0x3f

#define NT_LOWER_BASE 0x08 /* Windows NT keeps the case of an all-lower-case 8.3 name in byte 12 */
#define NT_LOWER_EXT  0x10

#define LONG_LAST       0x40
#define LONG_PIECES_MAX 20
#define LONG_UNITS      13

struct bpb {
    uint16_t sector_bytes, reserved, root_entries, fat_sectors16;
    uint8_t cluster_sectors, copies, media;
    uint32_t total, fat_sectors32, root_cluster;
    uint16_t flags32;
};

static struct bpb bpb_read(const uint8_t *sector)
{
    struct bpb b = {0};
    struct wire_in w = wire_in(sector + 11, FAT_SECTOR - 11);
    b.sector_bytes = wire_u16le(&w);
    b.cluster_sectors = wire_u8(&w);
    b.reserved = wire_u16le(&w);
    b.copies = wire_u8(&w);
    b.root_entries = wire_u16le(&w);
    b.total = wire_u16le(&w);
    b.media = wire_u8(&w);
    b.fat_sectors16 = wire_u16le(&w);
    wire_skip(&w, 8);
    uint32_t total32 = wire_u32le(&w);
    if (b.total == 0)
        b.total = total32;
    b.fat_sectors32 = wire_u32le(&w);
    b.flags32 = wire_u16le(&w);
    wire_skip(&w, 2);
    b.root_cluster = wire_u32le(&w);
    return b;
}

static int bpb_check(const struct bpb *b, struct error *err)
{
    bool power = b->cluster_sectors && (b->cluster_sectors & (b->cluster_sectors - 1)) == 0;
    if (b->reserved == 0 || b->copies == 0 || b->copies > 4 || !power || b->total == 0 ||
        (b->media != 0xf0 && b->media < 0xf8))
        return error_set(err, "no FAT boot sector");
    if (b->sector_bytes != FAT_SECTOR)
        return error_set(err, "a FAT with sectors of %u bytes, only %d are read here", b->sector_bytes,
                         FAT_SECTOR);
    if (b->fat_sectors16 ? b->root_entries == 0 : b->fat_sectors32 == 0)
        return error_set(err, "a FAT boot sector without a table or a root folder");
    return 0;
}

int fat_layout_parse(const uint8_t sector[static FAT_SECTOR], struct fat_layout *out, struct error *err)
{
    struct bpb b = bpb_read(sector);
    if (bpb_check(&b, err) < 0)
        return -1;
    /* Only FAT32 has no 16-bit table size. With one, the count of clusters alone decides, never the type text
     * or the partition's type byte. */
    bool is32 = b.fat_sectors16 == 0;
    uint64_t fat_sectors = is32 ? b.fat_sectors32 : b.fat_sectors16;
    uint64_t root_sectors = is32 ? 0 : ((uint64_t)b.root_entries * FAT_ENTRY + FAT_SECTOR - 1) / FAT_SECTOR;
    uint64_t before_data = b.reserved + b.copies * fat_sectors + root_sectors;
    if (before_data + b.cluster_sectors > b.total)
        return error_set(err, "a FAT boot sector whose tables leave no room for data");
    uint64_t clusters = (b.total - before_data) / b.cluster_sectors;
    *out = (struct fat_layout){
        .type = is32                              ? FAT32
                : clusters < FAT12_CLUSTERS_BELOW ? FAT12
                                                  : FAT16,
        .clusters = (uint32_t)clusters,
        .cluster_bytes = (uint32_t)b.cluster_sectors * FAT_SECTOR,
        .copies = b.copies,
        .mirrored = !is32 || !(b.flags32 & 0x80),
        .fat_at = (uint64_t)b.reserved * FAT_SECTOR,
        .fat_bytes = fat_sectors * FAT_SECTOR,
        .root_bytes = is32 ? 0 : (uint32_t)b.root_entries * FAT_ENTRY,
        .root_cluster = b.root_cluster,
        .data_at = before_data * FAT_SECTOR,
    };
    out->active = out->mirrored ? 0 : b.flags32 & 0x0f;
    out->fat_used = ((clusters + FAT_FIRST_CLUSTER) * out->type + 7) / 8;
    if (out->fat_used > out->fat_bytes || out->active >= out->copies)
        return error_set(err, "a FAT boot sector whose table of %llu bytes is too small for %llu clusters",
                         (unsigned long long)out->fat_bytes, (unsigned long long)clusters);
    if (out->type == FAT16 && clusters >= FAT16_CLUSTERS_BELOW)
        return error_set(err, "a FAT boot sector that has too many clusters for FAT16");
    if (is32 && clusters > 0x0ffffff5)
        return error_set(err, "a FAT boot sector that has too many clusters for FAT32");
    return 0;
}

bool fat_is_bare(const uint8_t sector[static FAT_SECTOR])
{
    struct fat_layout layout;
    struct error unused;
    bool jump = sector[0] == 0xe9 || (sector[0] == 0xeb && sector[2] == 0x90);
    return jump && sector[510] == 0x55 && sector[511] == 0xaa &&
           fat_layout_parse(sector, &layout, &unused) == 0;
}

bool fat_is_cluster(const struct fat_layout *l, uint32_t cluster)
{
    return cluster >= FAT_FIRST_CLUSTER && cluster - FAT_FIRST_CLUSTER < l->clusters;
}

/* The stored value, widened so that the marks of all three types are those of FAT32. */
static uint32_t table_value(const struct fat_layout *l, const uint8_t *table, uint32_t cluster)
{
    if (l->type == FAT32) {
        const uint8_t *e = table + (size_t)cluster * 4;
        return (e[0] | (uint32_t)e[1] << 8 | (uint32_t)e[2] << 16 | (uint32_t)e[3] << 24) & 0x0fffffff;
    }
    uint32_t value;
    uint32_t marks;
    if (l->type == FAT16) {
        const uint8_t *e = table + (size_t)cluster * 2;
        value = e[0] | (uint32_t)e[1] << 8;
        marks = 0xfff7;
    } else {
        const uint8_t *e = table + cluster + cluster / 2;
        uint32_t pair = e[0] | (uint32_t)e[1] << 8;
        value = cluster & 1 ? pair >> 4 : pair & 0xfff;
        marks = 0xff7;
    }
    return value >= marks ? value - marks + 0x0ffffff7 : value;
}

enum fat_link fat_link(const struct fat_layout *l, const uint8_t *table, uint32_t cluster, uint32_t *next)
{
    uint32_t value = *next = table_value(l, table, cluster);
    if (value >= 0x0ffffff8)
        return FAT_LINK_LAST;
    if (value == 0)
        return FAT_LINK_FREE;
    if (fat_is_cluster(l, value))
        return FAT_LINK_NEXT;
    return value == 0x0ffffff7 ? FAT_LINK_BAD : FAT_LINK_OUTSIDE;
}

static uint8_t short_checksum(const uint8_t *name)
{
    uint8_t sum = 0;
    for (int i = 0; i < 11; i++)
        sum = (uint8_t)((sum << 7 | sum >> 1) + name[i]);
    return sum;
}

static void long_piece(struct fat_names *n, const uint8_t *entry)
{
    static const uint8_t places[LONG_UNITS] = {1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30};
    unsigned number = entry[0] & 0x3f;
    if (entry[0] & LONG_LAST) {
        *n = (struct fat_names){.pieces = number, .due = number, .checksum = entry[13]};
        if (number == 0 || number > LONG_PIECES_MAX)
            n->pieces = n->due = 0;
    }
    if (n->pieces == 0 || number != n->due || entry[13] != n->checksum) {
        n->pieces = 0; /* an orphan: its file was renamed by a system without long names */
        return;
    }
    n->due--;
    for (unsigned i = 0; i < LONG_UNITS; i++)
        n->unit[n->due * LONG_UNITS + i] = (uint16_t)(entry[places[i]] | entry[places[i] + 1] << 8);
}

static bool long_name(const struct fat_names *n, const uint8_t *entry, char out[static FAT_NAME_MAX])
{
    if (n->pieces == 0 || n->due != 0 || n->checksum != short_checksum(entry))
        return false;
    size_t count = 0;
    while (count < (size_t)n->pieces * LONG_UNITS && n->unit[count] != 0)
        count++;
    return count > 0 && utf16_to_text(n->unit, count, out, FAT_NAME_MAX);
}

static size_t short_part(const uint8_t *from, size_t size, bool lower, char *to)
{
    while (size && from[size - 1] == ' ')
        size--;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = from[i];
        if (c >= 0x80)
            c = '_'; /* the code page is nowhere recorded; boot files have none of these */
        to[i] = (char)(lower && c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    return size;
}

static void short_name(const uint8_t *entry, char out[static FAT_NAME_MAX])
{
    uint8_t flags = entry[12] & (NT_LOWER_BASE | NT_LOWER_EXT);
    if (flags == 0)
        flags = NT_LOWER_BASE | NT_LOWER_EXT; /* no case is recorded: lower, as Linux mounts it */
    uint8_t name[11];
    memcpy(name, entry, sizeof name);
    if (name[0] == 0x05)
        name[0] = 0xe5; /* e5 marks deleted entries */
    size_t used = short_part(name, 8, flags & NT_LOWER_BASE, out);
    out[used] = '.';
    size_t ext = short_part(name + 8, 3, flags & NT_LOWER_EXT, out + used + 1);
    out[ext ? used + 1 + ext : used] = '\0';
}

enum fat_found fat_entry_parse(struct fat_names *names, const struct fat_layout *l,
                               const uint8_t entry[static FAT_ENTRY], struct fat_file *out)
{
    uint8_t attr = entry[11];
    if (entry[0] == 0)
        return FAT_END;
    if (entry[0] == 0xe5) {
        names->pieces = 0;
        return FAT_NOTHING;
    }
    if ((attr & ATTR_LONG_MASK) == ATTR_LONG) {
        long_piece(names, entry);
        return FAT_NOTHING;
    }
    bool dots = entry[0] == '.' && (entry[1] == ' ' || (entry[1] == '.' && entry[2] == ' '));
    if ((attr & ATTR_LABEL) || dots) {
        names->pieces = 0;
        return FAT_NOTHING;
    }
    if (!long_name(names, entry, out->name))
        short_name(entry, out->name);
    names->pieces = 0;
    struct wire_in w = wire_in(entry + 20, FAT_ENTRY - 20);
    uint32_t high = wire_u16le(&w);
    wire_skip(&w, 4);
    out->cluster = wire_u16le(&w) | (l->type == FAT32 ? high << 16 : 0);
    out->size = wire_u32le(&w);
    out->is_dir = attr & ATTR_DIRECTORY;
    if (out->is_dir)
        out->size = 0;
    return FAT_FILE;
}
