/*
 * Wire cursors with a sticky error: read (or write) ten fields, check once.
 *
 * A reader that runs past its end returns zeros and sets `bad`; a writer that runs past its end drops the
 * bytes and sets `full`. Multi-byte fields are big-endian unless the name says le.
 */
#pragma once

#include "base/buf.h"

struct wire_in {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

struct wire_out {
    uint8_t *start;
    uint8_t *at;
    uint8_t *end;
    bool full;
};

struct wire_in wire_in(const void *data, size_t size);
size_t wire_left(const struct wire_in *w);
uint8_t wire_u8(struct wire_in *w);
uint16_t wire_u16(struct wire_in *w);
uint32_t wire_u32(struct wire_in *w);
uint64_t wire_u64(struct wire_in *w);
uint16_t wire_u16le(struct wire_in *w);
uint32_t wire_u32le(struct wire_in *w);
uint64_t wire_u64le(struct wire_in *w);
struct slice wire_bytes(struct wire_in *w, size_t size);  /* borrowed from the input; empty when bad */
void wire_copy(struct wire_in *w, void *to, size_t size); /* zero-fills when bad */
void wire_skip(struct wire_in *w, size_t size);

/* A text ended by NUL inside the input, borrowed. NULL and bad when there is no NUL before the end. */
const char *wire_text(struct wire_in *w);

struct wire_out wire_out(void *data, size_t size);
size_t wire_written(const struct wire_out *w);
void wire_put_u8(struct wire_out *w, uint8_t v);
void wire_put_u16(struct wire_out *w, uint16_t v);
void wire_put_u32(struct wire_out *w, uint32_t v);
void wire_put_u64(struct wire_out *w, uint64_t v);
void wire_put_u16le(struct wire_out *w, uint16_t v);
void wire_put_u32le(struct wire_out *w, uint32_t v);
void wire_put(struct wire_out *w, const void *data, size_t size);
void wire_put_text(struct wire_out *w, const char *text); /* with its NUL */
void wire_put_zero(struct wire_out *w, size_t size);
