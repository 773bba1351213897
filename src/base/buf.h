/*
 * Slice: bytes somebody else owns. Buf: bytes we own, growable, with a sticky failure, so that a writer
 * appends ten things and asks once whether all went well.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const uint8_t *data;
    size_t size; /* bytes */
};

struct buf {
    uint8_t *data; /* owned; NULL while empty */
    size_t size;   /* bytes in use */
    size_t capacity;
    bool failed; /* memory ran out at some append; data holds what fitted */
};

#define BUF_INIT                                                                                             \
    {                                                                                                        \
        0                                                                                                    \
    }

void buf_fini(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */
void buf_append(struct buf *b, const void *data, size_t size);
void buf_append_text(struct buf *b, const char *text);
void buf_format(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The content as a C string owned by the buf (a NUL is kept behind the data); "" when empty. */
const char *buf_text(struct buf *b);

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->data, b->size};
}

#define cleanup_buf __attribute__((cleanup(buf_fini)))
