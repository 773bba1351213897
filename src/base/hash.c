#include "base/hash.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>
#include <string.h>

struct hash {
    gnutls_hash_hd_t handle;
};

struct hash *hash_new(enum hash_kind kind)
{
    struct hash *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    gnutls_digest_algorithm_t algorithm = kind == HASH_MD5 ? GNUTLS_DIG_MD5 : GNUTLS_DIG_SHA256;
    if (gnutls_hash_init(&h->handle, algorithm) < 0) {
        free(h);
        return NULL;
    }
    return h;
}

void hash_free(struct hash *h)
{
    if (!h)
        return;
    gnutls_hash_deinit(h->handle, NULL);
    free(h);
}

void hash_add(struct hash *h, const void *data, size_t size)
{
    gnutls_hash(h->handle, data, size);
}

void hash_take(struct hash *h, uint8_t *out)
{
    gnutls_hash_output(h->handle, out);
}

void digest_of(const void *data, size_t size, struct digest *out)
{
    gnutls_hash_fast(GNUTLS_DIG_SHA256, data, size, out->byte);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->byte, b->byte, SHA256_SIZE) == 0;
}

const char *digest_format(const struct digest *d, char out[static SHA256_HEX_SIZE])
{
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        out[2 * i] = hex[d->byte[i] >> 4];
        out[2 * i + 1] = hex[d->byte[i] & 15];
    }
    out[2 * SHA256_SIZE] = 0;
    return out;
}

bool digest_parse(const char *hex, struct digest *out)
{
    if (strlen(hex) != 2 * SHA256_SIZE || strspn(hex, "0123456789abcdef") != 2 * SHA256_SIZE)
        return false;
    for (size_t i = 0; i < SHA256_SIZE; i++) {
        char pair[3] = {hex[2 * i], hex[2 * i + 1], 0};
        out->byte[i] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return true;
}
