#include "proc/certificate.h"

#include "base/file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];
static int root_fd;
static const uint32_t ips[] = {0x0a4d0001, 0xc0a80101};

static int setup(void **state)
{
    strcpy(root, "/tmp/bootherd-test-XXXXXX");
    if (!mkdtemp(root))
        return -1;
    return (root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0;
}

static int teardown(void **state)
{
    unlinkat(root_fd, CERTIFICATE_FILE, 0);
    unlinkat(root_fd, CERTIFICATE_KEY, 0);
    unlinkat(root_fd, CERTIFICATE_DIR, AT_REMOVEDIR);
    close(root_fd);
    return rmdir(root);
}

static int get(const uint32_t *addresses, size_t count, int64_t now_s, bool *made, char *warns,
               struct error *err)
{
    cleanup_buf struct buf certificate = BUF_INIT, key = BUF_INIT;
    int result = certificate_get(root_fd, addresses, count, now_s, &certificate, &key, made, warns, err);
    if (result == 0) {
        assert_non_null(strstr(buf_text(&certificate), "BEGIN CERTIFICATE"));
        assert_non_null(strstr(buf_text(&key), "PRIVATE KEY"));
    }
    return result;
}

/* openssl is the oracle: the names, and that key and certificate belong together. */
static void made_once_and_good(void **state)
{
    struct error err;
    bool made;
    char warns[256], command[512];
    struct stat st;
    int64_t now = time(NULL);
    if (get(ips, 2, now, &made, warns, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(made);
    assert_int_equal(fstatat(root_fd, CERTIFICATE_KEY, &st, 0), 0);
    assert_int_equal(st.st_mode & 077, 0);
    snprintf(command, sizeof command,
             "cd %s/tls && openssl verify -CAfile certificate.pem -verify_ip 10.77.0.1 certificate.pem "
             ">/dev/null && "
             "openssl verify -CAfile certificate.pem -verify_ip 192.168.1.1 certificate.pem >/dev/null && "
             "[ \"$(openssl pkey -in key.pem -pubout 2>/dev/null)\" = \"$(openssl x509 -in certificate.pem "
             "-pubkey "
             "-noout)\" ]",
             root);
    assert_int_equal(system(command), 0);

    assert_int_equal(get(ips, 2, now, &made, warns, &err), 0);
    assert_false(made);
    assert_string_equal(warns, "");
    assert_int_equal(get((const uint32_t[]){0x0a4d0002}, 1, now, &made, warns, &err), 0);
    assert_non_null(strstr(warns, "10.77.0.2"));
    assert_int_equal(get(ips, 2, now + (int64_t)11 * 365 * 86400, &made, warns, &err), -1);
    assert_non_null(strstr(err.text, "out of date"));
}

static void halves_and_strangers(void **state)
{
    struct error err;
    bool made;
    char warns[256], command[512];
    int64_t now = time(NULL);
    assert_int_equal(get(ips, 1, now, &made, warns, &err), 0);
    snprintf(command, sizeof command,
             "openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out %s/tls/key.pem "
             "2>/dev/null || "
             "openssl genrsa -out %s/tls/key.pem 2048 2>/dev/null",
             root, root);
    assert_int_equal(system(command), 0);
    assert_int_equal(get(ips, 1, now, &made, warns, &err), -1);
    assert_non_null(strstr(err.text, "do not belong together"));
    assert_int_equal(unlinkat(root_fd, CERTIFICATE_KEY, 0), 0);
    assert_int_equal(get(ips, 1, now, &made, warns, &err), -1);
    assert_non_null(strstr(err.text, "tls/certificate.pem without tls/key.pem"));
    assert_int_equal(file_replace_at(root_fd, CERTIFICATE_KEY, "no pem", 6, 0600, &err), 0);
    assert_int_equal(get(ips, 1, now, &made, warns, &err), -1);
    assert_non_null(strstr(err.text, "tls/key.pem"));
    assert_int_equal(file_replace_at(root_fd, CERTIFICATE_FILE, "no pem", 6, 0600, &err), 0);
    assert_int_equal(get(ips, 1, now, &made, warns, &err), -1);
    assert_non_null(strstr(err.text, "tls/certificate.pem"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(made_once_and_good, setup, teardown),
        cmocka_unit_test_setup_teardown(halves_and_strangers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
