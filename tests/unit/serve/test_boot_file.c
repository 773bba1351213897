#include <errno.h>
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

/* Ten bytes in a file, behind a descriptor. */
static struct boot_file *digits(void)
{
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, "0123456789", 10), 10);
    return boot_file_from_fd(fd, 10);
}

static void reads_as(const struct boot_file *f, uint64_t offset, const char *bytes, size_t size)
{
    char out[64];
    assert_true(size <= sizeof out);
    memset(out, 'x', sizeof out);
    assert_int_equal(boot_file_read(f, offset, out, size), size);
    assert_memory_equal(out, bytes, size);
}

static void pieces_are_read_as_one(void **state)
{
    struct boot_file *d = digits(), *m = boot_file_from_bytes("abcdef", 6);
    int fd = d->fd;
    const struct boot_piece pieces[] = {
        {.at = 2, .size = 3, .file = boot_file_ref(d), .offset = 7},
        {.at = 5, .size = 0, .file = boot_file_ref(m), .offset = 6},
        {.at = 5, .size = 6, .file = boot_file_ref(m), .offset = 0},
        {.at = 14, .size = 1, .file = boot_file_ref(d), .offset = 0},
    };
    struct boot_file *f = boot_file_compose(pieces, 4, 17);
    boot_file_unref(d);
    boot_file_unref(m);
    static const char whole[] = "\0\0"
                                "789"
                                "abcdef"
                                "\0\0\0"
                                "0"
                                "\0\0";
    char out[32];
    for (size_t offset = 0; offset <= 17; offset++)
        for (size_t size = 0; size <= 17 - offset; size++)
            reads_as(f, offset, whole + offset, size);
    assert_int_equal(boot_file_read(f, 10, out, sizeof out), 7);
    assert_int_equal(boot_file_read(f, 17, out, 1), 0);
    assert_int_equal(boot_file_read(f, UINT64_MAX, out, 1), 0);

    const struct boot_piece outer[] = {{.at = 1, .size = 12, .file = f, .offset = 3}};
    struct boot_file *nested = boot_file_compose(outer, 1, 20);
    reads_as(nested, 0,
             "\0"
             "89abcdef\0\0\0"
             "0"
             "\0\0\0\0\0\0\0",
             20);
    boot_file_unref(nested);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), -1); /* the last reference has closed it */
}

static void pieces_may_be_none(void **state)
{
    struct boot_file *zeros = boot_file_compose(NULL, 0, 5), *empty = boot_file_compose(NULL, 0, 0);
    char out[8];
    reads_as(zeros, 0, "\0\0\0\0\0", 5);
    assert_int_equal(boot_file_read(zeros, 4, out, 8), 1);
    assert_int_equal(boot_file_read(empty, 0, out, 8), 0);
    assert_string_not_equal(zeros->etag, empty->etag);
    boot_file_unref(zeros);
    boot_file_unref(empty);
}

static void many_pieces_far_apart(void **state)
{
    enum {
        COUNT = 1000
    };
    static struct boot_piece pieces[COUNT];
    const uint64_t step = 1ull << 40;
    struct boot_file *m = boot_file_from_bytes("0123456789", 10);
    for (size_t i = 0; i < COUNT; i++)
        pieces[i] = (struct boot_piece){i * step, 1, boot_file_ref(m), i % 10};
    boot_file_unref(m);
    struct boot_file *f = boot_file_compose(pieces, COUNT, COUNT * step);
    for (size_t i = 0; i < COUNT; i++)
        reads_as(f, i * step, (char[]){(char)('0' + i % 10), 0}, 2);
    boot_file_unref(f);
}

/* Bytes that a piece has lost are not made up, and those behind them do not move forward. */
static void a_piece_cut_short(void **state)
{
    struct boot_file *d = digits(), *m = boot_file_from_bytes("abc", 3);
    assert_int_equal(ftruncate(d->fd, 4), 0);
    const struct boot_piece pieces[] = {{.at = 0, .size = 10, .file = d}, {.at = 10, .size = 3, .file = m}};
    struct boot_file *f = boot_file_compose(pieces, 2, 13);
    char out[16];
    assert_int_equal(boot_file_read(f, 0, out, 13), 4);
    assert_memory_equal(out, "0123", 4);
    assert_int_equal(boot_file_read(f, 6, out, 7), 0);
    reads_as(f, 10, "abc", 3);
    boot_file_unref(f);
}

/* What lies in memory is not copied; what does not is read, whole or not at all. */
static void a_view_copies_only_what_it_must(void **state)
{
    uint8_t scratch[8] = "--------";
    struct boot_file *memory = boot_file_from_bytes("abcdef", 6);
    int fd = memfd_create("test", MFD_CLOEXEC);
    assert_int_equal(write(fd, "abcdef", 6), 6);
    struct boot_file *file = boot_file_from_fd(fd, 8); /* said to be longer than it is */

    assert_ptr_equal(boot_file_view(memory, 2, 3, scratch), memory->data + 2);
    assert_ptr_equal(boot_file_view(memory, 6, 0, scratch), memory->data + 6);
    assert_memory_equal(scratch, "--------", 8);
    errno = 0;
    assert_null(boot_file_view(memory, 4, 3, scratch));
    assert_int_equal(errno, ENODATA);

    assert_ptr_equal(boot_file_view(file, 3, 3, scratch), scratch);
    assert_memory_equal(scratch, "def-----", 8);
    errno = 0;
    assert_null(boot_file_view(file, 4, 3, scratch));
    assert_int_equal(errno, ENODATA);
    boot_file_unref(memory);
    boot_file_unref(file);
}

static void composed_etag(uint64_t at, const char *bytes, uint64_t offset, uint64_t size, char out[static 24])
{
    struct boot_file *m = boot_file_from_bytes(bytes, strlen(bytes));
    const struct boot_piece piece = {at, 1, m, offset};
    struct boot_file *f = boot_file_compose(&piece, 1, size);
    memcpy(out, f->etag, 24);
    boot_file_unref(f);
}

static void pieces_make_the_etag(void **state)
{
    char first[24], other[24];
    composed_etag(1, "abc", 1, 5, first);
    assert_int_equal(strlen(first), 18);
    composed_etag(1, "abc", 1, 5, other);
    assert_string_equal(first, other);
    composed_etag(2, "abc", 1, 5, other);
    assert_string_not_equal(first, other);
    composed_etag(1, "abd", 1, 5, other);
    assert_string_not_equal(first, other);
    composed_etag(1, "abc", 2, 5, other);
    assert_string_not_equal(first, other);
    composed_etag(1, "abc", 1, 6, other);
    assert_string_not_equal(first, other);

    const struct boot_piece untagged = {0, 10, digits(), 0};
    struct boot_file *f = boot_file_compose(&untagged, 1, 10);
    assert_string_equal(f->etag, "");
    boot_file_unref(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_are_cleaned),           cmocka_unit_test(long_paths_are_refused),
        cmocka_unit_test(bytes_are_shared_and_tagged), cmocka_unit_test(descriptors_are_read_by_offset),
        cmocka_unit_test(pieces_are_read_as_one),      cmocka_unit_test(pieces_may_be_none),
        cmocka_unit_test(many_pieces_far_apart),       cmocka_unit_test(a_piece_cut_short),
        cmocka_unit_test(pieces_make_the_etag),        cmocka_unit_test(a_view_copies_only_what_it_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
