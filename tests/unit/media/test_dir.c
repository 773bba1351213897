/* Directories as media, kinds, and the names that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "media/path.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static void sorted_and_below(void **state)
{
    static const char *const expected[] = {"a",     "b.gz",   "b.gz",    "dir/in/x",
                                           "dir/y", "inside", "linkd/x", "z"};
    struct seen seen = {.choose = open_containers};
    run("mkdir -p d/dir/in out && echo secret >out/secret && cd d && echo a >a && echo b | gzip >b.gz && "
        "echo x >dir/in/x && "
        "echo y >dir/y && echo z >z && ln -s dir/y inside && ln -s ../out/secret escape && ln -s /etc/passwd "
        "absolute && "
        "ln -s ../out outdir && ln -s nowhere dangling && ln -s .. dir/up && ln -s dir/in linkd && ln -s "
        "loop loop && "
        "mkfifo fifo");
    walk_ok("d", &seen);
    assert_string_equal(buf_text(&seen.kinds), "directory, gzip, plain file");
    run("cp d/b.gz . && gzip -dkf b.gz");
    same_as_file(&seen, "a", "d/a");
    same_as_file(&seen, "b", "b");
    same_as_file(&seen, "inside", "d/dir/y");
    same_as_file(&seen, "linkd/x", "d/dir/in/x");
    assert_int_equal(seen.entries, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < seen.entries; i++)
        if (i != 2)
            assert_string_equal(seen.entry[i].path, expected[i]);
    assert_string_equal(seen.entry[2].path, "b");
    assert_int_equal(seen.entry[2].parent, seen.entry[1].id);
    static const char *const noted[] = {"escape", "absolute", "outdir", "dangling", "dir/up", "loop", "fifo"};
    for (size_t i = 0; i < sizeof noted / sizeof *noted; i++)
        if (!strstr(buf_text(&seen.notes), noted[i]))
            fail_msg("no note of %s", noted[i]);
    seen_fini(&seen);
}

static void kinds(void **state)
{
    static const struct {
        const char *path;
        enum media_kind kind;
    } cases[] = {
        {"k", MEDIA_KIND_DIRECTORY}, {"k/a", MEDIA_KIND_FILE},     {"k/a.gz", MEDIA_KIND_GZIP},
        {"k/t", MEDIA_KIND_TAR},     {"k/f", MEDIA_KIND_DISK},     {"k/m", MEDIA_KIND_DISK},
        {"k/i", MEDIA_KIND_ISO},     {"k/empty", MEDIA_KIND_FILE}, {"k/hybrid", MEDIA_KIND_ISO},
        {"k/x", MEDIA_KIND_XZ},      {"k/b", MEDIA_KIND_BZIP2},    {"k/z", MEDIA_KIND_ZSTD},
    };
    run("mkdir k && cd k && echo a >a && : >empty && gzip -k a && bzip2 -c a >b && xz -c a >x && zstd -qc a "
        ">z && "
        "tar cf t a && mkfs.fat -C f 1440 && truncate -s 4M m && echo ',,6' | sfdisk -q m && "
        "xorriso -as mkisofs -quiet -o i a && xorriso -as mkisofs -quiet -partition_offset 16 -o hybrid a");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        enum media_kind kind;
        struct error err;
        int fd = open(cases[i].path, O_RDONLY | O_CLOEXEC);
        assert_int_equal(media_kind_of(fd, cases[i].path, &kind, &err), 0);
        if (kind != cases[i].kind)
            fail_msg("%s is taken for a %s", cases[i].path, media_kind_name(kind));
        assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
        close(fd);
    }
    struct seen seen = {0};
    walk_ok("k/a", &seen);
    same_as_file(&seen, "a", "k/a");
    seen_fini(&seen);
    enum media_kind kind;
    struct error err;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(media_kind_of(fd, "/dev/null", &kind, &err), -1);
    close(fd);
}

static void names(void **state)
{
    static const struct {
        const char *raw, *clean;
    } cases[] = {
        {"a", "a"},     {"./a/./b", "a/b"}, {"a//b/", "a/b"},
        {"...", "..."}, {"a/..b", "a/..b"}, {"/a", NULL},
        {"..", NULL},   {"a/..", NULL},     {"../a", NULL},
        {"", NULL},     {".", NULL},        {"./", NULL},
        {"a\nb", NULL}, {"a\x7f", NULL},    {"gr\xc3\xb6\xc3\x9f", "gr\xc3\xb6\xc3\x9f"},
    };
    char out[MEDIA_PATH_MAX], raw[MEDIA_PATH_MAX + 1];
    struct error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(path_clean(cases[i].raw, out, &err), cases[i].clean ? 0 : -1);
        if (cases[i].clean)
            assert_string_equal(out, cases[i].clean);
    }
    memset(raw, 'x', sizeof raw);
    raw[MEDIA_PATH_MAX] = '\0';
    assert_int_equal(path_clean(raw, out, &err), -1);
    raw[MEDIA_PATH_MAX - 1] = '\0';
    assert_int_equal(path_clean(raw, out, &err), 0);
    assert_string_equal(out, raw);
    assert_int_equal(path_join("d", "a/b", out, &err), -1);
    assert_int_equal(path_join("d", "..", out, &err), -1);
    assert_int_equal(path_join("d", "x", out, &err), 0);
    assert_string_equal(out, "d/x");
}

static int refuse_data(void *ctx, uint32_t id, const void *bytes, size_t size, struct error *err)
{
    return error_set(err, "the disk is full");
}

static enum media_want take_all(void *ctx, const struct media_entry *e)
{
    return MEDIA_TAKE;
}

static void links(void **state)
{
    static const struct {
        const char *link, *target, *end;
    } cases[] = {
        {"a", "b", "b"},        {"d/a", "b", "d/b"},
        {"d/a", "../b", "b"},   {"d/e/a", "../../b/c", "b/c"},
        {"d/a", "/b", "b"},     {"d/a", "./b//c/", "d/b/c"},
        {"a", ".", ""},         {"d/a", "..", ""},
        {"d/a", "/", ""},       {"a", "", ""},
        {"a", "../b", NULL},    {"d/a", "../../b", NULL},
        {"d/a", "/../b", NULL}, {"a", "b\nc", NULL},
    };
    char out[MEDIA_PATH_MAX], target[2 * MEDIA_PATH_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(path_follow(cases[i].link, cases[i].target, out) == (cases[i].end != NULL));
        if (cases[i].end)
            assert_string_equal(out, cases[i].end);
    }
    memset(target, 'x', sizeof target);
    target[MEDIA_PATH_MAX - 1] = '\0';
    assert_true(path_follow("a", target, out));
    assert_false(path_follow("d/a", target, out));
    target[MEDIA_PATH_MAX - 1] = 'x';
    target[MEDIA_PATH_MAX] = '\0';
    assert_false(path_follow("a", target, out));
}

static void the_visitor_may_stop(void **state)
{
    struct media_visitor v = {.want = take_all, .data = refuse_data};
    struct media_limits limits = MEDIA_LIMITS_DEFAULT;
    struct error err;
    run("echo x >v");
    int fd = open("v", O_RDONLY | O_CLOEXEC);
    assert_int_equal(media_walk(fd, "v", &v, &limits, &err), -1);
    assert_string_equal(err.text, "the disk is full");
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorted_and_below),
        cmocka_unit_test(kinds),
        cmocka_unit_test(names),
        cmocka_unit_test(links),
        cmocka_unit_test(the_visitor_may_stop),
    };
    return cmocka_run_group_tests_name("media/dir", tests, fixture_enter, fixture_leave);
}
