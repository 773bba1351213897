/* What the media targets share: fuzz input as a stream, and a visitor that opens and takes all. */
#pragma once

#include "media/walk.h"

/* Bytes in memory as a stream that gives them in small blocks. */
struct stream *fuzz_stream(const uint8_t *data, size_t size, struct quota *quota);

/* Walks the stream with one container's function. */
void fuzz_walk(const uint8_t *data, size_t size,
               int (*walk)(struct walk *w, const struct place *at, struct stream *s, struct error *err));

extern const struct media_visitor fuzz_visitor;
extern const struct media_limits fuzz_limits; /* small, so that a bomb costs little */
