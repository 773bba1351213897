/*
 * bzip2: pieces are read ahead, unpacked on all cores, and given in their order. What is told of damage is
 * what a reader from front to back meets first: a block counts when it begins where the one before it ended.
 */
#include "media/bzip2_pool.h"
#include "media/bzip2_reader.h"
#include "media/unpack.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#define NAME "bzip2"

/* Threads are started only when so much memory is left for what is unpacked from the stream: a FAT16 holds
 * back at most 8 MiB. */
#define MEMORY_LEFT  (9u << 20)
#define SLOTS_MAX    (BZIP2_THREADS_MAX + 1) /* one is being given while all threads work */
#define THREADS_FROM 2                       /* blocks: what is smaller is not worth threads */
#define SLOT_BYTES   (BZIP2_PIECE_ROOM + BZIP2_BLOCK_MAX)

struct slot {
    struct bzip2_piece piece;
    struct bzip2_job job; /* of a block */
    uint8_t *bytes;       /* BZIP2_BLOCK_MAX, owned; NULL until a block comes */
};

struct bzip2 {
    struct stream base;
    struct stream *in; /* borrowed */
    struct bzip2_reader *reader;
    struct bzip2_pool *pool;
    struct slot slot[SLOTS_MAX];
    struct slot *ring[SLOTS_MAX];
    unsigned slots, first, count;
    unsigned blocks; /* read so far, THREADS_FROM at most */
    bool threads;
    uint64_t due;   /* the bit of the file at which the next mark has to be */
    unsigned level; /* of the stream that is read */
    uint32_t crc;   /* of its blocks so far */
    bool given;     /* the first slot's block is what `runs` gives */
    bool complete;  /* nothing follows */
    uint64_t made;  /* bytes unpacked */
    uint8_t *block; /* STREAM_BLOCK bytes, owned */
    struct bzip2_runs runs;
};

static int damaged(const struct bzip2 *b, uint64_t byte, const char *why, struct error *err)
{
    return unpack_damaged(b->in, NAME, byte, why, err);
}

static int cut_short(const struct bzip2 *b, struct error *err)
{
    return stream_cut_short(b->in, NAME " data", err);
}

/* --- the ring --- */

static struct slot *slot_at(struct bzip2 *b, unsigned place)
{
    return b->ring[(b->first + place) % b->slots];
}

static void pop(struct bzip2 *b)
{
    struct slot *s = slot_at(b, 0);
    if (s->piece.kind == BZIP2_BLOCK)
        bzip2_pool_wait(b->pool, &s->job);
    b->first = (b->first + 1) % b->slots;
    b->count--;
}

/* As many as there are cores, and memory for. One stream of a walk has them: bzip2 within bzip2 gets no
 * faster by more. */
static unsigned threads_wanted(const struct quota *q)
{
    cpu_set_t set;
    unsigned threads = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;
    if (threads > BZIP2_THREADS_MAX)
        threads = BZIP2_THREADS_MAX;
    for (; threads > 1; threads--) {
        size_t memory = (threads - 1) * BZIP2_SCRATCH_BYTES + threads * SLOT_BYTES + MEMORY_LEFT;
        if (!q->threads && memory <= QUOTA_MEMORY_MAX - q->memory)
            return threads;
    }
    return 0;
}

/* The ring, of one slot, is empty, and the next block is about to be submitted. */
static void start_threads(struct bzip2 *b)
{
    struct quota *q = b->base.quota;
    unsigned wanted = threads_wanted(q), threads = wanted ? bzip2_pool_start(b->pool, wanted) : 0;
    if (!threads)
        return;
    q->threads = b->threads = true;
    b->slots += threads;
}

static int submit(struct bzip2 *b, struct slot *s, struct error *err)
{
    struct quota *q = b->base.quota;
    if (!s->bytes && !(s->bytes = quota_alloc(q, BZIP2_BLOCK_MAX, b->in->where, err)))
        return -1;
    s->job.block = (struct bzip2_block){
        .packed = {s->piece.bytes, s->piece.size}, .bit = s->piece.bit, .bytes = s->bytes};
    bzip2_pool_submit(b->pool, &s->job);
    return 0;
}

static int read_ahead(struct bzip2 *b, struct error *err)
{
    while (b->count < b->slots) {
        bool more;
        struct slot *s = slot_at(b, b->count);
        if (bzip2_reader_next(b->reader, &s->piece, &more, err) < 0)
            return -1;
        if (!more)
            return 0;
        if (s->piece.kind == BZIP2_BLOCK) {
            if (b->blocks < THREADS_FROM && ++b->blocks == THREADS_FROM &&
                bzip2_reader_more_blocks(b->reader))
                start_threads(b);
            if (submit(b, s, err) < 0)
                return -1;
        }
        b->count++;
    }
    return 0;
}

/* The first piece ended at a mark that was none. *more is false when there is nothing to add. */
static int extend_first(struct bzip2 *b, bool *more, struct error *err)
{
    struct slot *s = slot_at(b, 0);
    if (b->count == 1)
        return bzip2_reader_extend(b->reader, &s->piece, more, err);
    struct slot *next = slot_at(b, 1);
    if (next->piece.kind == BZIP2_BLOCK)
        bzip2_pool_wait(b->pool, &next->job);
    *more = true;
    if (bzip2_piece_join(&s->piece, &next->piece, b->base.quota, b->in->where, err) < 0)
        return -1;
    for (unsigned i = 1; i + 1 < b->count; i++)
        b->ring[(b->first + i) % b->slots] = slot_at(b, i + 1);
    b->ring[(b->first + --b->count) % b->slots] = next;
    bool rest = b->count == 1 && bzip2_reader_held(b->reader);
    return rest ? bzip2_reader_extend(b->reader, &s->piece, more, err) : 0;
}

/* --- blocks and ends --- */

static int unpack_first(struct bzip2 *b, struct error *err)
{
    struct slot *s = slot_at(b, 0);
    struct bzip2_block *block = &s->job.block;
    bool more = true;
    for (;;) {
        bzip2_pool_wait(b->pool, &s->job);
        if (s->job.verdict != BZIP2_SHORT)
            break;
        if (extend_first(b, &more, err) < 0)
            return -1;
        if (!more && bzip2_reader_ended(b->reader))
            return cut_short(b, err);
        if (!more || s->piece.size > BZIP2_PACKED_MAX)
            return damaged(b, s->piece.base + s->piece.size, "a block that is too long", err);
        if (submit(b, s, err) < 0)
            return -1;
    }
    if (s->job.verdict == BZIP2_OLD)
        return error_set(err,
                         "%s: the " NAME
                         " data was packed by bzip2 0.9.0 or older, in a way that is not read here: "
                         "unpack it with bunzip2 and pack it again",
                         b->in->where);
    if (s->job.verdict == BZIP2_SOUND && block->size > (size_t)b->level * BZIP2_LEVEL_BYTES) {
        s->job.verdict = BZIP2_BAD;
        block->why = "a block that is too long";
    }
    if (s->job.verdict == BZIP2_BAD)
        return damaged(b, s->piece.base + s->piece.size, block->why, err);
    b->crc = (b->crc << 1 | b->crc >> 31) ^ block->crc;
    b->due = s->piece.base * 8 + block->end_bit;
    b->runs = bzip2_runs_of(block);
    b->given = true;
    return 0;
}

/* What follows a stream: another one's header, or nothing but zeros. */
static int pass_header(struct bzip2 *b, struct error *err)
{
    const struct bzip2_piece *p = &slot_at(b, 0)->piece;
    size_t behind = bzip2_piece_behind(p);
    uint64_t at = p->base + behind;
    if (!bzip2_piece_goes_on(p)) {
        if (p->kind == BZIP2_START)
            return damaged(b, at, "no bzip2 header", err);
        b->complete = true;
        return unpack_padding(b->in, NAME, at, (struct slice){p->bytes + behind, p->size - behind}, err);
    }
    if (p->size - behind < BZIP2_HEADER_SIZE)
        return cut_short(b, err);
    b->level = p->bytes[behind + BZIP2_MAGIC_SIZE] - (unsigned)'0';
    if (b->level < 1 || b->level > 9)
        return damaged(b, at + BZIP2_HEADER_SIZE, "no bzip2 header", err);
    b->crc = 0;
    b->due = (at + BZIP2_HEADER_SIZE) * 8;
    return 0;
}

static int end_stream(struct bzip2 *b, struct error *err)
{
    struct bzip2_piece *p = &slot_at(b, 0)->piece;
    bool more = true;
    while (more && p->size * 8 - p->bit < BZIP2_END_BITS)
        if (extend_first(b, &more, err) < 0)
            return -1;
    if (!more)
        return cut_short(b, err);
    if (bzip2_piece_crc(p) != b->crc)
        return damaged(b, p->base + bzip2_piece_behind(p), "the whole does not match its checksum", err);
    return 0;
}

/* No mark begins where one is due. */
static int no_mark(struct bzip2 *b, struct error *err)
{
    if (bzip2_reader_ended(b->reader) && b->in->offset * 8 < b->due + BZIP2_END_BITS)
        return cut_short(b, err);
    return damaged(b, b->due / 8 + 1, "a block or the end is due and there is none", err);
}

static int next_block(struct bzip2 *b, struct error *err)
{
    if (b->given)
        pop(b);
    b->given = false;
    while (!b->given && !b->complete) {
        if (read_ahead(b, err) < 0)
            return -1;
        struct bzip2_piece *p = b->count ? &slot_at(b, 0)->piece : NULL;
        if (!p || (p->kind != BZIP2_START && bzip2_piece_at(p) > b->due))
            return no_mark(b, err);
        if (p->kind == BZIP2_BLOCK && bzip2_piece_at(p) == b->due) {
            if (unpack_first(b, err) < 0)
                return -1;
            continue;
        }
        bool counts = p->kind == BZIP2_START || bzip2_piece_at(p) == b->due;
        if (counts && ((p->kind == BZIP2_END && end_stream(b, err) < 0) || pass_header(b, err) < 0))
            return -1;
        pop(b);
    }
    return 0;
}

/* --- the stream --- */

static int bzip2_fill(struct stream *s, struct slice *out, struct error *err)
{
    struct bzip2 *b = (struct bzip2 *)s;
    size_t size;
    *out = (struct slice){0};
    while ((size = bzip2_runs_read(&b->runs, b->block, STREAM_BLOCK)) == 0 && !b->complete)
        if (next_block(b, err) < 0)
            return -1;
    *out = (struct slice){b->block, size};
    return quota_unpacked(s->quota, &b->made, size, s->where, err);
}

/* Within what is unpacked already: long runs of zeros are not worth writing. */
static int bzip2_skip(struct stream *s, uint64_t size, uint64_t *skipped, struct error *err)
{
    struct bzip2 *b = (struct bzip2 *)s;
    *skipped = bzip2_runs_read(&b->runs, NULL, size < SIZE_MAX ? (size_t)size : SIZE_MAX);
    return quota_unpacked(s->quota, &b->made, (size_t)*skipped, s->where, err);
}

/* The next piece, of those read ahead or after them. Threads have stopped. */
static int next_piece(struct bzip2 *b, struct bzip2_piece **p, bool *more, struct error *err)
{
    *more = true;
    if (b->count) {
        b->first = (b->first + 1) % b->slots;
        b->count--;
    }
    *p = &slot_at(b, 0)->piece;
    return b->count ? 0 : bzip2_reader_next(b->reader, *p, more, err);
}

/* Behind what looks like an end. *is: it is one, and nothing follows it. */
static int check_end(struct bzip2 *b, struct bzip2_piece *p, bool *is, struct error *err)
{
    size_t behind = bzip2_piece_behind(p);
    if (p->size * 8 - p->bit < BZIP2_END_BITS)
        return cut_short(b, err);
    *is = behind == p->size || p->bytes[behind] == 0;
    if (!*is)
        return 0;
    return unpack_padding(b->in, NAME, p->base + behind, (struct slice){p->bytes + behind, p->size - behind},
                          err);
}

/* Passes over the blocks that are not wanted, looking for the end's mark: a file that was cut short has none.
 */
static int bzip2_finish(struct stream *s, struct error *err)
{
    struct bzip2 *b = (struct bzip2 *)s;
    struct bzip2_piece *p = NULL;
    uint64_t strange = 0; /* behind a mark of an end that was none, or before what does not belong there */
    bool more = !b->complete, end = b->complete;
    bzip2_pool_stop(b->pool);
    while (more && !end) {
        if (next_piece(b, &p, &more, err) < 0)
            return -1;
        if (!more || p->kind != BZIP2_END || bzip2_piece_goes_on(p))
            continue;
        strange = p->base + bzip2_piece_behind(p);
        if (check_end(b, p, &end, err) < 0 || (!end && bzip2_reader_extend(b->reader, p, &more, err) < 0))
            return -1;
    }
    if (end)
        return 0;
    return strange ? unpack_not_padding(b->in, NAME, strange, err) : cut_short(b, err);
}

static void bzip2_close(struct stream *s)
{
    struct bzip2 *b = (struct bzip2 *)s;
    struct quota *q = s->quota;
    bzip2_pool_free(b->pool);
    if (b->threads)
        q->threads = false;
    bzip2_reader_free(b->reader);
    for (unsigned i = 0; i < SLOTS_MAX; i++) {
        quota_free(q, b->slot[i].piece.bytes, b->slot[i].piece.room);
        quota_free(q, b->slot[i].bytes, BZIP2_BLOCK_MAX);
    }
    quota_free(q, b->block, STREAM_BLOCK);
    free(b);
}

struct stream *bzip2_open(struct stream *in, struct error *err)
{
    static const struct stream_ops ops = {bzip2_fill, bzip2_skip, bzip2_finish, bzip2_close};
    struct bzip2 *b = calloc(1, sizeof *b);
    if (!b) {
        error_errno(err, ENOMEM, "%s", in->where);
        return NULL;
    }
    stream_init(&b->base, &ops, in->quota, in->where, MEDIA_SIZE_UNKNOWN);
    b->in = in;
    b->slots = 1;
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        b->ring[i] = &b->slot[i];
    b->block = quota_alloc(in->quota, STREAM_BLOCK, in->where, err);
    b->reader = b->block ? bzip2_reader_new(in, err) : NULL;
    b->pool = b->reader ? bzip2_pool_new(in->quota, in->where, err) : NULL;
    if (b->pool)
        return &b->base;
    bzip2_close(&b->base);
    return NULL;
}
