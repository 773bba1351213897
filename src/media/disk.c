/*
 * A disk image from front to back: the partition table, then whatever comes next by sector number, be it a
 * partition or the extended boot record that announces the next logical one.
 */
#include "media/walk.h"

#include "media/fat.h"
#include "media/gpt.h"
#include "media/mbr.h"

#include <inttypes.h>
#include <stdio.h>

#define EBR_MAX       64 /* more logical partitions than any tool makes; a bound for loops */
#define LOGICAL_FIRST 5
#define DISK_DAMAGED  "the partition table is damaged; get the image again"

struct disk {
    struct walk *w;
    const struct place *at;
    struct stream *s;
    struct media_table table;
    bool done[MEDIA_PARTITIONS_MAX]; /* walked or passed over, by row */
    bool told;
    uint64_t extended, extended_end; /* sectors; 0: none */
    uint64_t ebr;                    /* the next extended boot record, 0: none */
    unsigned ebrs;
};

static bool is_container(const struct disk *d, const struct media_partition *p)
{
    return !d->table.gpt && mbr_type_is_extended(p->type);
}

/* Two partitions on the same sectors. The extended one contains the logical ones by design. */
static int check_overlap(const struct disk *d, const struct media_partition *p, struct error *err)
{
    for (uint32_t i = 0; i < d->table.count; i++) {
        const struct media_partition *q = &d->table.partition[i];
        if ((is_container(d, q) && p->number >= LOGICAL_FIRST) || q == p)
            continue;
        if (p->start < q->start + q->sectors && q->start < p->start + p->sectors)
            return error_set(err,
                             "%s: partition %u (sectors %" PRIu64 " to %" PRIu64
                             ") overlaps partition %u (%" PRIu64 " to %" PRIu64 "): " DISK_DAMAGED,
                             d->at->where, p->number, p->start, p->start + p->sectors - 1, q->number,
                             q->start, q->start + q->sectors - 1);
    }
    return 0;
}

static int add(struct disk *d, const struct mbr_slot *slot, unsigned number, uint64_t start,
               struct error *err)
{
    if (d->table.count == MEDIA_PARTITIONS_MAX)
        return error_set(err, "%s: more than %d partitions; no hypervisor image has so many", d->at->where,
                         MEDIA_PARTITIONS_MAX);
    struct media_partition *p = &d->table.partition[d->table.count];
    *p = (struct media_partition){
        .number = number, .start = start, .sectors = slot->sectors, .boot = slot->boot, .type = slot->type};
    snprintf(p->system, sizeof p->system, "%s", mbr_type_name(slot->type));
    if (check_overlap(d, p, err) < 0)
        return -1;
    d->table.count++;
    return 0;
}

static int read_mbr(struct disk *d, const uint8_t *sector, struct error *err)
{
    struct mbr mbr;
    mbr_parse(sector, &mbr);
    for (unsigned i = 0; i < MBR_SLOTS; i++) {
        const struct mbr_slot *slot = &mbr.slot[i];
        if (slot->type == 0)
            continue;
        if (slot->start == 0)
            return error_set(err,
                             "%s: partition %u begins at sector 0, where the table itself is: " DISK_DAMAGED,
                             d->at->where, i + 1);
        if (add(d, slot, i + 1, slot->start, err) < 0)
            return -1;
        if (!mbr_type_is_extended(slot->type))
            continue;
        if (d->extended)
            return error_set(err, "%s: two extended partitions: " DISK_DAMAGED, d->at->where);
        d->extended = d->ebr = slot->start;
        d->extended_end = d->extended + slot->sectors;
        d->done[d->table.count - 1] = true;
    }
    return 0;
}

/* The link of an extended boot record counts from the start of the extended partition. It must lead on:
 * loops do not, and nothing can be read backwards here. */
static int follow_link(struct disk *d, const struct mbr_slot *link, uint64_t here, struct error *err)
{
    d->ebr = 0;
    if (link->type == 0)
        return 0;
    uint64_t next = d->extended + link->start;
    if (next <= here || next >= d->extended_end)
        return error_set(err,
                         "%s: the extended boot record at sector %" PRIu64 " links to sector %" PRIu64
                         ", %s: " DISK_DAMAGED,
                         d->at->where, here, next,
                         next <= here ? "which is not behind it" : "outside the extended partition");
    for (uint32_t i = 0; i < d->table.count; i++) {
        const struct media_partition *p = &d->table.partition[i];
        if (!is_container(d, p) && next >= p->start && next < p->start + p->sectors)
            return error_set(err,
                             "%s: the extended boot record at sector %" PRIu64 " links to sector %" PRIu64
                             ", inside partition %u: " DISK_DAMAGED,
                             d->at->where, here, next, p->number);
    }
    if (++d->ebrs >= EBR_MAX)
        return error_set(err, "%s: more than %d logical partitions; no hypervisor image has so many",
                         d->at->where, EBR_MAX);
    d->ebr = next;
    return 0;
}

static int add_logical(struct disk *d, const struct mbr_slot *slot, uint64_t here, struct error *err)
{
    if (slot->type == 0)
        return 0;
    uint64_t start = here + slot->start;
    unsigned number = LOGICAL_FIRST;
    for (uint32_t i = 0; i < d->table.count; i++)
        number += d->table.partition[i].number >= LOGICAL_FIRST;
    if (slot->start == 0 || start + slot->sectors > d->extended_end)
        return error_set(
            err,
            "%s: partition %u (sectors %" PRIu64 " to %" PRIu64
            ") does not lie in the extended partition (%" PRIu64 " to %" PRIu64 "): " DISK_DAMAGED,
            d->at->where, number, start, start + slot->sectors - 1, d->extended, d->extended_end - 1);
    return add(d, slot, number, start, err);
}

static int read_ebr(struct disk *d, struct error *err)
{
    uint8_t sector[MBR_SECTOR];
    struct mbr ebr;
    uint64_t here = d->ebr;
    if (stream_exact(d->s, sector, sizeof sector, "an extended boot record", err) < 0)
        return -1;
    if (!mbr_parse(sector, &ebr))
        return error_set(
            err, "%s: the extended boot record at sector %" PRIu64 " does not end in 55 aa: " DISK_DAMAGED,
            d->at->where, here);
    struct mbr_slot data = {0}, link = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct mbr_slot *into = mbr_type_is_extended(ebr.slot[i].type) ? &link : &data;
        if (ebr.slot[i].type && into->type)
            return error_set(err,
                             "%s: the extended boot record at sector %" PRIu64 " has two %s: " DISK_DAMAGED,
                             d->at->where, here, into == &link ? "links" : "partitions");
        if (ebr.slot[i].type)
            *into = ebr.slot[i];
    }
    if (add_logical(d, &data, here, err) < 0)
        return -1;
    return follow_link(d, &link, here, err);
}

static int read_gpt(struct disk *d, struct error *err)
{
    uint8_t sector[GPT_SECTOR];
    struct gpt_header header;
    if (stream_exact(d->s, sector, sizeof sector, "its first sector", err) < 0 ||
        stream_exact(d->s, sector, sizeof sector, "its GPT header", err) < 0)
        return -1;
    if (gpt_header_parse(sector, &header, err) < 0)
        return error_wrap(err, "%s", d->at->where);
    size_t size = (size_t)header.entry_count * header.entry_size;
    if (stream_skip(d->s, (header.entries_at - 2) * GPT_SECTOR, NULL, err) < 0)
        return -1;
    uint8_t *entries = quota_alloc(&d->w->quota, size, d->at->where, err);
    if (!entries)
        return -1;
    int result = stream_exact(d->s, entries, size, "its GPT entries", err);
    if (result == 0 &&
        (result = gpt_entries_parse(&header, (struct slice){entries, size}, &d->table, err)) < 0)
        error_wrap(err, "%s", d->at->where);
    quota_free(&d->w->quota, entries, size);
    for (uint32_t i = 0; result == 0 && i < d->table.count; i++)
        result = check_overlap(d, &d->table.partition[i], err);
    return result;
}

static int tell_table(struct disk *d, struct error *err)
{
    if (d->told || d->ebr)
        return 0;
    d->told = true;
    const struct media_visitor *v = d->w->visitor;
    return v->table ? v->table(v->ctx, d->at->parent, d->at->where, &d->table, err) : 0;
}

static int pass_to(struct disk *d, uint64_t sector, bool *reached, struct error *err)
{
    uint64_t at = sector * MBR_SECTOR;
    if (at < d->s->offset)
        return error_set(err, "%s: sector %" PRIu64 " is needed after what lies behind it: " DISK_DAMAGED,
                         d->at->where, sector);
    if (stream_skip(d->s, at - d->s->offset, NULL, err) < 0)
        return -1;
    struct slice next = {0};
    if (d->s->offset == at && stream_look(d->s, &next, err) < 0)
        return -1;
    *reached = next.size > 0;
    return 0;
}

static bool may_be_fat(const struct disk *d, const struct media_partition *p)
{
    return d->table.gpt ? gpt_guid_may_be_fat(p->guid) : mbr_type_is_fat(p->type);
}

static int not_there(const struct disk *d, const struct media_partition *p, uint64_t bytes, struct error *err)
{
    return error_set(err,
                     "%s: partition %u (%s) begins at sector %" PRIu64 ", but the image has only %" PRIu64
                     " sectors: it is cut short; download or copy it again",
                     d->at->where, p->number, p->system, p->start, (bytes + MBR_SECTOR - 1) / MBR_SECTOR);
}

static int walk_fat(struct disk *d, const struct media_partition *p, struct error *err)
{
    char where[STREAM_WHERE_MAX];
    snprintf(where, sizeof where, "%s: partition %u", d->at->where, p->number);
    struct place inside = *d->at;
    inside.where = where;
    inside.partition = p->number;
    struct stream *s = stream_window(d->s, p->sectors * MBR_SECTOR, where, err);
    if (!s)
        return -1;
    bool found;
    int result = fat_walk(d->w, &inside, s, &found, err);
    stream_close(s);
    if (result == 0 && !found)
        walk_note(d->w, where, "%s, but no file system that is read here: %s", p->system, err->text);
    return result;
}

static int walk_partition(struct disk *d, const struct media_partition *p, struct error *err)
{
    bool reached = false;
    if (p->type == MBR_TYPE_VMKCORE)
        return 0; /* raw space for crash dumps on every ESXi disk: nobody misses it */
    if (!may_be_fat(d, p)) {
        walk_note(d->w, d->at->where, "partition %u (%s) is passed over: only FAT is read", p->number,
                  p->system);
        return 0;
    }
    if (pass_to(d, p->start, &reached, err) < 0)
        return -1;
    return reached ? walk_fat(d, p, err) : not_there(d, p, d->s->offset, err);
}

/* What lies next: an extended boot record (row < 0) or a partition. False when nothing is left. */
static bool next_event(const struct disk *d, int *row)
{
    uint64_t first = d->ebr ? d->ebr : UINT64_MAX;
    *row = -1;
    for (uint32_t i = 0; i < d->table.count; i++) {
        if (d->done[i] || d->table.partition[i].start >= first)
            continue;
        first = d->table.partition[i].start;
        *row = (int)i;
    }
    return first != UINT64_MAX;
}

/* Logical partitions lie in the order of their numbers: behind one of them only higher ones follow. */
static bool is_enough(struct disk *d, const struct media_partition *p)
{
    const struct media_visitor *v = d->w->visitor;
    bool logical = !d->table.gpt && p->number >= LOGICAL_FIRST;
    d->w->enough = logical && v->enough && v->enough(v->ctx, d->at->parent, p->number);
    return d->w->enough;
}

/* What is known of the rest has to be there, where the size of the image is known. */
static int check_rest(const struct disk *d, struct error *err)
{
    uint64_t size = d->s->size;
    for (uint32_t i = 0; i < d->table.count; i++) {
        const struct media_partition *p = &d->table.partition[i];
        if (!d->done[i] && may_be_fat(d, p) && p->start >= size / MBR_SECTOR)
            return not_there(d, p, size, err);
    }
    if (d->ebr && d->ebr >= size / MBR_SECTOR)
        return error_set(err,
                         "%s: the next extended boot record is at sector %" PRIu64
                         ", but the image has only %" PRIu64
                         " sectors: it is cut short; download or copy it again",
                         d->at->where, d->ebr, size / MBR_SECTOR);
    return 0;
}

static int walk_events(struct disk *d, struct error *err)
{
    int row;
    while (next_event(d, &row)) {
        bool reached;
        if (tell_table(d, err) < 0)
            return -1;
        if (row < 0) {
            if (pass_to(d, d->ebr, &reached, err) < 0 || read_ebr(d, err) < 0)
                return -1;
            continue;
        }
        d->done[row] = true;
        if (walk_partition(d, &d->table.partition[row], err) < 0)
            return -1;
        if (is_enough(d, &d->table.partition[row]))
            return check_rest(d, err);
    }
    return tell_table(d, err);
}

static int bare_walk(struct walk *w, const struct place *at, struct stream *s, struct error *err)
{
    bool found;
    int result = fat_walk(w, at, s, &found, err);
    if (result == 0 && !found)
        return error_wrap(err, "%s", at->where);
    return result;
}

int disk_walk(struct walk *w, const struct place *at, struct stream *s, struct error *err)
{
    struct slice head;
    if (stream_peek(s, MBR_SECTOR, &head, err) < 0)
        return -1;
    if (fat_is_bare(head.data))
        return bare_walk(w, at, s, err);
    struct mbr mbr;
    bool gpt = false;
    mbr_parse(head.data, &mbr);
    for (unsigned i = 0; i < MBR_SLOTS; i++)
        gpt |= mbr.slot[i].type == MBR_TYPE_GPT;
    size_t size = sizeof(struct disk);
    struct disk *d = quota_alloc(&w->quota, size, at->where, err);
    if (!d)
        return -1;
    d->w = w;
    d->at = at;
    d->s = s;
    int result = gpt ? read_gpt(d, err) : read_mbr(d, head.data, err);
    if (result == 0)
        result = walk_events(d, err);
    quota_free(&w->quota, d, size);
    return result;
}
