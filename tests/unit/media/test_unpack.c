/* gzip, bzip2, xz and zstd, whole, in several members, cut short and damaged; bombs; the check of one gzip
 * file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "fixture.h"
#include "media/gzip_check.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *tool, *suffix, *kind;
} tools[] = {{"gzip", "gz", "gzip"}, {"bzip2", "bz2", "bzip2"}, {"xz", "xz", "xz"}, {"zstd", "zst", "zstd"}};
#define TOOLS (sizeof tools / sizeof *tools)

static int make_files(void **state)
{
    if (fixture_enter(state) < 0)
        return -1;
    run("head -c 1500000 /dev/urandom >f; yes text that repeats | head -c 1500000 >>f; head -c 1000 f >g; "
        "cat f g >fg; "
        ": >empty");
    for (size_t i = 0; i < TOOLS; i++)
        run("%s -k f && %s -c empty >empty.%s && (%s -c f; %s -c g) >fg.%s", tools[i].tool, tools[i].tool,
            tools[i].suffix, tools[i].tool, tools[i].tool, tools[i].suffix);
    return 0;
}

static void whole(void **state)
{
    static const char *const files[] = {"f", "fg", "empty"};
    for (size_t i = 0; i < TOOLS; i++) {
        for (size_t k = 0; k < 3; k++) {
            struct seen seen = {0};
            char packed[32], kinds[64];
            snprintf(packed, sizeof packed, "%s.%s", files[k], tools[i].suffix);
            snprintf(kinds, sizeof kinds, "%s, plain file", tools[i].kind);
            walk_ok(packed, &seen);
            assert_string_equal(buf_text(&seen.kinds), kinds);
            assert_int_equal(seen.entries, 1);
            assert_true(seen.entry[0].size == MEDIA_SIZE_UNKNOWN);
            assert_int_equal(seen.entry[0].parent, 0);
            same_as_file(&seen, files[k], files[k]);
            seen_fini(&seen);
        }
    }
}

static void layers(void **state)
{
    struct seen seen = {0};
    run("gzip -c f | bzip2 | xz -0 | zstd -1 >f.gz.bz2.xz.zst");
    walk_ok("f.gz.bz2.xz.zst", &seen);
    assert_string_equal(buf_text(&seen.kinds), "zstd, xz, bzip2, gzip, plain file");
    same_as_file(&seen, "f", "f");
    seen_fini(&seen);
    run("cp g q.gz && for i in 1 2 3 4 5 6 7 8; do gzip -c q.gz >q && mv q q.gz; done");
    walk_ok("q.gz", &seen);
    seen_fini(&seen);
    run("gzip -c q.gz >q && mv q q.gz");
    walk_fails("q.gz", &seen, "more than 8 containers", NULL);
}

static void behind_the_end(void **state)
{
    struct seen seen = {0};
    for (size_t i = 0; i < TOOLS; i++) {
        run("{ cat fg.%s; head -c 1024 /dev/zero; } >p", tools[i].suffix);
        walk_ok("p", &seen);
        same_as_file(&seen, "p", "fg");
        seen_fini(&seen);
        run("{ cat fg.%s; head -c 1000 /dev/zero; echo garbage; } >p", tools[i].suffix);
        walk_fails("p", &seen, tools[i].kind, "other bytes follow", NULL);
    }
}

static void cut_short(void **state)
{
    for (size_t i = 0; i < TOOLS; i++) {
        char packed[16];
        snprintf(packed, sizeof packed, "f.%s", tools[i].suffix);
        long size = size_of(packed);
        long cuts[] = {20, size / 3, size - 9, size - 4, size - 1};
        for (size_t k = 0; k < sizeof cuts / sizeof *cuts; k++) {
            struct seen seen = {0};
            run("head -c %ld %s >cut", cuts[k], packed);
            walk_fails("cut", &seen, "ends early", tools[i].kind, "download or copy it again", NULL);
        }
    }
}

static void one_bit(void **state)
{
    for (size_t i = 0; i < TOOLS; i++) {
        char packed[16];
        snprintf(packed, sizeof packed, "f.%s", tools[i].suffix);
        long size = size_of(packed);
        /* The last 8 bytes of gzip: CRC32 and length. Of zstd, the last 4 are its checksum. */
        long at[] = {size / 4, size / 2, size - 100, size - 7, size - 3};
        for (size_t k = 0; k < sizeof at / sizeof *at; k++) {
            struct seen seen = {0};
            run("cp %s bad", packed);
            flip("bad", at[k], 2);
            walk_fails("bad", &seen, tools[i].kind, "again", NULL);
        }
    }
}

static void bombs(void **state)
{
    run("head -c 150000000 /dev/zero | bzip2 >zeros.bz2 && head -c 150000000 /dev/zero | gzip >zeros.gz && "
        "head -c 40000000 /dev/zero >z && cp z y && cp z x && tar cf z.tar x y z && gzip z.tar && truncate "
        "-s 200G sparse && "
        "tar cSf sparse.tar sparse && rm sparse");
    struct seen seen = {.keep_nothing = true, .limits = {100000000, 1000000000}};
    walk_fails("zeros.bz2", &seen, "zeros.bz2", "100.0 MB", "limit for one file", NULL);
    walk_fails("zeros.gz", &seen, "100.0 MB", "limit for one file", NULL);
    walk_fails("sparse.tar", &seen, "sparse.tar: sparse", "100.0 MB", NULL);
    seen.choose = skip_all; /* what is skipped inside still has to be unpacked */
    walk_fails("zeros.gz", &seen, "100.0 MB", NULL);
    struct seen total = {.keep_nothing = true, .limits = {1000000000, 140000000}};
    walk_fails("zeros.gz", &total, "whole medium", "140.0 MB", NULL);
    walk_fails("z.tar.gz", &total, "whole medium", "140.0 MB", NULL);
}

/* A dictionary or window beyond what a walk may allocate. */
static void greedy(void **state)
{
    struct seen seen = {0};
    run("xz -9 -c f >big.xz && zstd -q --ultra -22 --long=27 --single-thread -c <f >big.zst");
    walk_fails("big.xz", &seen, "18 MiB", "xz -6", NULL);
    walk_fails("big.zst", &seen, "zstd", "8 MiB", "zstd -19", NULL);
}

static int check_file(const char *path, size_t step, bool *is_gzip, uint64_t *unpacked, struct error *err)
{
    struct buf b = BUF_INIT;
    assert_int_equal(file_read_at(AT_FDCWD, path, SIZE_MAX, &b, err), 0);
    struct gzip_check *g = gzip_check_new();
    int result = 0;
    for (size_t at = 0; result == 0 && at < b.size; at += step)
        result = gzip_check_add(g, b.data + at, b.size - at < step ? b.size - at : step, err);
    if (result == 0)
        result = gzip_check_end(g, is_gzip, unpacked, err);
    gzip_check_free(g);
    buf_fini(&b);
    return result;
}

static void gzip_check(void **state)
{
    static const size_t steps[] = {1, 7, 4096, 1u << 24};
    bool is_gzip;
    uint64_t unpacked;
    struct error err;
    run("gzip -c g >g.gz && printf '\\037' >one && (cat g.gz; printf '\\0') >padded.gz && head -c 1000 f.gz "
        ">cut.gz && "
        "n=$(stat -c %%s g.gz) && head -c $((n-1)) g.gz >cut1.gz && cat g.gz g.gz >two.gz");
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        assert_int_equal(check_file("g.gz", steps[i], &is_gzip, &unpacked, &err), 0);
        assert_true(is_gzip && unpacked == 1000);
        assert_int_equal(check_file("empty.gz", steps[i], &is_gzip, &unpacked, &err), 0);
        assert_true(is_gzip && unpacked == 0);
        assert_int_equal(check_file("g", steps[i], &is_gzip, &unpacked, &err), 0);
        assert_true(!is_gzip && unpacked == 1000);
        assert_int_equal(check_file("one", steps[i], &is_gzip, &unpacked, &err), 0);
        assert_true(!is_gzip && unpacked == 1);
        assert_int_equal(check_file("two.gz", steps[i], &is_gzip, &unpacked, &err), -1);
        assert_non_null(strstr(err.text, "behind its gzip data"));
        assert_int_equal(check_file("padded.gz", steps[i], &is_gzip, &unpacked, &err), -1);
        assert_int_equal(check_file("cut.gz", steps[i], &is_gzip, &unpacked, &err), -1);
        assert_non_null(strstr(err.text, "ends early"));
        assert_int_equal(check_file("cut1.gz", steps[i], &is_gzip, &unpacked, &err), -1);
    }
    assert_int_equal(check_file("f.gz", 65536, &is_gzip, &unpacked, &err), 0);
    assert_true(is_gzip && unpacked == 3000000);
    for (long from_end = 1; from_end <= 8; from_end++) {
        run("cp g.gz bad.gz");
        flip("bad.gz", size_of("bad.gz") - from_end, 0);
        assert_int_equal(check_file("bad.gz", 100, &is_gzip, &unpacked, &err), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),     cmocka_unit_test(layers),     cmocka_unit_test(behind_the_end),
        cmocka_unit_test(cut_short), cmocka_unit_test(one_bit),    cmocka_unit_test(bombs),
        cmocka_unit_test(greedy),    cmocka_unit_test(gzip_check),
    };
    return cmocka_run_group_tests_name("media/unpack", tests, make_files, fixture_leave);
}
