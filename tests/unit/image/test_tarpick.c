#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <zlib.h>

#include "base/buf.h"
#include "image/tarpick.h"

#define BLOCK 512

static const char zeros[4096];

/* A header by hand, from POSIX's table of offsets; `far` is vmtar's offset of the data. */
static void put_header(struct buf *tar, const char *name, char type, size_t size, const char *magic,
                       uint32_t far)
{
    char h[BLOCK] = {0};
    snprintf(h, 100, "%s", name);
    snprintf(h + 124, 12, "%011o", (unsigned)size);
    h[156] = type;
    memcpy(h + 257, magic, 8);
    for (int i = 0; i < 4; i++)
        h[0x1f0 + i] = (char)(far >> 8 * i);
    buf_append(tar, h, sizeof h);
}

static void put_data(struct buf *tar, const char *text)
{
    buf_append_text(tar, text);
    buf_append(tar, zeros, (BLOCK - tar->size % BLOCK) % BLOCK);
}

static void put_file(struct buf *tar, const char *name, const char *text)
{
    put_header(tar, name, '0', strlen(text),
               "ustar\0"
               "00",
               0);
    put_data(tar, text);
}

static void gzip(const struct buf *plain, struct buf *out)
{
    z_stream z = {0};
    uint8_t *space = malloc(plain->size + 4096);
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = plain->data;
    z.avail_in = (uInt)plain->size;
    z.next_out = space;
    z.avail_out = (uInt)plain->size + 4096;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    buf_append(out, space, z.total_out);
    deflateEnd(&z);
    free(space);
}

/* Fed in pieces of every size that matters; NULL is expected where nothing may be found. Consumes the tar. */
static void expect(struct buf *tar, const char *shadow, const char *inetd)
{
    static const size_t pieces[] = {1, 7, 512, 1000000};
    struct buf packed = BUF_INIT;
    gzip(tar, &packed);
    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
        struct tarpick *p = tarpick_new();
        for (size_t at = 0; at < packed.size; at += pieces[i])
            tarpick_add(p, packed.data + at, packed.size - at < pieces[i] ? packed.size - at : pieces[i]);
        char *found = tarpick_take(p, TARPICK_SHADOW), *found_inetd = tarpick_take(p, TARPICK_INETD);
        assert_true((found != NULL) == (shadow != NULL));
        assert_true((found_inetd != NULL) == (inetd != NULL));
        if (found)
            assert_string_equal(found, shadow);
        if (found_inetd)
            assert_string_equal(found_inetd, inetd);
        free(found);
        free(found_inetd);
        tarpick_free(p);
    }
    buf_fini(&packed);
    buf_fini(tar);
}

static void plain_tar(void **state)
{
    struct buf tar = BUF_INIT;
    put_header(&tar, "etc/", '5', 0,
               "ustar\0"
               "00",
               0);
    put_file(&tar, "etc/passwd", "x");
    put_file(&tar, "./etc/shadow", "root:first");
    put_file(&tar, "/etc/inetd.conf", "#ssh\n");
    put_file(&tar, "etc/shadow", "root:second\n"); /* replaces the first */
    put_file(&tar, "other/etc/shadow", "no");
    buf_append(&tar, zeros, 2 * BLOCK);
    put_file(&tar, "etc/shadow", "behind the end");
    expect(&tar, "root:second\n", "#ssh\n");
}

static void prefix_and_long_names(void **state)
{
    struct buf tar = BUF_INIT;
    put_header(&tar, "shadow", '0', 1,
               "ustar\0"
               "00",
               0);
    memcpy(tar.data + 345, "etc", 3); /* ustar: prefix + '/' + name */
    put_data(&tar, "p");
    put_header(&tar, "././@LongLink", 'L', 12, "ustar  ", 0);
    put_data(&tar, "some/longer");
    put_file(&tar, "etc/inetd.conf", "its real name is in the entry before");
    expect(&tar, "p", NULL);
}

/* vmtar: headers first, then the data, each at a page. */
static void vmtar(void **state)
{
    struct buf tar = BUF_INIT;
    put_header(&tar, "etc", '5', 0, "visor  ", 0);
    put_header(&tar, "bin/busybox", '0', 4096, "visor  ", 4096);
    put_header(&tar, "etc/inetd.conf", '0', 5, "visor  ", 12288);
    put_header(&tar, "etc/shadow", '0', 6, "visor  ", 8192);
    buf_append(&tar, zeros, BLOCK);
    buf_append(&tar, zeros, 4096 - tar.size);
    memset(tar.data + 4096 - BLOCK, 0, BLOCK);
    buf_append(&tar, zeros, 4096); /* busybox */
    buf_append_text(&tar, "root:v");
    buf_append(&tar, zeros, 4096 - 6);
    buf_append_text(&tar, "#ssh\n");
    expect(&tar, "root:v", "#ssh\n");
}

static void nothing_usable(void **state)
{
    struct buf tar = BUF_INIT;
    buf_append(&tar, "this is no archive at all", 25);
    buf_append(&tar, zeros, 2048);
    expect(&tar, NULL, NULL);

    put_file(&tar, "etc/shadow", "root:\001");
    put_file(&tar, "etc/inetd.conf", "\xff");
    expect(&tar, NULL, NULL);

    put_file(&tar, "etc/shadow", ""); /* an empty one tells nothing */
    put_header(&tar, "etc/inetd.conf", '0', 100,
               "ustar\0"
               "00",
               0);
    buf_append_text(&tar, "cut");
    expect(&tar, NULL, NULL);

    put_header(&tar, "etc/shadow", '0', TARPICK_SIZE_MAX + 1,
               "ustar\0"
               "00",
               0);
    for (unsigned i = 0; i < TARPICK_SIZE_MAX / sizeof zeros + 1; i++)
        buf_append(&tar, zeros, sizeof zeros);
    expect(&tar, NULL, NULL);

    put_header(&tar, "etc/shadow", '2', 0,
               "ustar\0"
               "00",
               0);                                              /* a link */
    put_header(&tar, "etc/inetd.conf", '0', 5, "visor  ", 512); /* data said to lie before it */
    expect(&tar, NULL, NULL);
}

static void no_gzip(void **state)
{
    struct tarpick *p = tarpick_new();
    tarpick_add(p, zeros, sizeof zeros);
    tarpick_add(p, zeros, sizeof zeros);
    assert_null(tarpick_take(p, TARPICK_SHADOW));
    tarpick_free(p);
    tarpick_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_tar), cmocka_unit_test(prefix_and_long_names),
        cmocka_unit_test(vmtar),     cmocka_unit_test(nothing_usable),
        cmocka_unit_test(no_gzip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
