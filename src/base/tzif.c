#include "base/tzif.h"

#include "base/wire.h"

#include <string.h>

#define MAGIC        "TZif"
#define RESERVED     15
#define TYPE_SIZE    6
#define LEAP_SIZE_V1 (4 + 4)

struct counts {
    uint32_t ut, std, leap, time, type, name;
};

static int get_header(struct wire_in *w, uint8_t *version, struct counts *out, struct error *err)
{
    struct slice magic = wire_bytes(w, strlen(MAGIC));
    if (w->bad || memcmp(magic.data, MAGIC, strlen(MAGIC)) != 0)
        return error_set(err, "this is no TZif file");
    *version = wire_u8(w);
    wire_skip(w, RESERVED);
    out->ut = wire_u32(w);
    out->std = wire_u32(w);
    out->leap = wire_u32(w);
    out->time = wire_u32(w);
    out->type = wire_u32(w);
    out->name = wire_u32(w);
    return 0;
}

/* Counts are 32 bits wide, so that the sum is no more than 64 hold. */
static void skip_block_v1(struct wire_in *w, const struct counts *n)
{
    uint64_t size = (uint64_t)n->time * (4 + 1) + (uint64_t)n->type * TYPE_SIZE + n->name +
                    (uint64_t)n->leap * LEAP_SIZE_V1 + n->std + n->ut;
    if (size > wire_left(w))
        w->bad = true;
    else
        wire_skip(w, (size_t)size);
}

static int32_t offset_of(struct slice types, uint8_t type)
{
    struct wire_in w = wire_in(types.data + (size_t)type * TYPE_SIZE, TYPE_SIZE);
    return (int32_t)wire_u32(&w);
}

/* RFC 9636, section 3.2: the times, then an index of types for each, then the types. */
static int get_changes(struct wire_in *w, const struct counts *n, int64_t from_s, struct tzif *out,
                       struct error *err)
{
    struct slice times = wire_bytes(w, (size_t)n->time * 8);
    struct slice index = wire_bytes(w, n->time);
    struct slice types = wire_bytes(w, (size_t)n->type * TYPE_SIZE);
    wire_skip(w, n->name);
    wire_skip(w, n->std);
    wire_skip(w, n->ut);
    if (w->bad || !n->type || n->leap)
        return error_set(err, n->leap ? "the file counts leap seconds" : "the file is cut short");
    out->changes[out->change_count++] = (struct zone_change){from_s, offset_of(types, 0)};
    for (uint32_t i = 0; i < n->time && out->change_count < TZIF_CHANGES_MAX; i++) {
        struct wire_in at = wire_in(times.data + (size_t)i * 8, 8);
        struct zone_change change = {.at_s = (int64_t)wire_u64(&at)};
        if (index.data[i] >= n->type)
            return error_set(err, "change %u has type %u, and there are %u", i, index.data[i], n->type);
        change.offset_s = offset_of(types, index.data[i]);
        if (change.offset_s <= -ZONE_DAY_S || change.offset_s >= ZONE_DAY_S)
            return error_set(err, "change %u: an offset of %d seconds", i, (int)change.offset_s);
        struct zone_change *last = &out->changes[out->change_count - 1];
        if (change.at_s <= from_s)
            last->offset_s = change.offset_s;
        else if (change.at_s > last->at_s)
            out->changes[out->change_count++] = change;
        else
            return error_set(err, "change %u is not later than the one before it", i);
    }
    return 0;
}

/* Section 3.3: between two newlines; empty where no rule is known, and then the last offset stays. */
static int get_rule(struct wire_in *w, struct tzif *out, struct error *err)
{
    char text[ZONE_RULE_MAX];
    size_t used = 0;
    if (wire_u8(w) != '\n')
        return error_set(err, "the file has no rule at its end");
    for (uint8_t c; (c = wire_u8(w)) != '\n';) {
        if (w->bad || !c || used + 1 == sizeof text)
            return error_set(err, "the rule at the file's end is cut short, or too long");
        text[used++] = (char)c;
    }
    text[used] = 0;
    if (used)
        return zone_rule_parse(text, &out->rule, err);
    out->rule = (struct zone_rule){.offset_s = out->changes[out->change_count - 1].offset_s};
    return 0;
}

int tzif_parse(struct slice file, int64_t from_s, struct tzif *out, struct error *err)
{
    struct wire_in w = wire_in(file.data, file.size);
    struct counts n;
    uint8_t version;
    out->change_count = 0;
    if (get_header(&w, &version, &n, err) < 0)
        return -1;
    if (version < '2')
        return error_set(err, "the file is of TZif's first version, which has no rule for later years");
    skip_block_v1(&w, &n);
    if (get_header(&w, &version, &n, err) < 0 || get_changes(&w, &n, from_s, out, err) < 0)
        return -1;
    return get_rule(&w, out, err);
}
