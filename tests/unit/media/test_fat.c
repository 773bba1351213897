/* FAT12, FAT16 and FAT32 made by mkfs.fat and mtools; what was put in is what has to come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "media/fat.h"

#include <stdlib.h>

/* A folder with short and long names, sub-folders, an empty file, and more entries than one cluster holds. */
static int make_files(void **state)
{
    if (fixture_enter(state) < 0)
        return -1;
    run("mkdir -p in/sub/deeper in/'Long Folder Name' && cd in && echo boot >boot.cfg && : >empty && "
        "head -c 70001 /dev/urandom >vmk.gz && head -c 512 /dev/urandom >one-exact-sector.bin && "
        "echo long >'A rather long file name, with spaces.text' && echo x >MixedCase.Txt && "
        "echo u >'Größe-日本.txt' && head -c 33333 /dev/urandom >sub/deeper/data.bin && "
        "echo nested >'Long Folder Name/inner file.cfg' && "
        "i=0; while [ $i -lt 300 ]; do echo $i >sub/file-number-$i.txt; i=$((i+1)); done");
    return 0;
}

/* Long names need a UTF-8 locale in mtools. */
#define MCOPY "LC_ALL=C.UTF-8 mcopy -Q -s -i"

static void every_type(void **state)
{
    static const struct {
        const char *options;
        unsigned kib;
        const char *mkfs;
    } cases[] = {
        {"-F 12 -s 4 -n LABEL", 2048, "FAT12"}, {"-F 16 -s 1 -n LABEL -R 2", 4080, "FAT16"},
        {"-F 16 -s 8 -R 8", 32768, "FAT16"},    {"-F 32 -s 1 -n LABEL", 40960, "FAT32"},
        {"-F 16 -f 1 -s 1", 8192, "FAT16"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {0};
        run("rm -f a.img && mkfs.fat -C %s a.img %u && echo gone >gone.txt && mcopy -i a.img gone.txt ::/ "
            "&& " MCOPY " a.img in/* ::/ && mdel -i a.img ::/gone.txt && " MCOPY " a.img gone.txt ::/sub/ && "
            "mdel -i a.img ::/sub/gone.txt && fsck.fat -n a.img",
            cases[i].options, cases[i].kib);
        walk_ok("a.img", &seen);
        assert_string_equal(buf_text(&seen.kinds), "disk image");
        assert_string_equal(buf_text(&seen.notes), "");
        same_as_folder(&seen, "in");
        seen_fini(&seen);
    }
}

static uint32_t get16(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

/* Where things are in a FAT16 image, read by hand from its boot sector. */
struct fat16 {
    long fat, fat_bytes, root, data, cluster;
};

static struct fat16 fat16_of(const char *file)
{
    uint8_t b[64];
    peek(file, 0, b, sizeof b);
    struct fat16 f = {.cluster = b[13] * 512L};
    f.fat = (long)get16(b + 14) * 512;
    f.fat_bytes = (long)get16(b + 22) * 512;
    f.root = f.fat + b[16] * f.fat_bytes;
    f.data = f.root + (long)get16(b + 17) * 32;
    return f;
}

static void link16(const char *file, unsigned cluster, unsigned next)
{
    struct fat16 f = fat16_of(file);
    uint8_t v[2] = {(uint8_t)next, (uint8_t)(next >> 8)};
    poke(file, f.fat + 2L * cluster, v, 2);
    poke(file, f.fat + f.fat_bytes + 2L * cluster, v, 2);
}

/* The offset of the short entry with this 11-byte name in the root folder. */
static long entry16(const char *file, const char *name)
{
    struct fat16 f = fat16_of(file);
    for (long at = f.root; at < f.data; at += 32) {
        uint8_t e[32];
        peek(file, at, e, 32);
        if (memcmp(e, name, 11) == 0 && e[11] != 0x0f)
            return at;
    }
    fail_msg("no %s in %s", name, file);
    return 0;
}

static unsigned first16(const char *file, const char *name)
{
    uint8_t v[2];
    peek(file, entry16(file, name) + 26, v, 2);
    return get16(v);
}

static void swap_clusters(const char *file, unsigned a, unsigned b)
{
    struct fat16 f = fat16_of(file);
    uint8_t *x = malloc((size_t)f.cluster), *y = malloc((size_t)f.cluster);
    peek(file, f.data + (a - 2) * f.cluster, x, (size_t)f.cluster);
    peek(file, f.data + (b - 2) * f.cluster, y, (size_t)f.cluster);
    poke(file, f.data + (a - 2) * f.cluster, y, (size_t)f.cluster);
    poke(file, f.data + (b - 2) * f.cluster, x, (size_t)f.cluster);
    free(x);
    free(y);
}

static void small_image(const char *extra)
{
    run("rm -rf s.img small && mkdir small && head -c 9000 /dev/urandom >small/a.bin && "
        "head -c 5000 /dev/urandom >small/b.bin && mkfs.fat -C -F 16 -s 4 s.img 16384 && "
        "mcopy -i s.img small/a.bin small/b.bin ::/ %s",
        extra);
}

/* a.bin occupies clusters n .. n+4 of 2048 bytes, b.bin three more. */
static void out_of_order(void **state)
{
    struct seen seen = {0};
    small_image("");
    unsigned n = first16("s.img", "A       BIN");
    swap_clusters("s.img", n + 1, n + 4); /* a.bin: n, n+4, n+2, n+3, n+1 */
    link16("s.img", n, n + 4);
    link16("s.img", n + 4, n + 2);
    link16("s.img", n + 3, n + 1);
    link16("s.img", n + 1, 0xffff);
    swap_clusters("s.img", n, n + 6); /* and its start lies behind b.bin's */
    link16("s.img", n + 6, n + 4);
    link16("s.img", n + 5, n);
    link16("s.img", n, n + 7);
    uint8_t first[2] = {(uint8_t)(n + 6), 0};
    poke("s.img", entry16("s.img", "A       BIN") + 26, first, 2);
    run("rm -rf out && mkdir out && mcopy -i s.img ::/a.bin ::/b.bin out/ && cmp out/a.bin small/a.bin && "
        "cmp out/b.bin small/b.bin");
    walk_ok("s.img", &seen);
    same_as_folder(&seen, "small");
    seen_fini(&seen);
}

static void fragmented_by_mtools(void **state)
{
    static const char *const types[] = {"-F 12 -s 8 -C f.img 8192", "-F 16 -s 1 -C f.img 16384",
                                        "-F 32 -s 1 -C f.img 36864"};
    run("rm -rf frag && mkdir frag && i=10; while [ $i -lt 90 ]; do head -c $((i * 300)) /dev/urandom "
        ">frag/f$i; "
        "i=$((i+1)); done; head -c 900001 /dev/urandom >frag/big");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct seen seen = {0};
        run("rm -f f.img && mkfs.fat %s && mcopy -i f.img frag/f* ::/ && mdel -i f.img '::/f?[13579]' && mmd "
            "-i f.img "
            "::/d && mcopy -i f.img frag/big ::/d/ && rm -rf out && mkdir out && mcopy -s -i f.img '::/*' "
            "out/",
            types[i]);
        walk_ok("f.img", &seen);
        same_as_folder(&seen, "out");
        seen_fini(&seen);
    }
}

/* A folder whose files lie before it on the disk. */
static void folder_behind_its_files(void **state)
{
    struct seen seen = {0};
    run("rm -rf l.img late && mkdir -p late/d/e && head -c 300000 /dev/urandom >hole && "
        "head -c 200000 /dev/urandom >late/d/x.bin && head -c 90000 /dev/urandom >late/d/e/y.bin && "
        "head -c 70000 /dev/urandom >late/tail.bin && mkfs.fat -C -F 32 -s 1 l.img 36864 && mcopy -i l.img "
        "hole ::/ && "
        "mcopy -i l.img late/tail.bin ::/ && mmd -i l.img ::/d ::/d/e && mdel -i l.img ::/hole");
    poke("l.img", 512 + 492, "\xff\xff\xff\xff", 4); /* FSInfo: look for free clusters from the start */
    run("mcopy -i l.img late/d/x.bin ::/d/ && mcopy -i l.img late/d/e/y.bin ::/d/e/ && "
        "mshowfat -i l.img ::/d/x.bin | grep '<3-'"); /* right behind the root folder */
    walk_ok("l.img", &seen);
    same_as_folder(&seen, "late");
    seen_fini(&seen);
}

static void too_scattered(void **state)
{
    struct seen seen = {0};
    run("rm -f l.img && head -c 12000000 /dev/zero >hole && mkfs.fat -C -F 16 -s 16 l.img 65536 && "
        "mcopy -i l.img hole ::/ && mmd -i l.img ::/d && mdel -i l.img ::/hole && mcopy -i l.img hole ::/d/");
    walk_fails("l.img", &seen, "8 MiB", "mcopy", NULL);
}

/* Case of 8.3 names: byte 12 of the entry, as Windows NT writes it and Linux reads it. */
static void short_names(void **state)
{
    static const struct {
        uint8_t flags;
        const char *name;
    } cases[] = {{0x00, "a.bin"}, {0x08, "a.BIN"}, {0x10, "A.bin"}, {0x18, "a.bin"}};
    small_image("");
    long at = entry16("s.img", "A       BIN");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {0};
        poke("s.img", at + 12, &cases[i].flags, 1);
        walk_ok("s.img", &seen);
        same_as_file(&seen, cases[i].name, "small/a.bin");
        seen_fini(&seen);
    }
}

static void long_name_of_another_file(void **state)
{
    struct seen seen = {0};
    run("rm -rf s.img && echo 1 >'First Long Name.text' && mkfs.fat -C -F 16 -s 4 s.img 16384 && "
        "mcopy -i s.img 'First Long Name.text' ::/");
    long at = entry16("s.img", "FIRSTL~1TEX");
    poke("s.img", at, "OTHER   TXT", 11); /* as a system without long names renames it */
    walk_ok("s.img", &seen);
    assert_int_equal(seen.entries, 1);
    same_as_file(&seen, "other.txt", "First Long Name.text");
    seen_fini(&seen);
}

/* 4084 clusters are the most of a FAT12: their numbers reach ff5, close to the marks. */
static void full_fat12(void **state)
{
    struct seen seen = {0};
    /* 1 reserved + 2 x 12 for the tables + 32 for 512 root entries + 4084 */
    run("rm -rf t.img full && mkdir full && head -c $((4084 * 512)) /dev/urandom >full/all && truncate -s "
        "$((4141*512)) "
        "t.img && mkfs.fat -F 12 -s 1 -r 512 -a t.img && mcopy -i t.img full/all ::/ && ! mcopy -i t.img "
        "in/boot.cfg ::/");
    walk_ok("t.img", &seen);
    same_as_folder(&seen, "full");
    seen_fini(&seen);
}

static void type_by_clusters(void **state)
{
    struct fat_layout l;
    struct error err;
    uint8_t b[512] = {0};
    b[12] = 2;  /* 512 bytes a sector */
    b[13] = 1;  /* sectors a cluster */
    b[14] = 1;  /* reserved */
    b[16] = 1;  /* copies */
    b[17] = 16; /* root entries: one sector */
    b[21] = 0xf8;
    b[22] = 0;
    b[23] = 1; /* 256 sectors of table */
    memcpy(b + 54, "FAT32   ", 8);
    uint32_t around = 1 + 256 + 1;
    static const struct {
        uint32_t clusters;
        int type;
    } cases[] = {{1, FAT12}, {4084, FAT12}, {4085, FAT16}, {65524, FAT16}, {65525, 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t total = around + cases[i].clusters;
        for (unsigned k = 0; k < 4; k++)
            b[32 + k] = (uint8_t)(total >> 8 * k);
        int result = fat_layout_parse(b, &l, &err);
        assert_int_equal(result, cases[i].type ? 0 : -1);
        if (result == 0) {
            assert_int_equal(l.type, cases[i].type);
            assert_int_equal(l.clusters, cases[i].clusters);
            assert_int_equal(l.data_at, around * 512);
        }
    }
    memset(b + 22, 0,
           2); /* no 16-bit table size: FAT32, however small, as mkfs.fat makes and Linux mounts it */
    b[36] = 255;
    memcpy(b + 32, "\xe8\3\0\0", 4); /* 1000 sectors */
    assert_int_equal(fat_layout_parse(b, &l, &err), 0);
    assert_int_equal(l.type, FAT32);
}

static void damaged_chains(void **state)
{
    static const struct {
        unsigned from, to; /* relative to a.bin's first cluster; `to` as stored when absolute */
        bool absolute;
        const char *says;
    } cases[] = {
        {2, 0, false, "loop"},      {2, 2, false, "loop"},     {2, 5, false, "two files"},
        {2, 0xfff7, true, "bad"},   {2, 0, true, "free"},      {1, 0xffff, true, "holds only 4096"},
        {2, 0xfff0, true, "exist"}, {2, 1, true, "not exist"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {0};
        small_image("");
        unsigned n = first16("s.img", "A       BIN");
        link16("s.img", n + cases[i].from, cases[i].to + (cases[i].absolute ? 0 : n));
        walk_fails("s.img", &seen, cases[i].says, ".bin", "cluster", "get the image again", NULL);
    }
}

static void one_bit_in_one_fat(void **state)
{
    struct seen seen = {0};
    small_image("");
    struct fat16 f = fat16_of("s.img");
    unsigned n = first16("s.img", "A       BIN");
    flip("s.img", f.fat + 2L * (n + 1), 3);
    walk_fails("s.img", &seen, "a.bin", "two copies", NULL);
    flip("s.img", f.fat + 2L * (n + 1), 3);
    flip("s.img", f.fat + f.fat_bytes + 2L * (n + 1), 0);
    walk_fails("s.img", &seen, "a.bin", "two copies", NULL);
    flip("s.img", f.fat + f.fat_bytes + 2L * (n + 1), 0);
    flip("s.img", f.fat + 2 * 1000L, 0); /* nobody's cluster: a note */
    walk_ok("s.img", &seen);
    same_as_folder(&seen, "small");
    assert_non_null(strstr(buf_text(&seen.notes), "differ"));
    seen_fini(&seen);
}

static void damaged_entries(void **state)
{
    static const uint8_t huge[4] = {0xff, 0xff, 0xff, 0x7f}, none[2] = {0, 0};
    struct seen seen = {0};
    small_image("");
    long at = entry16("s.img", "A       BIN");
    poke("s.img", at + 28, huge, 4);
    walk_fails("s.img", &seen, "a.bin", "2147483647", "10240", NULL);
    poke("s.img", at + 26, none, 2);
    walk_fails("s.img", &seen, "a.bin", "cluster 0", NULL);
    small_image("&& mmd -i s.img ::/d");
    at = entry16("s.img", "D          ");
    unsigned d = first16("s.img", "D          ");
    link16("s.img", d, d);
    walk_fails("s.img", &seen, "d: cluster", "loop", NULL);
    small_image("");
    poke("s.img", entry16("s.img", "A       BIN"), "X/Y     ", 8);
    walk_fails("s.img", &seen, "slash", NULL);
}

/* A folder that contains itself. */
static void folder_loop(void **state)
{
    struct seen seen = {0};
    small_image("&& mmd -i s.img ::/d ::/d/e");
    struct fat16 f = fat16_of("s.img");
    unsigned d = first16("s.img", "D          ");
    uint8_t cluster[2] = {(uint8_t)d, (uint8_t)(d >> 8)};
    poke("s.img", f.data + (d - 2) * f.cluster + 2 * 32 + 26, cluster, 2);
    walk_fails("s.img", &seen, "d/e: cluster", "two files", NULL);
}

static void cut_short(void **state)
{
    struct seen seen = {0};
    small_image("");
    struct fat16 f = fat16_of("s.img");
    unsigned n = first16("s.img", "A       BIN");
    run("cp s.img t.img && truncate -s %ld t.img", f.data + (n - 2 + 8) * f.cluster);
    walk_ok("t.img", &seen); /* nothing that lies further on is wanted */
    same_as_folder(&seen, "small");
    seen_fini(&seen);
    run("truncate -s %ld t.img", f.data + (n - 2 + 8) * f.cluster - 1);
    walk_fails("t.img", &seen, "b.bin", "cut short", NULL);
    run("truncate -s %ld t.img", f.root + 7);
    walk_fails("t.img", &seen, "root folder", "cut short", NULL);
    run("truncate -s %ld t.img", f.fat + 9);
    walk_fails("t.img", &seen, "FAT", "cut short", NULL);
    seen.choose = skip_all;
    run("cp s.img t.img && truncate -s %ld t.img", f.data);
    walk_ok("t.img", &seen);
    assert_int_equal(seen.entries, 2);
    seen_fini(&seen);
}

static enum media_want open_tars(const struct media_entry *e)
{
    return strstr(e->path, ".tgz") ? MEDIA_OPEN : MEDIA_TAKE;
}

/* Opened files while others pass by, even between their clusters. */
static void opened_inside(void **state)
{
    struct seen seen = {.choose = open_tars};
    run("rm -rf o.img o && mkdir o && cd o && head -c 60000 /dev/urandom >one && head -c 50000 /dev/urandom "
        ">two && "
        "head -c 40000 /dev/urandom >plain && tar czf a.tgz one && tar czf b.tgz two && cd .. && "
        "mkfs.fat -C -F 16 -s 1 o.img 16384 && head -c 20000 /dev/zero >h && mcopy -i o.img h ::/h1 && "
        "mcopy -i o.img o/plain ::/ && mcopy -i o.img h ::/h2 && mcopy -i o.img o/a.tgz ::/ && mdel -i o.img "
        "::/h1 "
        "::/h2 && mcopy -i o.img o/b.tgz ::/");
    walk_ok("o.img", &seen);
    same_as_file(&seen, "one", "o/one");
    same_as_file(&seen, "two", "o/two");
    same_as_file(&seen, "plain", "o/plain");
    assert_int_equal(seen_get(&seen, "one")->parent, seen_get(&seen, "a.tgz")->id);
    assert_string_equal(seen_get(&seen, "two")->where, "o.img: b.tgz");
    seen_fini(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),
        cmocka_unit_test(out_of_order),
        cmocka_unit_test(fragmented_by_mtools),
        cmocka_unit_test(folder_behind_its_files),
        cmocka_unit_test(too_scattered),
        cmocka_unit_test(short_names),
        cmocka_unit_test(long_name_of_another_file),
        cmocka_unit_test(full_fat12),
        cmocka_unit_test(type_by_clusters),
        cmocka_unit_test(damaged_chains),
        cmocka_unit_test(one_bit_in_one_fat),
        cmocka_unit_test(damaged_entries),
        cmocka_unit_test(folder_loop),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(opened_inside),
    };
    return cmocka_run_group_tests_name("media/fat", tests, make_files, fixture_leave);
}
