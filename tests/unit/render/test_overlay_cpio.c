#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "overlay_fixture.h"
#include "render/overlay_cpio.h"

#define TEXT_SLICE(text)                                                                                     \
    {                                                                                                        \
        (const uint8_t *)(text), sizeof(text) - 1                                                            \
    }

static const struct overlay_entry sample[] = {
    {.path = "a", .kind = OVERLAY_FOLDER, .mode = 01777},
    {.path = "a/empty", .kind = OVERLAY_FILE, .mode = 0600},
    {.path = "a/four", .kind = OVERLAY_FILE, .mode = 0644, .content = TEXT_SLICE("four")},
    {.path = "a/link", .kind = OVERLAY_LINK, .mode = 0777, .link = "../b/five"},
    {.path = "b", .kind = OVERLAY_FOLDER, .mode = 0700},
    {.path = "b/five", .kind = OVERLAY_FILE, .mode = 04755, .content = TEXT_SLICE("five\n")},
};
#define SAMPLE (sizeof sample / sizeof sample[0])

static void pack(const struct overlay_entry *entries, size_t count, struct buf *archive)
{
    struct error err;
    if (overlay_cpio(entries, count, archive, &err))
        fail_msg("%s", err.text);
    fixture_write("x.cpio", archive->data, archive->size);
}

/* Three programs that bootherd did not write take it apart, and get the same. */
static void foreign_tools_unpack_it(void **state)
{
    cleanup_buf struct buf archive = BUF_INIT;
    pack(sample, SAMPLE, &archive);
    fixture_check("for tool in 'cpio -idm --quiet' 'bsdtar -xpf -' 'busybox cpio -idm'; do\n"
                  "rm -rf x; mkdir x; (cd x && $tool) <x.cpio 2>err || cat err\n"
                  "(cd x && find . | sort | xargs stat -c '%n=%a,%s' | sed '/^.=/d; /a=\\|b=/s/,.*//'\n"
                  "readlink a/link; cat a/four b/five; TZ=UTC date -r b/five +%FT%T) | tr '\\n' ' '; echo\n"
                  "done | uniq -c | tr -s ' '",
                  " 3 ./a=1777 ./a/empty=600,0 ./a/four=644,4 ./a/link=777,9 ./b=700 ./b/five=4755,5 "
                  "../b/five fourfive 1980-01-01T00:00:00 \n");
    free(fixture_run("rm -rf x"));
}

static void listings_agree(void **state)
{
    cleanup_buf struct buf archive = BUF_INIT;
    cleanup_buf struct buf listing = BUF_INIT;
    pack(sample, SAMPLE, &archive);
    overlay_list(sample, SAMPLE, &listing);
    fixture_write("ours", listing.data, listing.size);
    /* But for the number of links, the date's form, and the size of a link, which tar shows as 0. */
    fixture_check(
        "TZ=UTC LC_ALL=C cpio -itv --quiet <x.cpio "
        "| sed -E 's, +[0-9]+ root +root +([0-9]+) Jan +1 +1980 , \\1 ,; s,^(l.*) 9 ,\\1 0 ,' >theirs; "
        "sed -E 's, root/root +([0-9]+) 1980-01-01 00:00 , \\1 ,; s,/$,,' ours | diff - theirs",
        "");
    fixture_check("bsdtar -tf x.cpio", "a\na/empty\na/four\na/link\nb\nb/five\n");
}

/* By hand from buffer-format.rst and cpio(5): "070701", then 13 numbers of 8 hexadecimal digits. */
static void bytes(void **state)
{
    static const char expected[] = "070701"
                                   "00000001" /* inode */
                                   "000081A4" /* 0100644 */
                                   "00000000" /* user */
                                   "00000000" /* group */
                                   "00000001" /* links */
                                   "12CEA600" /* 315532800 */
                                   "00000005" /* size */
                                   "00000000" /* four device numbers */
                                   "00000000"
                                   "00000000"
                                   "00000000"
                                   "00000003" /* name with NUL */
                                   "00000000" /* checksum */
                                   "ab\0"
                                   "\0\0\0" /* 110 + 3 to 116 */
                                   "12345"
                                   "\0\0\0" /* 121 to 124 */
                                   "070701"
                                   "0000000000000000000000000000000000000001"
                                   "000000000000000000000000000000000000000000000000"
                                   "0000000B00000000"
                                   "TRAILER!!!";
    struct overlay_entry one = {
        .path = "ab", .kind = OVERLAY_FILE, .mode = 0644, .content = TEXT_SLICE("12345")};
    cleanup_buf struct buf archive = BUF_INIT;
    pack(&one, 1, &archive);
    assert_int_equal(archive.size, 512);
    assert_memory_equal(archive.data, expected, sizeof expected);
    for (size_t i = sizeof expected; i < archive.size; i++)
        assert_int_equal(archive.data[i], 0);
}

/* Every name and content starts at a multiple of 4, also behind what is in the buffer already. */
static void alignment_counts_from_the_start(void **state)
{
    cleanup_buf struct buf alone = BUF_INIT;
    cleanup_buf struct buf behind = BUF_INIT;
    struct error err;
    buf_append_text(&behind, "odd");
    pack(sample, SAMPLE, &alone);
    assert_int_equal(overlay_cpio(sample, SAMPLE, &behind, &err), 0);
    assert_int_equal(alone.size % 512, 0);
    assert_int_equal(behind.size, alone.size + 3);
    assert_memory_equal(behind.data + 3, alone.data, alone.size);
}

static void every_length_survives(void **state)
{
    char content[32];
    struct overlay_entry entries[32];
    char paths[32][40];
    memset(content, 'x', sizeof content);
    for (size_t i = 0; i < 32; i++) {
        snprintf(paths[i], sizeof paths[i], "%02zu%.*s", i, (int)i, "abcdefghijklmnopqrstuvwxyzabcdefghijk");
        entries[i] = (struct overlay_entry){
            .path = paths[i], .kind = OVERLAY_FILE, .mode = 0644, .content = {(const uint8_t *)content, i}};
    }
    cleanup_buf struct buf archive = BUF_INIT;
    pack(entries, 32, &archive);
    fixture_check(
        "rm -rf x; mkdir x; cd x; cpio -id --quiet <../x.cpio; "
        "for f in *; do echo $(($(echo -n \"$f\" | wc -c) - $(wc -c <\"$f\"))); done | sort | uniq -c "
        "| tr -s ' '",
        " 32 2\n");
}

static void nothing_is_still_an_archive(void **state)
{
    cleanup_buf struct buf archive = BUF_INIT;
    pack(NULL, 0, &archive);
    assert_int_equal(archive.size, 512);
    fixture_check("cpio -it --quiet <x.cpio; bsdtar -tf x.cpio", "");
}

static void refused(void **state)
{
    static char long_path[OVERLAY_CPIO_PATH_MAX + 2];
    memset(long_path, 'n', sizeof long_path - 1);
    const struct {
        struct overlay_entry entry;
        const char *says;
    } bad[] = {
        {{.path = long_path}, "a path of more than 4095 bytes"},
        {{.path = "l", .kind = OVERLAY_LINK, .link = long_path}, "a link to a path of more than 4095"},
        {{.path = "TRAILER!!!"}, "would end the overlay"},
        {{.path = "big", .content = {(const uint8_t *)"", (size_t)1 << 32}}, "too large"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error err = {0};
        cleanup_buf struct buf archive = BUF_INIT;
        assert_int_equal(overlay_cpio(&bad[i].entry, 1, &archive, &err), -1);
        if (!strstr(err.text, bad[i].says))
            fail_msg("%zu: %s", i, err.text);
    }
    cleanup_buf struct buf archive = BUF_INIT;
    struct overlay_entry longest = {.path = long_path + 1, .mode = 0644};
    pack(&longest, 1, &archive);
    fixture_check("cpio -it --quiet <x.cpio | wc -c", "4096\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(foreign_tools_unpack_it),
        cmocka_unit_test(listings_agree),
        cmocka_unit_test(bytes),
        cmocka_unit_test(alignment_counts_from_the_start),
        cmocka_unit_test(every_length_survives),
        cmocka_unit_test(nothing_is_still_an_archive),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
