/* SHA-256 (and MD5, for the sums vendors ship), streaming and in hex. GnuTLS does the work. */
#pragma once

#include "base/buf.h"

#define SHA256_SIZE     32
#define SHA256_HEX_SIZE 65 /* with NUL */
#define MD5_SIZE        16

struct digest {
    uint8_t byte[SHA256_SIZE];
};

enum hash_kind {
    HASH_SHA256,
    HASH_MD5,
};

struct hash;

/* NULL when memory runs out. */
struct hash *hash_new(enum hash_kind kind);
void hash_free(struct hash *h); /* NULL is fine */
void hash_add(struct hash *h, const void *data, size_t size);

/* Writes SHA256_SIZE or MD5_SIZE bytes and starts anew. */
void hash_take(struct hash *h, uint8_t *out);

void digest_of(const void *data, size_t size, struct digest *out);
bool digest_equal(const struct digest *a, const struct digest *b);
const char *digest_format(const struct digest *d,
                          char out[static SHA256_HEX_SIZE]); /* 64 lower-case digits */
bool digest_parse(const char *hex, struct digest *out);      /* exactly 64 lower-case digits */
