/* Password hashes: made here by libcrypt, checked for shape, never printed. Plain passwords are wiped by the
 * caller. */
#pragma once

#include "base/error.h"

#include <stdbool.h>

#define PASSWORD_MAX      512 /* bytes with NUL; crypt(5) takes 511 */
#define PASSWORD_HASH_MAX 384

enum password_strength {
    PASSWORD_STRONG, /* $6$, SHA-512 crypt: ESXi 5 and later, Linux */
    PASSWORD_WEAK,   /* $1$, MD5 crypt: ESXi 3.5 to 4.1, whose PAM knows no better */
};

/* Refuses an empty password and control characters. */
int password_hash(const char *password, enum password_strength strength, char out[static PASSWORD_HASH_MAX],
                  struct error *err);
bool password_hash_valid(const char *hash, enum password_strength strength);
