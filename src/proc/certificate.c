#include "proc/certificate.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define RSA_BITS    3072 /* BSI TR-02102: beyond 2022 */
#define DAYS        3650
#define DAY_SECONDS 86400

static int fail(struct error *err, int code, const char *what)
{
    return error_set(err, "%s: %s", what, gnutls_strerror(code));
}

/* --- making --- */

static int fill(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, const uint32_t *ips, size_t count,
                int64_t now_s)
{
    uint8_t serial[16];
    int r = gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial);
    serial[0] &= 0x7f; /* RFC 5280, section 4.1.2.2: positive */
    if (r >= 0)
        r = gnutls_x509_crt_set_version(crt, 3);
    if (r >= 0)
        r = gnutls_x509_crt_set_serial(crt, serial, sizeof serial);
    if (r >= 0)
        r = gnutls_x509_crt_set_dn_by_oid(crt, GNUTLS_OID_X520_COMMON_NAME, 0, "bootherd",
                                          strlen("bootherd"));
    if (r >= 0)
        r = gnutls_x509_crt_set_activation_time(crt, (time_t)(now_s - DAY_SECONDS)); /* machines' clocks */
    if (r >= 0)
        r = gnutls_x509_crt_set_expiration_time(crt, (time_t)(now_s + (int64_t)DAYS * DAY_SECONDS));
    if (r >= 0)
        r = gnutls_x509_crt_set_key(crt, key);
    if (r >= 0)
        r = gnutls_x509_crt_set_basic_constraints(crt, 1, 0); /* it is its own root, which firmware enrols */
    if (r >= 0)
        r = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_ENCIPHERMENT |
                                                   GNUTLS_KEY_KEY_CERT_SIGN);
    if (r >= 0)
        r = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
    for (size_t i = 0; r >= 0 && i < count; i++) {
        uint32_t ip = htonl(ips[i]);
        r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, &ip, sizeof ip,
                                                 i ? GNUTLS_FSAN_APPEND : GNUTLS_FSAN_SET);
    }
    return r < 0 ? r : gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
}

static int put_pem(gnutls_datum_t *pem, struct buf *out)
{
    buf_append(out, pem->data, pem->size);
    gnutls_free(pem->data);
    return out->failed ? GNUTLS_E_MEMORY_ERROR : 0;
}

static int make(const uint32_t *ips, size_t count, int64_t now_s, struct buf *certificate, struct buf *key,
                struct error *err)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_x509_privkey_t private = NULL;
    gnutls_datum_t pem;
    int r = gnutls_x509_crt_init(&crt);
    if (r >= 0)
        r = gnutls_x509_privkey_init(&private);
    if (r >= 0)
        r = gnutls_x509_privkey_generate(private, GNUTLS_PK_RSA, RSA_BITS, 0);
    if (r >= 0)
        r = fill(crt, private, ips, count, now_s);
    if (r >= 0 && (r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &pem)) >= 0)
        r = put_pem(&pem, certificate);
    if (r >= 0 && (r = gnutls_x509_privkey_export2(private, GNUTLS_X509_FMT_PEM, &pem)) >= 0)
        r = put_pem(&pem, key);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(private);
    return r < 0 ? fail(err, r, "make a certificate") : 0;
}

static int make_and_keep(int root_fd, const uint32_t *ips, size_t count, int64_t now_s,
                         struct buf *certificate, struct buf *key, struct error *err)
{
    if (make(ips, count, now_s, certificate, key, err) < 0)
        return -1;
    if (mkdirat(root_fd, CERTIFICATE_DIR, 0700) < 0 && errno != EEXIST)
        return error_errno(err, errno, "make " CERTIFICATE_DIR " below --root");
    if (file_replace_at(root_fd, CERTIFICATE_KEY, key->data, key->size, 0600, err) < 0 ||
        file_replace_at(root_fd, CERTIFICATE_FILE, certificate->data, certificate->size, 0644, err) < 0)
        return -1;
    return 0;
}

/* --- checking the operator's own --- */

static int check(gnutls_x509_crt_t crt, const struct buf *key, const uint32_t *ips, size_t count,
                 int64_t now_s, char warns[static 256], struct error *err)
{
    gnutls_x509_privkey_t private = NULL;
    gnutls_datum_t pem = {key->data, (unsigned)key->size};
    uint8_t of_crt[64], of_key[64];
    size_t crt_size = sizeof of_crt, key_size = sizeof of_key;
    int r = gnutls_x509_privkey_init(&private);
    if (r >= 0)
        r = gnutls_x509_privkey_import2(private, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (r < 0)
        fail(err, r, "--root/" CERTIFICATE_KEY);
    else if ((r = gnutls_x509_crt_get_key_id(crt, 0, of_crt, &crt_size)) < 0 ||
             (r = gnutls_x509_privkey_get_key_id(private, 0, of_key, &key_size)) < 0)
        fail(err, r, "compare certificate and key");
    else if (crt_size != key_size || memcmp(of_crt, of_key, key_size) != 0)
        r = error_set(err, "--root/" CERTIFICATE_FILE " and " CERTIFICATE_KEY
                           " do not belong together: put both of one pair there, or take both away");
    gnutls_x509_privkey_deinit(private);
    if (r < 0)
        return -1;
    if (now_s > gnutls_x509_crt_get_expiration_time(crt) || now_s < gnutls_x509_crt_get_activation_time(crt))
        return error_set(
            err, "--root/" CERTIFICATE_FILE
                 " is out of date, or this machine's clock is wrong: put a new one there, or take it and "
                 "its key away, and one is made");
    for (size_t i = 0; i < count; i++) {
        char text[IP4_TEXT_SIZE];
        if (!gnutls_x509_crt_check_hostname(crt, ip4_format(ips[i], text)))
            snprintf(warns, 256,
                     "the certificate in --root/" CERTIFICATE_FILE
                     " does not name our address %s: machines that check it refuse it",
                     text);
    }
    return 0;
}

static int check_pem(const struct buf *certificate, const struct buf *key, const uint32_t *ips, size_t count,
                     int64_t now_s, char warns[static 256], struct error *err)
{
    gnutls_x509_crt_t crt = NULL;
    gnutls_datum_t pem = {certificate->data, (unsigned)certificate->size};
    int r = gnutls_x509_crt_init(&crt);
    if (r >= 0)
        r = gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM);
    int result =
        r < 0 ? fail(err, r, "--root/" CERTIFICATE_FILE) : check(crt, key, ips, count, now_s, warns, err);
    gnutls_x509_crt_deinit(crt);
    return result;
}

int certificate_get(int root_fd, const uint32_t *ips, size_t count, int64_t now_s, struct buf *certificate,
                    struct buf *key, bool *made, char warns[static 256], struct error *err)
{
    *made = false;
    warns[0] = '\0';
    int no_certificate =
        file_read_at(root_fd, CERTIFICATE_FILE, CERTIFICATE_PEM_MAX / 2 - 1, certificate, err);
    if (no_certificate && err->code != ENOENT)
        return -1;
    int no_key = file_read_at(root_fd, CERTIFICATE_KEY, CERTIFICATE_PEM_MAX / 2 - 1, key, err);
    if (no_key && err->code != ENOENT)
        return -1;
    if (no_certificate && no_key) {
        *made = true;
        return make_and_keep(root_fd, ips, count, now_s, certificate, key, err);
    }
    if (no_certificate || no_key)
        return error_set(
            err, "below --root there is %s without %s: put both there, or take it away and a pair is made",
            no_key ? CERTIFICATE_FILE : CERTIFICATE_KEY, no_key ? CERTIFICATE_KEY : CERTIFICATE_FILE);
    return check_pem(certificate, key, ips, count, now_s, warns, err);
}
