/*
 * A bzip2 file cut into pieces, each beginning where one of the two marks of the format does: 48 bits at any
 * bit, before every block and at the end of every stream. What looks like a mark may be data: pieces are
 * guesses, cheap and nearly always right, which whoever unpacks them confirms or has extended.
 */
#pragma once

#include "media/bzip2_block.h"
#include "media/stream.h"

#define BZIP2_MAGIC       "BZh"
#define BZIP2_MAGIC_SIZE  3
#define BZIP2_HEADER_SIZE 4            /* and the level, '1' to '9' */
#define BZIP2_END_BITS    80           /* the mark and the stream's checksum, then zeros to the next byte */
#define BZIP2_PIECE_ROOM  (928u << 10) /* bytes; what bzip2 -9 makes of 900,000 that do not pack, and some */

enum bzip2_kind {
    BZIP2_START, /* the file's first bytes */
    BZIP2_BLOCK,
    BZIP2_END,
};

struct bzip2_piece {
    enum bzip2_kind kind;
    uint8_t *bytes; /* owned; quota_free with `room` */
    size_t size, room;
    uint64_t base; /* of bytes[0] in the file */
    unsigned bit;  /* of bytes[0] in which the mark begins, from the highest */
};

struct bzip2_reader;

struct bzip2_reader *bzip2_reader_new(struct stream *in, struct error *err); /* in: borrowed */
void bzip2_reader_free(struct bzip2_reader *r);

/* The piece after the last one, into `p`, whose room is reused. *more is false, and p empty, at the end of
 * the file, and behind an end that no stream follows until that is extended. */
int bzip2_reader_next(struct bzip2_reader *r, struct bzip2_piece *p, bool *more, struct error *err);

/* The mark that ended the last piece was none: adds the bytes up to the next one. *more: there were any, and
 * the piece is not as long as BZIP2_PACKED_MAX. */
int bzip2_reader_extend(struct bzip2_reader *r, struct bzip2_piece *p, bool *more, struct error *err);

bool bzip2_reader_more_blocks(const struct bzip2_reader *r); /* a block follows the last piece */
bool bzip2_reader_held(const struct bzip2_reader *r);        /* it holds what was not looked at */
bool bzip2_reader_ended(const struct bzip2_reader *r);       /* the last piece reaches to the file's end */

/* Adds the piece that was read after this one. */
int bzip2_piece_join(struct bzip2_piece *p, const struct bzip2_piece *next, struct quota *quota,
                     const char *where, struct error *err);

/* Where its mark begins in the file, in bits. */
uint64_t bzip2_piece_at(const struct bzip2_piece *p);

/* The byte of p->bytes behind a start (0) or an end; not more than its size. */
size_t bzip2_piece_behind(const struct bzip2_piece *p);

/* The checksum that an end tells; there have to be BZIP2_END_BITS. */
uint32_t bzip2_piece_crc(const struct bzip2_piece *p);

/* Whether another stream's header lies there. */
bool bzip2_piece_goes_on(const struct bzip2_piece *p);
