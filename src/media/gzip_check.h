/*
 * Checks that a file is what boot loaders accept as a compressed module: exactly one gzip member (RFC 1952)
 * whose CRC32 and length are right, with nothing behind it. Streaming; VMware's mboot takes both from the
 * last 8 bytes of the file and allocates ISIZE bytes, so a second member or padding would break a boot.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gzip_check;

struct gzip_check *gzip_check_new(void); /* NULL when memory runs out */
void gzip_check_free(struct gzip_check *g);

/* Adds bytes of the file. The first two decide: without 1f 8b it is not gzip and all checks pass ("is_gzip"
 * false). */
int gzip_check_add(struct gzip_check *g, const void *bytes, size_t size, struct error *err);

/* Whether the first member ended well; what follows it is an error of gzip_check_add. */
bool gzip_check_complete(const struct gzip_check *g);

/* At the end of the file. `unpacked` is its size without compression (the file's own size when it is not
 * gzip). */
int gzip_check_end(struct gzip_check *g, bool *is_gzip, uint64_t *unpacked, struct error *err);
