#include "inventory/vm_identity.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DIGEST_BYTES 16 /* of the 32: enough that nobody guesses one */

void vm_identity_make(const uint8_t secret[static VM_SECRET_SIZE], const char *node, int64_t boot,
                      char out[static VM_IDENTITY_MAX])
{
    uint8_t digest[32] = {0};
    char text[512];
    int size = snprintf(text, sizeof text, "%" PRIx64 " %s", (uint64_t)boot, node);
    size_t used = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    int at = snprintf(out, VM_IDENTITY_MAX, "%" PRIx64 "-", (uint64_t)boot);
    if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, secret, VM_SECRET_SIZE, text, used, digest) < 0) {
        out[0] = '\0'; /* no identity: nobody is let in by it */
        return;
    }
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        at += snprintf(out + at, VM_IDENTITY_MAX - (size_t)at, "%02x", digest[i]);
}

int64_t vm_identity_boot(const char *identity)
{
    uint64_t boot = 0;
    size_t digits = strspn(identity, "0123456789abcdef");
    if (!digits || digits > 15 || identity[digits] != '-' || identity[0] == '0' ||
        strspn(identity + digits + 1, "0123456789abcdef") != 2 * DIGEST_BYTES ||
        identity[digits + 1 + 2 * DIGEST_BYTES])
        return 0;
    for (size_t i = 0; i < digits; i++)
        boot = boot << 4 | (uint64_t)(identity[i] <= '9' ? identity[i] - '0' : identity[i] - 'a' + 10);
    return (int64_t)boot;
}

bool vm_identity_check(const uint8_t secret[static VM_SECRET_SIZE], const char *node, const char *identity)
{
    char wanted[VM_IDENTITY_MAX];
    int64_t boot = vm_identity_boot(identity);
    if (!boot)
        return false;
    vm_identity_make(secret, node, boot, wanted);
    return strlen(wanted) == strlen(identity) && gnutls_memcmp(wanted, identity, strlen(wanted)) == 0;
}
