#include "media/bzip2_reader.h"

#include <assert.h>
#include <string.h>

#define STEP       (64u << 10) /* bytes added to a piece before marks are looked for again */
#define SLACK      8           /* bytes behind a piece that may be loaded with its last ones */
#define CARRY_MAX  (STEP + 64)
#define STRIDE     4 /* a mark covers the 16 bits at one of any four bytes in a row: 33 places in its 48 bits */
#define MARK_PAIRS (BZIP2_MARK_BITS - 16)

struct bzip2_reader {
    struct stream *in;       /* borrowed */
    bool ended;              /* `in` has no more */
    bool held;               /* nothing is read until the last piece is extended */
    bool cut;                /* the last piece ends at a mark, and what follows from there is in `carry` */
    struct bzip2_piece mark; /* kind and place of that; its bytes are the carry's */
    uint64_t after;          /* marks begin behind this bit */
    uint64_t scanned;        /* bytes of the file in which no mark is left to be found */
    uint8_t carry[CARRY_MAX + SLACK];
    uint8_t pairs[(1u << 16) / 8]; /* a bit for each two bytes that occur in a mark, at whatever bit */
};

static void add_pairs(struct bzip2_reader *r, uint64_t mark)
{
    for (unsigned i = 0; i <= MARK_PAIRS; i++) {
        unsigned pair = mark >> i & 0xffff;
        r->pairs[pair / 8] |= (uint8_t)(1u << pair % 8);
    }
}

struct bzip2_reader *bzip2_reader_new(struct stream *in, struct error *err)
{
    struct bzip2_reader *r = quota_alloc(in->quota, sizeof *r, in->where, err);
    if (!r)
        return NULL;
    r->in = in;
    r->cut = true; /* the first piece begins where the file does */
    r->mark = (struct bzip2_piece){.kind = BZIP2_START, .bytes = r->carry, .base = in->offset};
    add_pairs(r, BZIP2_BLOCK_MARK);
    add_pairs(r, BZIP2_END_MARK);
    return r;
}

void bzip2_reader_free(struct bzip2_reader *r)
{
    if (r)
        quota_free(r->in->quota, r, sizeof *r);
}

bool bzip2_reader_more_blocks(const struct bzip2_reader *r)
{
    return r->cut && r->mark.kind == BZIP2_BLOCK;
}

bool bzip2_reader_held(const struct bzip2_reader *r)
{
    return r->held;
}

bool bzip2_reader_ended(const struct bzip2_reader *r)
{
    return r->ended && !r->cut;
}

/* --- pieces --- */

uint64_t bzip2_piece_at(const struct bzip2_piece *p)
{
    return p->base * 8 + p->bit;
}

size_t bzip2_piece_behind(const struct bzip2_piece *p)
{
    size_t behind = p->kind == BZIP2_START ? 0 : (p->bit + BZIP2_END_BITS + 7) / 8;
    return behind < p->size ? behind : p->size;
}

uint32_t bzip2_piece_crc(const struct bzip2_piece *p)
{
    uint64_t word = 0; /* of the 40 bits from the byte in which it begins */
    for (unsigned i = 0; i < 5; i++) {
        size_t at = (p->bit + BZIP2_MARK_BITS) / 8 + i;
        word = word << 8 | (at < p->size ? p->bytes[at] : 0);
    }
    return (uint32_t)(word >> (8 - (p->bit + BZIP2_MARK_BITS) % 8));
}

bool bzip2_piece_goes_on(const struct bzip2_piece *p)
{
    size_t behind = bzip2_piece_behind(p);
    return p->size - behind >= BZIP2_MAGIC_SIZE &&
           memcmp(p->bytes + behind, BZIP2_MAGIC, BZIP2_MAGIC_SIZE) == 0;
}

static int piece_append(struct bzip2_piece *p, const uint8_t *bytes, size_t size, struct quota *quota,
                        const char *where, struct error *err)
{
    size_t needed = p->size + size + SLACK;
    if (needed > p->room) {
        size_t room = p->room ? 2 * p->room : BZIP2_PIECE_ROOM;
        if (room < needed)
            room = needed;
        uint8_t *grown = quota_alloc(quota, room, where, err);
        if (!grown)
            return -1;
        if (p->size)
            memcpy(grown, p->bytes, p->size);
        quota_free(quota, p->bytes, p->room);
        p->bytes = grown;
        p->room = room;
    }
    memcpy(p->bytes + p->size, bytes, size);
    p->size += size;
    return 0;
}

int bzip2_piece_join(struct bzip2_piece *p, const struct bzip2_piece *next, struct quota *quota,
                     const char *where, struct error *err)
{
    p->size = (size_t)(next->base - p->base); /* the byte in which the mark begins is in both */
    return piece_append(p, next->bytes, next->size, quota, where, err);
}

/* --- marks --- */

static bool find_near(const struct bzip2_reader *r, const struct bzip2_piece *p, size_t at, uint64_t *bit,
                      enum bzip2_kind *kind)
{
    uint64_t last = at * 8, first = last > MARK_PAIRS ? last - MARK_PAIRS : 0;
    for (uint64_t i = first; i <= last; i++) {
        uint64_t word;
        memcpy(&word, p->bytes + i / 8, sizeof word);
        uint64_t mark = __builtin_bswap64(word) << i % 8 >> (64 - BZIP2_MARK_BITS);
        if (p->base * 8 + i <= r->after || (mark != BZIP2_BLOCK_MARK && mark != BZIP2_END_MARK))
            continue;
        *bit = i;
        *kind = mark == BZIP2_END_MARK ? BZIP2_END : BZIP2_BLOCK;
        return true;
    }
    return false;
}

/* The first mark among the bytes that were not looked at before. */
static bool find_mark(struct bzip2_reader *r, const struct bzip2_piece *p, uint64_t *bit,
                      enum bzip2_kind *kind)
{
    size_t at = r->scanned > p->base ? (size_t)(r->scanned - p->base) : 0;
    bool found = false;
    for (; !found && at + BZIP2_MARK_BITS / 8 <= p->size; at += STRIDE) {
        unsigned pair = (unsigned)p->bytes[at] << 8 | p->bytes[at + 1];
        if (r->pairs[pair / 8] & 1u << pair % 8)
            found = find_near(r, p, at, bit, kind);
    }
    r->scanned = p->base + at;
    return found;
}

static void cut(struct bzip2_reader *r, struct bzip2_piece *p, uint64_t bit, enum bzip2_kind kind)
{
    size_t byte = (size_t)(bit / 8);
    r->mark.kind = kind;
    r->mark.base = p->base + byte;
    r->mark.bit = bit % 8;
    r->mark.size = p->size - byte;
    assert(r->mark.size <= CARRY_MAX); /* marks before the last step's bytes were found before it */
    memcpy(r->carry, p->bytes + byte, r->mark.size);
    p->size = byte + (bit % 8 ? 1 : 0);
    r->cut = true;
}

static int read_step(struct bzip2_reader *r, struct bzip2_piece *p, struct error *err)
{
    struct slice in;
    if (stream_look(r->in, &in, err) < 0)
        return -1;
    size_t size = in.size < STEP ? in.size : STEP;
    r->ended = size == 0;
    if (size && piece_append(p, in.data, size, r->in->quota, r->in->where, err) < 0)
        return -1;
    stream_consume(r->in, size);
    return 0;
}

/* Adds to a piece until a mark, or the end, or what cannot be one piece; where `hold`, to an end only until
 * it is known whether a stream follows. */
static int grow(struct bzip2_reader *r, struct bzip2_piece *p, bool hold, struct error *err)
{
    uint64_t bit;
    enum bzip2_kind kind;
    for (;;) {
        bool told =
            !hold || r->ended || p->size >= bzip2_piece_behind(p) + BZIP2_HEADER_SIZE + BZIP2_END_BITS / 8;
        if (told && hold && !bzip2_piece_goes_on(p)) {
            r->held = true;
            return 0;
        }
        if (told && find_mark(r, p, &bit, &kind)) {
            cut(r, p, bit, kind);
            return 0;
        }
        if (r->ended)
            return 0;
        if (p->size >= BZIP2_PACKED_MAX) {
            r->held = true;
            return 0;
        }
        if (read_step(r, p, err) < 0)
            return -1;
    }
}

int bzip2_reader_next(struct bzip2_reader *r, struct bzip2_piece *p, bool *more, struct error *err)
{
    p->size = 0;
    *more = r->cut;
    if (!r->cut)
        return 0;
    r->cut = false;
    p->kind = r->mark.kind;
    p->base = r->mark.base;
    p->bit = r->mark.bit;
    r->after = p->kind == BZIP2_START ? 0 : bzip2_piece_at(p);
    r->scanned = p->base;
    if (piece_append(p, r->carry, r->mark.size, r->in->quota, r->in->where, err) < 0)
        return -1;
    return grow(r, p, p->kind != BZIP2_BLOCK, err);
}

int bzip2_reader_extend(struct bzip2_reader *r, struct bzip2_piece *p, bool *more, struct error *err)
{
    *more = (r->cut || r->held || !r->ended) && p->size < BZIP2_PACKED_MAX;
    if (!*more)
        return 0;
    if (r->cut) {
        r->after = bzip2_piece_at(&r->mark);
        r->scanned = r->mark.base;
        if (bzip2_piece_join(p, &r->mark, r->in->quota, r->in->where, err) < 0)
            return -1;
    }
    r->cut = r->held = false;
    return grow(r, p, false, err);
}
