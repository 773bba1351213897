#include "base/wire.h"

#include <string.h>

struct wire_in wire_in(const void *data, size_t size)
{
    const uint8_t *at = data;
    return (struct wire_in){.at = at, .end = at ? at + size : at};
}

size_t wire_left(const struct wire_in *w)
{
    return w->bad ? 0 : (size_t)(w->end - w->at);
}

struct slice wire_bytes(struct wire_in *w, size_t size)
{
    if (size > wire_left(w)) {
        w->bad = true;
        return (struct slice){0};
    }
    struct slice s = {w->at, size};
    if (size)
        w->at += size;
    return s;
}

void wire_copy(struct wire_in *w, void *to, size_t size)
{
    struct slice s = wire_bytes(w, size);
    if (s.size)
        memcpy(to, s.data, s.size);
    else if (size)
        memset(to, 0, size);
}

void wire_skip(struct wire_in *w, size_t size)
{
    wire_bytes(w, size);
}

static uint64_t wire_big(struct wire_in *w, size_t size)
{
    struct slice s = wire_bytes(w, size);
    uint64_t v = 0;
    for (size_t i = 0; i < s.size; i++)
        v = v << 8 | s.data[i];
    return v;
}

static uint64_t wire_little(struct wire_in *w, size_t size)
{
    struct slice s = wire_bytes(w, size);
    uint64_t v = 0;
    for (size_t i = s.size; i > 0; i--)
        v = v << 8 | s.data[i - 1];
    return v;
}

uint8_t wire_u8(struct wire_in *w)
{
    return (uint8_t)wire_big(w, 1);
}

uint16_t wire_u16(struct wire_in *w)
{
    return (uint16_t)wire_big(w, 2);
}

uint32_t wire_u32(struct wire_in *w)
{
    return (uint32_t)wire_big(w, 4);
}

uint64_t wire_u64(struct wire_in *w)
{
    return wire_big(w, 8);
}

uint16_t wire_u16le(struct wire_in *w)
{
    return (uint16_t)wire_little(w, 2);
}

uint32_t wire_u32le(struct wire_in *w)
{
    return (uint32_t)wire_little(w, 4);
}

uint64_t wire_u64le(struct wire_in *w)
{
    return wire_little(w, 8);
}

const char *wire_text(struct wire_in *w)
{
    size_t left = wire_left(w);
    const uint8_t *nul = left ? memchr(w->at, 0, left) : NULL;
    if (!nul) {
        w->bad = true;
        return NULL;
    }
    return (const char *)wire_bytes(w, (size_t)(nul - w->at) + 1).data;
}

struct wire_out wire_out(void *data, size_t size)
{
    uint8_t *at = data;
    return (struct wire_out){.start = at, .at = at, .end = at ? at + size : at};
}

size_t wire_written(const struct wire_out *w)
{
    return (size_t)(w->at - w->start);
}

void wire_put(struct wire_out *w, const void *data, size_t size)
{
    if (w->full || size > (size_t)(w->end - w->at)) {
        w->full = true;
        return;
    }
    if (size) {
        memcpy(w->at, data, size);
        w->at += size;
    }
}

static void wire_put_big(struct wire_out *w, uint64_t v, size_t size)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(v >> (8 * (size - 1 - i)));
    wire_put(w, bytes, size);
}

void wire_put_u8(struct wire_out *w, uint8_t v)
{
    wire_put_big(w, v, 1);
}

void wire_put_u16(struct wire_out *w, uint16_t v)
{
    wire_put_big(w, v, 2);
}

void wire_put_u32(struct wire_out *w, uint32_t v)
{
    wire_put_big(w, v, 4);
}

void wire_put_u64(struct wire_out *w, uint64_t v)
{
    wire_put_big(w, v, 8);
}

void wire_put_u16le(struct wire_out *w, uint16_t v)
{
    wire_put_u16(w, (uint16_t)(v >> 8 | v << 8));
}

void wire_put_u32le(struct wire_out *w, uint32_t v)
{
    wire_put_u32(w, __builtin_bswap32(v));
}

void wire_put_text(struct wire_out *w, const char *text)
{
    wire_put(w, text, strlen(text) + 1);
}

void wire_put_zero(struct wire_out *w, size_t size)
{
    static const uint8_t zero[64];
    while (size && !w->full) {
        size_t n = size < sizeof zero ? size : sizeof zero;
        wire_put(w, zero, n);
        size -= n;
    }
}
