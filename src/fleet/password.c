#include "fleet/password.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <crypt.h>
#include <ctype.h>
#include <errno.h>
#include <string.h>

/* crypt(5): the digits of the hash itself, and the most characters of a salt. */
static const struct {
    const char *prefix;
    size_t digits, salt_max;
} methods[] = {
    [PASSWORD_STRONG] = {"$6$", 86, 16},
    [PASSWORD_WEAK] = {"$1$", 22, 8},
};

static int check_password(const char *password, struct error *err)
{
    size_t size = strlen(password);
    if (!size)
        return error_set(err, "the password is empty; choose one of at least one character");
    if (size >= PASSWORD_MAX)
        return error_set(err, "the password has %zu bytes; at most %d are taken", size, PASSWORD_MAX - 1);
    for (const char *p = password; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return error_set(err, "the password has a control character at byte %zu; leave it out",
                             (size_t)(p - password) + 1);
    return 0;
}

int password_hash(const char *password, enum password_strength strength, char out[static PASSWORD_HASH_MAX],
                  struct error *err)
{
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    if (check_password(password, err) < 0)
        return -1;
    /* Rounds 0: the method's default, 5000 for $6$, which every hypervisor's own library takes. */
    if (!crypt_gensalt_rn(methods[strength].prefix, 0, NULL, 0, salt, sizeof salt))
        return error_errno(err, errno, "cannot make a salt for a %s hash", methods[strength].prefix);
    cleanup_free struct crypt_data *data = calloc(1, sizeof *data);
    if (!data)
        return error_set(err, "out of memory");
    const char *hash = crypt_rn(password, salt, data, sizeof *data);
    int result = 0;
    if (!hash)
        result = error_errno(err, errno, "libcrypt makes no %s hash here", methods[strength].prefix);
    else if (strlen(hash) >= PASSWORD_HASH_MAX || !password_hash_valid(hash, strength))
        result = error_set(err, "libcrypt made a %s hash of an unknown shape", methods[strength].prefix);
    else
        strcpy(out, hash);
    explicit_bzero(data, sizeof *data); /* crypt(3) leaves parts of the password there */
    explicit_bzero(salt, sizeof salt);
    return result;
}

static size_t crypt_digits(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '.' || text[n] == '/')
        n++;
    return n;
}

/* "rounds=N$" with the bounds of the SHA-crypt specification. */
static const char *skip_rounds(const char *text)
{
    static const char word[] = "rounds=";
    char digits[16];
    uint64_t rounds;
    size_t size = strcspn(text + strlen(word), "$");
    if (size >= sizeof digits || text[strlen(word) + size] != '$')
        return NULL;
    memcpy(digits, text + strlen(word), size);
    digits[size] = 0;
    return text_u64(digits, 1000, 999999999, &rounds) ? text + strlen(word) + size + 1 : NULL;
}

bool password_hash_valid(const char *hash, enum password_strength strength)
{
    const char *prefix = methods[strength].prefix;
    if (!text_starts(hash, prefix))
        return false;
    const char *at = hash + strlen(prefix);
    if (strength == PASSWORD_STRONG && text_starts(at, "rounds="))
        at = skip_rounds(at);
    if (!at)
        return false;
    size_t salt = crypt_digits(at);
    if (!salt || salt > methods[strength].salt_max || at[salt] != '$')
        return false;
    at += salt + 1;
    return crypt_digits(at) == methods[strength].digits && !at[methods[strength].digits];
}
