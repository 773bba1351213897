#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "serve/boot_file.h"

static void paths_are_cleaned(void **state)
{
    static const struct {
        const char *asked;
        const char *clean; /* NULL: refused */
    } cases[] = {
        {"pxelinux.0", "pxelinux.0"},
        {"/pxelinux.0", "pxelinux.0"},
        {"///pxelinux.cfg//01-52-54-00-12-34-56", "pxelinux.cfg/01-52-54-00-12-34-56"},
        {"", ""},
        {"/", ""},
        {"a/", "a/"},
        {"a..b/...", "a..b/..."},
        {"..", NULL},
        {"/..", NULL},
        {"../etc/shadow", NULL},
        {"a/../b", NULL},
        {"a//../b", NULL},
        {"a/..", NULL},
        {"a/../", NULL},
        {"a\nb", NULL},
        {"a\x7f", NULL},
        {"a\x01", NULL},
        {"M\xc3\xbcnchen", "M\xc3\xbcnchen"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[BOOT_PATH_MAX];
        bool ok = boot_path_clean(cases[i].asked, strlen(cases[i].asked), out);
        assert_int_equal(ok, cases[i].clean != NULL);
        if (ok)
            assert_string_equal(out, cases[i].clean);
    }
}

static void long_paths_are_refused(void **state)
{
    char asked[BOOT_PATH_MAX + 8], out[BOOT_PATH_MAX];
    memset(asked, 'a', sizeof asked);
    assert_true(boot_path_clean(asked, BOOT_PATH_MAX - 1, out));
    assert_int_equal(strlen(out), BOOT_PATH_MAX - 1);
    assert_false(boot_path_clean(asked, BOOT_PATH_MAX, out));
    asked[0] = asked[1] = '/'; /* slashes that are dropped do not count */
    assert_true(boot_path_clean(asked, BOOT_PATH_MAX + 1, out));
    assert_false(boot_path_clean("a\0b", 3, out));
}

static void bytes_are_shared_and_tagged(void **state)
{
    struct boot_file *a = boot_file_from_bytes("abc", 3);
    struct boot_file *b = boot_file_from_bytes("abc", 3);
    struct boot_file *c = boot_file_from_bytes("", 0);
    assert_string_equal(a->etag, "\"ba7816bf8f01cfea\""); /* SHA-256 of abc, FIPS 180-2 */
    assert_string_equal(a->etag, b->etag);
    assert_string_not_equal(a->etag, c->etag);
    assert_ptr_equal(boot_file_ref(a), a);
    boot_file_unref(a);
    uint8_t out[8] = {0};
    assert_int_equal(boot_file_read(a, 1, out, sizeof out), 2);
    assert_memory_equal(out, "bc", 2);
    assert_int_equal(boot_file_read(a, 3, out, 1), 0);
    assert_int_equal(boot_file_read(a, UINT64_MAX, out, 1), 0);
    boot_file_unref(a);
    boot_file_unref(b);
    boot_file_unref(c);
    boot_file_unref(NULL);
}

static void descriptors_are_read_by_offset(void **state)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    struct boot_file *f = boot_file_from_fd(fd, 8); /* the rest is not part of the file */
    char out[16];
    assert_int_equal(boot_file_read(f, 6, out, sizeof out), 2);
    assert_memory_equal(out, "67", 2);
    assert_string_equal(f->etag, "");
    assert_int_equal(ftruncate(fd, 4), 0); /* shorter than promised: a short read, no invention */
    assert_int_equal(boot_file_read(f, 2, out, 6), 2);
    boot_file_unref(f);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), -1); /* closed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cleaned),
        cmocka_unit_test(long_paths_are_refused),
        cmocka_unit_test(bytes_are_shared_and_tagged),
        cmocka_unit_test(descriptors_are_read_by_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
