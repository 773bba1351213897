#include "media/bzip2_block.h"

#include <stdlib.h>
#include <string.h>

#define GROUPS_MIN     2
#define GROUPS_MAX     6
#define GROUP_SYMBOLS  50    /* coded with one table */
#define SELECTORS_MAX  18002 /* 900,000 / 50, rounded up, and the end; more are allowed and not used */
#define SYMBOLS_MAX    258   /* 256 bytes, one less for "the same again", two kinds of run, the end */
#define LENGTH_MAX     20    /* bits of a code */
#define RUN_A          0
#define RUN_B          1
#define RUN_BITS_MAX   20  /* digits of a run's length: 2 million */
#define LOOKUP_BITS    10  /* longer codes are rare: they are searched for */
#define RUN_LONGEST    255 /* of the byte that says how many more than four are equal */
#define CRC_POLYNOMIAL 0x04c11db7u

/* Entries of `next`: a byte, the position of the one that follows it, and whether a walk starts here. */
#define NEXT_SHIFT    8
#define NEXT_POSITION 0xfffffu
#define NEXT_STARTS   0x80000000u

#define WALKS      16   /* positions from which the order of bytes is followed at the same time */
#define PART_BYTES 4096 /* a walk's bytes are gathered in parts: how long it gets is not known before */
#define PARTS_MAX  (BZIP2_BLOCK_MAX / PART_BYTES + WALKS)

struct code {
    uint16_t lookup[1u << LOOKUP_BITS]; /* symbol << 5 | bits; 0: longer, or none */
    uint32_t first[LENGTH_MAX + 1];     /* the first code of that length */
    uint16_t count[LENGTH_MAX + 1];
    uint16_t offset[LENGTH_MAX + 1]; /* of its symbol */
    uint16_t symbol[SYMBOLS_MAX];    /* by code */
};

/* The checksum's remainders: of a byte and so many zero ones behind it; and what the longest run of a byte
 * adds to a checksum, by that checksum's own bytes and by the run's. */
struct crc {
    uint32_t word[8][256];
    uint32_t far[4][256], far_byte[256];
};

struct bzip2_scratch {
    uint32_t next[BZIP2_BLOCK_MAX];
    uint8_t part[PARTS_MAX][PART_BYTES];
    uint16_t part_after[PARTS_MAX];
    uint8_t selector[SELECTORS_MAX];
    struct code code[GROUPS_MAX];
    struct crc crc;
};

/* Bits from the highest of each byte. Behind the end come zeros, and `left` turns negative. */
struct bits {
    const uint8_t *at, *end;
    uint64_t window; /* the next ones, from the top */
    int left;        /* in the window */
};

/* What the header of a block says, and the work on it. */
struct job {
    struct bzip2_scratch *s;
    struct bits in;
    struct bzip2_block *out;
    uint32_t origin;
    unsigned used; /* bytes that occur */
    uint8_t byte[256];
    unsigned groups, selectors;
    uint32_t count[256]; /* of each byte in the block */
    uint32_t size;       /* of the block */
};

/* --- checksum --- */

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return __builtin_bswap64(v);
}

static uint32_t crc_word(const uint32_t t[8][256], uint32_t crc, uint64_t word)
{
    uint64_t v = word ^ (uint64_t)crc << 32;
    return t[7][v >> 56] ^ t[6][v >> 48 & 255] ^ t[5][v >> 40 & 255] ^ t[4][v >> 32 & 255] ^
           t[3][v >> 24 & 255] ^ t[2][v >> 16 & 255] ^ t[1][v >> 8 & 255] ^ t[0][v & 255];
}

static uint32_t crc_bytes(const uint32_t t[8][256], uint32_t crc, const uint8_t *at, size_t size)
{
    for (; size >= 8; at += 8, size -= 8)
        crc = crc_word(t, crc, load64(at));
    for (; size; at++, size--)
        crc = crc << 8 ^ t[0][crc >> 24 ^ *at];
    return crc;
}

static uint32_t crc_repeat(const uint32_t t[8][256], uint32_t crc, uint8_t byte, unsigned count)
{
    uint64_t word = byte * 0x0101010101010101u;
    for (; count >= 8; count -= 8)
        crc = crc_word(t, crc, word);
    for (; count; count--)
        crc = crc << 8 ^ t[0][crc >> 24 ^ byte];
    return crc;
}

static void crc_prepare(struct crc *c)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t v = b << 24;
        for (unsigned bit = 0; bit < 8; bit++)
            v = v & 0x80000000u ? v << 1 ^ CRC_POLYNOMIAL : v << 1;
        c->word[0][b] = v;
    }
    for (unsigned k = 1; k < 8; k++)
        for (uint32_t b = 0; b < 256; b++)
            c->word[k][b] = c->word[k - 1][b] << 8 ^ c->word[0][c->word[k - 1][b] >> 24];
    for (uint32_t b = 0; b < 256; b++) {
        for (unsigned k = 0; k < 4; k++)
            c->far[k][b] = crc_repeat(c->word, b << 8 * k, 0, RUN_LONGEST);
        c->far_byte[b] = crc_repeat(c->word, 0, (uint8_t)b, RUN_LONGEST);
    }
}

/* A disk's empty space is such runs. */
static uint32_t crc_longest(const struct crc *c, uint32_t crc, uint8_t byte)
{
    return c->far[3][crc >> 24] ^ c->far[2][crc >> 16 & 255] ^ c->far[1][crc >> 8 & 255] ^
           c->far[0][crc & 255] ^ c->far_byte[byte];
}

/* --- bits --- */

/* At least 56 bits, while there are as many. */
static inline void refill(struct bits *b)
{
    if (b->end - b->at >= 8) {
        b->window |= load64(b->at) >> b->left;
        int bytes = (63 - b->left) >> 3;
        b->at += bytes;
        b->left += 8 * bytes;
        return;
    }
    for (; b->left <= 56 && b->at < b->end; b->left += 8)
        b->window |= (uint64_t)*b->at++ << (56 - b->left);
}

static inline void drop(struct bits *b, unsigned count)
{
    b->window <<= count;
    b->left -= (int)count;
}

static uint32_t take(struct bits *b, unsigned count) /* 1 to 32 */
{
    if (b->left < 32)
        refill(b);
    uint32_t v = (uint32_t)(b->window >> (64 - count));
    drop(b, count);
    return v;
}

/* --- the header of a block --- */

static bool bad(struct job *j, const char *why)
{
    j->out->why = why;
    return false;
}

static bool read_bytes_used(struct job *j)
{
    uint32_t rows = take(&j->in, 16);
    for (unsigned row = 0; row < 16; row++) {
        if (!(rows & 0x8000u >> row))
            continue;
        uint32_t columns = take(&j->in, 16);
        for (unsigned i = 0; i < 16; i++)
            if (columns & 0x8000u >> i)
                j->byte[j->used++] = (uint8_t)(16 * row + i);
    }
    return j->used > 0 || bad(j, "a block without bytes");
}

static bool read_selectors(struct job *j)
{
    uint8_t recent[GROUPS_MAX] = {0, 1, 2, 3, 4, 5};
    j->groups = take(&j->in, 3);
    j->selectors = take(&j->in, 15);
    if (j->groups < GROUPS_MIN || j->groups > GROUPS_MAX || j->selectors == 0)
        return bad(j, "a block without code tables");
    for (unsigned i = 0; i < j->selectors; i++) {
        unsigned place = 0;
        while (take(&j->in, 1))
            if (++place >= j->groups)
                return bad(j, "a code table that does not exist");
        uint8_t group = recent[place];
        memmove(recent + 1, recent, place);
        recent[0] = group;
        if (i < SELECTORS_MAX)
            j->s->selector[i] = group;
        if (j->in.left < 0)
            return false;
    }
    return true;
}

/* Codes of each length count up from where the shorter ones end. Fails when there are too many. */
static bool code_build(struct code *c, const uint8_t *length, unsigned symbols)
{
    uint32_t code = 0;
    uint16_t at = 0;
    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < symbols; i++)
        c->count[length[i]]++;
    for (unsigned bits = 1; bits <= LENGTH_MAX; bits++) {
        code <<= 1;
        c->first[bits] = code;
        c->offset[bits] = at;
        for (unsigned i = 0; i < symbols; i++) {
            if (length[i] != bits)
                continue;
            c->symbol[at++] = (uint16_t)i;
            if (code >= 1u << bits)
                return false;
            unsigned same = bits <= LOOKUP_BITS ? 1u << (LOOKUP_BITS - bits) : 0;
            for (unsigned k = 0; k < same; k++)
                c->lookup[code * same + k] = (uint16_t)(i << 5 | bits);
            code++;
        }
    }
    return true;
}

static bool read_codes(struct job *j)
{
    unsigned symbols = j->used + 2;
    for (unsigned g = 0; g < j->groups; g++) {
        uint8_t length[SYMBOLS_MAX];
        uint32_t now = take(&j->in, 5);
        for (unsigned i = 0; i < symbols; i++) {
            for (;;) {
                if (now < 1 || now > LENGTH_MAX)
                    return bad(j, "a code of impossible length");
                if (!take(&j->in, 1))
                    break;
                now += take(&j->in, 1) ? -1u : 1u;
            }
            length[i] = (uint8_t)now;
        }
        if (!code_build(&j->s->code[g], length, symbols))
            return bad(j, "a code table with too many codes");
    }
    return true;
}

/* --- symbols: bytes by how recently they occurred, in the order the transform left them --- */

static unsigned long_code(const struct code *c, struct bits *in)
{
    for (unsigned bits = LOOKUP_BITS + 1; bits <= LENGTH_MAX; bits++) {
        uint32_t place = (uint32_t)(in->window >> (64 - bits)) - c->first[bits];
        if (place < c->count[bits]) {
            drop(in, bits);
            return c->symbol[c->offset[bits] + place];
        }
    }
    return SYMBOLS_MAX;
}

static inline unsigned read_symbol(const struct code *c, struct bits *in)
{
    if (in->left < LENGTH_MAX)
        refill(in);
    uint16_t found = c->lookup[in->window >> (64 - LOOKUP_BITS)];
    if (!found)
        return long_code(c, in);
    drop(in, found & 31);
    return found >> 5;
}

struct symbols {
    uint8_t recent[256];
    uint32_t size; /* bytes so far */
    uint32_t run;  /* of recent[0], not yet written */
    unsigned run_bits;
};

static bool end_run(struct job *j, struct symbols *y)
{
    if (y->run > BZIP2_BLOCK_MAX - y->size)
        return bad(j, "a block that is too long");
    memset(j->out->bytes + y->size, y->recent[0], y->run);
    j->count[y->recent[0]] += y->run;
    y->size += y->run;
    y->run = y->run_bits = 0;
    return true;
}

/* The symbols of one group. *end: the last was the end of the block. */
static bool read_group(struct job *j, struct symbols *y, const struct code *c, bool *end)
{
    unsigned last = j->used + 1;
    struct bits in = j->in;
    bool fine = true;
    for (unsigned i = 0; i < GROUP_SYMBOLS && !*end; i++) {
        unsigned symbol = read_symbol(c, &in);
        if (symbol <= RUN_B) {
            if (y->run_bits > RUN_BITS_MAX) {
                fine = bad(j, "a run that is too long");
                break;
            }
            y->run += (symbol + 1) << y->run_bits++;
            continue;
        }
        fine = end_run(j, y);
        *end = symbol == last;
        if (!fine || *end)
            break;
        if (symbol > last || y->size == BZIP2_BLOCK_MAX) {
            fine = bad(j, symbol > last ? "a code that means nothing" : "a block that is too long");
            break;
        }
        uint8_t byte = y->recent[symbol - 1];
        memmove(y->recent + 1, y->recent, symbol - 1);
        y->recent[0] = byte;
        j->count[byte]++;
        j->out->bytes[y->size++] = byte;
    }
    j->in = in;
    return fine;
}

static bool read_symbols(struct job *j)
{
    struct symbols y = {0};
    bool end = false;
    memcpy(y.recent, j->byte, sizeof y.recent);
    unsigned known = j->selectors < SELECTORS_MAX ? j->selectors : SELECTORS_MAX;
    for (unsigned i = 0; i < known && !end && j->in.left >= 0; i++)
        if (!read_group(j, &y, &j->s->code[j->s->selector[i]], &end))
            return false;
    j->size = y.size;
    if (!end)
        return bad(j, "a block without an end");
    return j->origin < y.size || bad(j, "a block whose origin lies outside it");
}

/* --- the transform: sorted rotations back to the text --- */

static void link_bytes(struct job *j)
{
    uint32_t at[256], sum = 0;
    for (unsigned b = 0; b < 256; b++) {
        at[b] = sum;
        sum += j->count[b];
    }
    const uint8_t *bytes = j->out->bytes;
    for (uint32_t i = 0; i < j->size; i++)
        j->s->next[at[bytes[i]]++] = i << NEXT_SHIFT | bytes[i];
}

struct walk {
    uint32_t position;
    unsigned number;
    uint8_t *to, *part_end;
};

struct piece {
    uint32_t start, end; /* positions: of the first byte, and behind the last one */
    unsigned part, last_part;
    size_t size; /* bytes */
};

struct walks {
    struct bzip2_scratch *s;
    unsigned active, parts, count;
    struct walk walk[WALKS];
    struct piece piece[WALKS];
};

static void next_part(struct walks *w, struct walk *k)
{
    struct piece *p = &w->piece[k->number];
    unsigned part = w->parts++;
    if (k->to)
        w->s->part_after[p->last_part] = (uint16_t)part;
    else
        p->part = part;
    p->last_part = part;
    k->to = w->s->part[part];
    k->part_end = k->to + PART_BYTES;
}

static void start_walk(struct walks *w, uint32_t position)
{
    if (w->s->next[position] & NEXT_STARTS)
        return;
    struct walk *k = &w->walk[w->active++];
    *k = (struct walk){.number = w->count++};
    w->piece[k->number] = (struct piece){.start = position};
    next_part(w, k);
    *k->to++ = (uint8_t)w->s->next[position];
    k->position = w->s->next[position] >> NEXT_SHIFT & NEXT_POSITION;
    w->s->next[position] |= NEXT_STARTS;
}

static void end_walk(struct walks *w, unsigned i)
{
    struct walk *k = &w->walk[i];
    struct piece *p = &w->piece[k->number];
    p->end = k->position;
    for (unsigned part = p->part; part != p->last_part; part = w->s->part_after[part])
        p->size += PART_BYTES;
    p->size += (size_t)(k->to - w->s->part[p->last_part]);
    *k = w->walk[--w->active];
}

static void copy_piece(const struct walks *w, const struct piece *p, uint8_t *to, size_t size)
{
    for (unsigned part = p->part; size; part = w->s->part_after[part]) {
        size_t n = size < PART_BYTES ? size : PART_BYTES;
        memcpy(to, w->s->part[part], n);
        to += n;
        size -= n;
    }
}

/*
 * Each byte names the position of the one behind it, anywhere in 3.6 MB: one walk waits for memory at each
 * step. Several from different positions wait together. Each ends where another starts; then they are put in
 * order. Positions form a ring, or several when the text repeats itself: then what the first meets comes
 * again.
 */
static void restore_order(struct job *j)
{
    struct walks w = {.s = j->s};
    uint32_t size = j->size;
    start_walk(&w, j->origin);
    for (unsigned i = 1; i < WALKS; i++)
        start_walk(&w, (uint32_t)((j->origin + (uint64_t)i * size / WALKS) % size));
    while (w.active) {
        for (unsigned i = 0; i < w.active; i++) {
            struct walk *k = &w.walk[i];
            uint32_t entry = j->s->next[k->position];
            if (entry & NEXT_STARTS) {
                end_walk(&w, i--);
                continue;
            }
            if (k->to == k->part_end)
                next_part(&w, k);
            *k->to++ = (uint8_t)entry;
            k->position = entry >> NEXT_SHIFT;
        }
    }
    const struct piece *p = w.piece;
    for (uint32_t done = 0; done < size;) {
        size_t n = p->size < size - done ? p->size : size - done;
        copy_piece(&w, p, j->out->bytes + done, n);
        done += (uint32_t)n;
        const struct piece *follows = w.piece;
        while (follows->start != p->end)
            follows++;
        p = follows;
    }
}

/* --- runs: four equal bytes and how often more --- */

struct bzip2_runs bzip2_runs_of(const struct bzip2_block *block)
{
    return (struct bzip2_runs){.at = block->bytes, .end = block->bytes + block->size};
}

/* The next stretch of plain bytes, and the run behind it. False when a run's length is missing. */
static bool next_run(struct bzip2_runs *r)
{
    const uint8_t *p = r->at;
    for (; r->end - p >= 4; p++) {
        if (p[3] != p[2]) {
            p += 2;
            continue;
        }
        if (p[1] == p[0] && p[2] == p[1])
            break;
    }
    r->plain = (struct slice){r->at, (size_t)(r->end - r->at)};
    r->repeat = 0;
    if (r->end - p < 4) {
        r->at = r->end;
        return true;
    }
    r->plain.size = (size_t)(p + 4 - r->at);
    if (r->end - p == 4)
        return false;
    r->byte = p[0];
    r->repeat = p[4];
    r->at = p + 5;
    return true;
}

size_t bzip2_runs_read(struct bzip2_runs *r, uint8_t *to, size_t room)
{
    size_t done = 0;
    while (done < room) {
        if (!r->plain.size && !r->repeat) {
            if (r->at == r->end || !next_run(r))
                break;
        }
        size_t n = r->plain.size < room - done ? r->plain.size : room - done;
        if (to && n)
            memcpy(to + done, r->plain.data, n);
        r->plain.data += n;
        r->plain.size -= n;
        done += n;
        n = r->repeat < room - done ? r->repeat : room - done;
        if (r->plain.size)
            continue;
        if (to && n)
            memset(to + done, r->byte, n);
        r->repeat -= (unsigned)n;
        done += n;
    }
    return done;
}

static bool check_crc(struct job *j)
{
    const struct crc *c = &j->s->crc;
    struct bzip2_runs r = bzip2_runs_of(j->out);
    uint32_t crc = UINT32_MAX;
    while (r.at < r.end) {
        if (!next_run(&r))
            return bad(j, "a block that ends within a run");
        crc = crc_bytes(c->word, crc, r.plain.data, r.plain.size);
        crc = r.repeat == RUN_LONGEST ? crc_longest(c, crc, r.byte)
                                      : crc_repeat(c->word, crc, r.byte, r.repeat);
    }
    return ~crc == j->out->crc || bad(j, "a block does not match its checksum");
}

/* --- all of it --- */

struct bzip2_scratch *bzip2_scratch_new(void)
{
    _Static_assert(sizeof(struct bzip2_scratch) <= BZIP2_SCRATCH_BYTES, "the number told to the quota");
    struct bzip2_scratch *s = malloc(sizeof *s);
    if (s)
        crc_prepare(&s->crc);
    return s;
}

void bzip2_scratch_free(struct bzip2_scratch *s)
{
    free(s);
}

static bool read_block(struct job *j)
{
    return read_bytes_used(j) && read_selectors(j) && read_codes(j) && read_symbols(j);
}

enum bzip2_verdict bzip2_block_unpack(struct bzip2_scratch *s, struct bzip2_block *b)
{
    struct job j = {.s = s, .in = {.at = b->packed.data, .end = b->packed.data + b->packed.size}, .out = b};
    refill(&j.in);
    drop(&j.in, b->bit);
    take(&j.in, BZIP2_MARK_BITS / 2);
    take(&j.in, BZIP2_MARK_BITS / 2);
    b->crc = take(&j.in, 32);
    bool old = take(&j.in, 1);
    j.origin = take(&j.in, 24);
    if (old && j.in.left >= 0)
        return BZIP2_OLD;
    bool sound = read_block(&j);
    if (j.in.left < 0)
        return BZIP2_SHORT; /* whatever else is wrong is because of the zeros that were read */
    if (!sound)
        return BZIP2_BAD;
    b->end_bit = (uint64_t)(j.in.at - b->packed.data) * 8 - (unsigned)j.in.left;
    b->size = j.size;
    link_bytes(&j);
    restore_order(&j);
    return check_crc(&j) ? BZIP2_SOUND : BZIP2_BAD;
}
