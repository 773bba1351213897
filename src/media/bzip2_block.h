/*
 * One block of a bzip2 stream, from its bits to the bytes that its runs stand for. Pure: any bytes give a
 * block or a verdict. libbz2 unpacks one block after the other and no byte of the next before the last of
 * this one; here a block is unpacked by itself, on whichever core is free.
 *
 * There is no standard. Names and limits are those of bzip2 1.0.8's own documentation and of J. Tsai's
 * "BZIP2: Format Specification" (2016).
 */
#pragma once

#include "base/buf.h"

#define BZIP2_LEVEL_BYTES                                                                                    \
    100000u /* of a block before runs are expanded, per level: '1' to '9' in the header */
#define BZIP2_BLOCK_MAX  (9u * BZIP2_LEVEL_BYTES)
#define BZIP2_MARK_BITS  48
#define BZIP2_BLOCK_MARK 0x314159265359u
#define BZIP2_END_MARK   0x177245385090u

/* A block that is packed as badly as can be: all symbols have 20 bits; and the tables. */
#define BZIP2_PACKED_MAX (BZIP2_BLOCK_MAX / 2 * 5 + (64u << 10))

enum bzip2_verdict {
    BZIP2_SOUND,
    BZIP2_SHORT, /* the bits end before the block does */
    BZIP2_BAD,
    BZIP2_OLD, /* "randomised", as bzip2 before 0.9.5 (1999) did with repetitive blocks */
};

/* What unpacking takes beside a block's own buffers; kept from block to block. */
struct bzip2_scratch;

#define BZIP2_SCRATCH_BYTES (4700u << 10) /* at most */

struct bzip2_scratch *bzip2_scratch_new(void); /* NULL when memory runs out */
void bzip2_scratch_free(struct bzip2_scratch *s);

struct bzip2_block {
    struct slice packed; /* borrowed */
    unsigned bit;        /* of its first byte, counted from the highest, in which the block's mark begins */
    uint8_t *bytes;      /* room for BZIP2_BLOCK_MAX, the caller's; runs are not expanded */
    size_t size;
    uint64_t end_bit; /* the first one behind the block, counted as `bit` */
    uint32_t crc;     /* of what the bytes stand for */
    const char *why;  /* when it is bad */
};

/* The mark is not looked at. */
enum bzip2_verdict bzip2_block_unpack(struct bzip2_scratch *s, struct bzip2_block *b);

/* Reads the bytes that a sound block's stand for. */
struct bzip2_runs {
    const uint8_t *at, *end;
    struct slice plain; /* comes first */
    uint8_t byte;       /* then this, `repeat` times */
    unsigned repeat;
};

struct bzip2_runs bzip2_runs_of(const struct bzip2_block *block);

/* The next bytes, at most `room`, less only at the end. to may be NULL: they are passed over. */
size_t bzip2_runs_read(struct bzip2_runs *r, uint8_t *to, size_t room);
