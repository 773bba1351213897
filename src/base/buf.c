#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct buf *b)
{
    free(b->data);
    *b = (struct buf)BUF_INIT;
}

void buf_clear(struct buf *b)
{
    b->size = 0;
    b->failed = false;
}

/* Makes room for `more` bytes and a NUL behind them. */
static bool buf_grow(struct buf *b, size_t more)
{
    if (b->failed || more > SIZE_MAX / 2 - b->size - 1) {
        b->failed = true;
        return false;
    }
    size_t need = b->size + more + 1;
    if (need <= b->capacity)
        return true;
    size_t capacity = b->capacity ? b->capacity : 64;
    while (capacity < need)
        capacity *= 2;
    uint8_t *data = realloc(b->data, capacity);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->capacity = capacity;
    return true;
}

void buf_append(struct buf *b, const void *data, size_t size)
{
    if (!buf_grow(b, size))
        return;
    if (size)
        memcpy(b->data + b->size, data, size);
    b->size += size;
}

void buf_append_text(struct buf *b, const char *text)
{
    buf_append(b, text, strlen(text));
}

void buf_format(struct buf *b, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    size_t room = b->failed || !b->data ? 0 : b->capacity - b->size;
    int n = vsnprintf(room ? (char *)b->data + b->size : NULL, room, format, args); /* most often all fits */
    va_end(args);
    if (n < 0)
        b->failed = true;
    else if (buf_grow(b, (size_t)n)) {
        if ((size_t)n >= room)
            vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, again);
        b->size += (size_t)n;
    }
    va_end(again);
}

const char *buf_text(struct buf *b)
{
    if (!buf_grow(b, 0))
        return "";
    b->data[b->size] = 0;
    return (const char *)b->data;
}
