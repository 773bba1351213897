/* ISO 9660 by xorriso, tar by GNU tar and bsdtar, discs of other projects; vmtar by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int make_files(void **state)
{
    if (fixture_enter(state) < 0)
        return -1;
    run("mkdir -p up/DIR/DEEPER && cd up && echo boot >BOOT.CFG && echo n >NOEXT && head -c 70001 "
        "/dev/urandom "
        ">S.V00 && : >EMPTY.TXT && head -c 4096 /dev/urandom >DIR/DEEPER/DATA.BIN && echo d >DIR/A.TXT");
    run("mkdir -p low/dir/deeper && cd low && echo boot >boot.cfg && head -c 70001 /dev/urandom >'Long "
        "name.vgz' && "
        ": >empty && head -c 4096 /dev/urandom >dir/deeper/data.bin && echo u >dir/'Größe.txt' && "
        "i=0; while [ $i -lt 200 ]; do echo $i >dir/file-number-$i; i=$((i+1)); done");
    return 0;
}

static void iso_views(void **state)
{
    static const struct {
        const char *options, *folder;
    } cases[] = {
        {"--norock -iso-level 1", "up"}, /* names are upper case, cut off ";1" and the dot of NOEXT. */
        {"--norock -J", "low"},
        {"-R", "low"},
        {"-R -J -iso-level 3", "low"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {0};
        run("rm -f a.iso && LC_ALL=C.UTF-8 xorriso -as mkisofs -quiet %s -o a.iso %s", cases[i].options,
            cases[i].folder);
        walk_ok("a.iso", &seen);
        assert_string_equal(buf_text(&seen.kinds), "ISO 9660");
        same_as_folder(&seen, cases[i].folder);
        seen_fini(&seen);
    }
}

/* Also through a stream that cannot seek. */
static void iso_compressed(void **state)
{
    struct seen seen = {0};
    run("xorriso -as mkisofs -quiet -R -o c.iso low && gzip -f c.iso");
    walk_ok("c.iso.gz", &seen);
    same_as_folder(&seen, "low");
    seen_fini(&seen);
}

static void discs_of_others(void **state)
{
    static const char *const discs[] = {"/usr/lib/memtest86+/memtest86+x64.iso",
                                        "/usr/lib/memtest86+/memtest86+ia32.iso",
                                        "/usr/lib/grub-rescue/grub-rescue-cdrom.iso"};
    for (size_t i = 0; i < sizeof discs / sizeof *discs; i++) {
        struct seen seen = {0};
        if (access(discs[i], R_OK) != 0)
            fail_msg("%s is missing: apt-get install memtest86+ grub-rescue-pc", discs[i]);
        run("rm -rf out && mkdir out && bsdtar -xf %s -C out && chmod -R u+rwX out", discs[i]);
        walk_ok(discs[i], &seen);
        same_as_folder(&seen, "out");
        seen_fini(&seen);
    }
}

static void rescue_images(void **state)
{
    struct seen seen = {.choose = open_all};
    walk_ok("/usr/lib/grub-rescue/grub-rescue-cdrom.iso", &seen);
    seen_fini(&seen);
    walk_ok("/usr/lib/grub-rescue/grub-rescue-floppy.img", &seen);
    seen_fini(&seen);
    walk_ok("/usr/lib/grub-rescue/grub-rescue-usb.img", &seen);
    seen_fini(&seen);
}

static void tars(void **state)
{
    static const char *const commands[] = {
        "tar cf a.tar --format=ustar -C low .",
        "tar cf a.tar --format=gnu -C low boot.cfg 'Long name.vgz' empty dir",
        "tar cf a.tar --format=pax -C low .",
        "tar cf a.tar --format=v7 -C low .",
        "bsdtar -cf a.tar -C low .",
        "LC_ALL=C.UTF-8 bsdtar --format=pax -cf a.tar -C low .",
    };
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        struct seen seen = {0};
        run("rm -f a.tar && %s", commands[i]);
        walk_ok("a.tar", &seen);
        assert_string_equal(buf_text(&seen.kinds), "tar");
        same_as_folder(&seen, "low");
        seen_fini(&seen);
    }
}

static void unusual_tars(void **state)
{
    struct seen seen = {0};
    run("rm -rf u && mkdir u && cd u && truncate -s 3M sparse && echo x | dd of=sparse bs=1 seek=1000000 "
        "conv=notrunc "
        "status=none && d=$(printf 'd%%.0s' $(seq 120)) && mkdir $d && echo deep >$d/$d && cd .. && "
        "tar cSf a.tar -C u .");
    walk_ok("a.tar", &seen);
    same_as_folder(&seen, "u");
    seen_fini(&seen);
    run("tar cSf a.tar --format=pax -C u .");
    walk_ok("a.tar", &seen);
    same_as_folder(&seen, "u");
    seen_fini(&seen);
    run("rm -rf u && mkdir u && cd u && echo 1 >one && ln one two && ln -s one three && mkfifo pipe && tar "
        "cf ../a.tar "
        "one two three pipe");
    walk_ok("a.tar", &seen);
    assert_int_equal(seen.entries, 1);
    assert_non_null(strstr(buf_text(&seen.notes), "two is a second name of one"));
    assert_string_equal(buf_text(&seen.links), "two=one ");
    seen_fini(&seen);
    run("rm -rf u && mkdir -p u/d && cd u && echo 1 >d/one && ln d/one d/two && ln -s one d/three && ln -s "
        "../d/one "
        "d/four && ln -s /d/one five && ln -s . six && ln -s ../../x d/out && xorriso -as mkisofs -quiet -R "
        "-o "
        "../l.iso .");
    walk_ok("l.iso", &seen);
    assert_int_equal(seen.entries, 1);
    static const char *const links[] = {"d/two=d/one ", "d/three=d/one ", "d/four=d/one ", "five=d/one ",
                                        "six= "};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (!strstr(buf_text(&seen.links), links[i]))
            fail_msg("'%s' lacks '%s'", buf_text(&seen.links), links[i]);
    assert_null(strstr(buf_text(&seen.links), "out="));
    seen_fini(&seen);
}

static void names_that_lead_out(void **state)
{
    struct seen seen = {0};
    run("echo x >evil && tar cPf a.tar --transform='s|evil|../evil|' evil");
    walk_fails("a.tar", &seen, "\"../evil\"", "leads out", NULL);
    run("tar cPf a.tar --transform='s|evil|a/../../evil|' evil");
    walk_fails("a.tar", &seen, "\"a/../../evil\"", NULL);
    run("tar cPf a.tar --transform='s|evil|/etc/evil|' evil");
    walk_fails("a.tar", &seen, "\"/etc/evil\"", "absolute", NULL);
    run("f=$(printf 'b\001b') && echo x >\"$f\" && tar cf a.tar \"$f\"");
    walk_fails("a.tar", &seen, "control characters", NULL);
    run("rm -rf i && mkdir i && echo x >i/xx-evil && xorriso -as mkisofs -quiet -R -o a.iso i && "
        "sed -i 's|xx-evil|../evil|g' a.iso");
    walk_fails("a.iso", &seen, "\"../evil\"", "leads out", NULL);
}

static void cut_isos(void **state)
{
    struct seen seen = {0};
    char size[32];
    run("xorriso -as mkisofs -quiet -R -o a.iso low && stat -c %%s a.iso >size");
    FILE *f = fopen("size", "r");
    assert_non_null(fgets(size, sizeof size, f));
    fclose(f);
    size[strcspn(size, "\n")] = '\0';
    run("truncate -s 300000 a.iso");
    walk_fails("a.iso", &seen, size, "300000", "cut short", NULL);
    run("xorriso -as mkisofs -quiet -R -o a.iso low && head -c 300000 a.iso | gzip >b.iso.gz");
    walk_fails("b.iso.gz", &seen, "cut short", NULL);
}

static void cut_tars(void **state)
{
    static const long cuts[] = {100, 512, 700, 1024, 1536, 50000, 71000};
    struct seen seen = {0};
    run("tar cf a.tar -C low boot.cfg 'Long name.vgz'"); /* 512 + 512, 512 + 70144, two blocks of zeros,
                                                            padding */
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        if (cuts[i] < 512)
            continue; /* no tar yet */
        run("head -c %ld a.tar >b.tar", cuts[i]);
        walk_fails("b.tar", &seen, "cut short", NULL);
    }
    run("head -c $((1024 + 512 + 70144 + 512)) a.tar >b.tar"); /* one block of zeros is accepted everywhere */
    walk_ok("b.tar", &seen);
    seen_fini(&seen);
    seen.choose = skip_all;
    run("head -c 50000 a.tar >b.tar");
    walk_fails("b.tar", &seen, "cut short", NULL);
    run("cp a.tar b.tar");
    flip("b.tar", 1024 + 3, 1); /* in the second header */
    walk_fails("b.tar", &seen, "damaged", NULL);
}

/* An opened entry's checks count even when nothing in it is wanted, and so do those of what lies around it.
 */
static enum media_want only_open(const struct media_entry *e)
{
    return strchr(e->path, '.') && e->size != MEDIA_SIZE_UNKNOWN ? MEDIA_OPEN : MEDIA_SKIP;
}

static void checks_at_the_end(void **state)
{
    struct seen seen = {.choose = only_open};
    run("rm -rf w && mkdir w && head -c 3000000 /dev/urandom | bzip2 >w/inner.bz2 && cd w && tar czf "
        "../w.tgz "
        "inner.bz2");
    walk_ok("w.tgz", &seen);
    seen_fini(&seen);
    run("cp w.tgz x.tgz");
    flip("x.tgz", size_of("x.tgz") - 6, 1); /* of the CRC32 */
    walk_fails("x.tgz", &seen, "gzip", "incorrect data check", NULL);
    flip("x.tgz", size_of("x.tgz") - 6, 1);
    for (long at = 1000; at < 3000000; at += 100003) { /* wherever the archive's reader meets it */
        seen.choose = at % 2 ? skip_all : only_open;
        flip("x.tgz", at, 5);
        walk_fails("x.tgz", &seen, "data is damaged", NULL);
        flip("x.tgz", at, 5);
    }
    seen.choose = only_open;
    flip("w/inner.bz2", size_of("w/inner.bz2") - 3, 4); /* of the stream's CRC */
    run("cd w && tar czf ../x.tgz inner.bz2");
    walk_fails("x.tgz", &seen, "x.tgz: inner.bz2", "bzip2", NULL);
}

static enum media_want open_and_take(const struct media_entry *e)
{
    return strstr(e->path, ".gz") ? MEDIA_OPEN_TAKE : MEDIA_TAKE;
}

static void opened_and_taken(void **state)
{
    struct seen seen = {.choose = open_and_take};
    run("rm -rf t && mkdir t && head -c 500000 /dev/urandom >plain && gzip -c plain >t/plain.gz && tar cf "
        "t.tar -C t .");
    walk_ok("t.tar", &seen);
    same_as_file(&seen, "plain.gz", "t/plain.gz");
    same_as_file(&seen, "plain", "plain");
    assert_int_equal(seen_get(&seen, "plain")->parent, seen_get(&seen, "plain.gz")->id);
    seen_fini(&seen);
}

/* The layout that published readers of vmtar agree on; there is no writer to be had. */
struct vmtar_member {
    const char *name, *prefix;
    char type;
    uint32_t size, at;
};

static void vmtar_header(uint8_t *b, const struct vmtar_member *m)
{
    memset(b, 0, 512);
    strncpy((char *)b, m->name, 100);
    snprintf((char *)b + 100, 24, "%07o", 0644);
    snprintf((char *)b + 124, 12, "%011o", m->size);
    b[156] = (uint8_t)m->type;
    memcpy(b + 257, "visor  ", 8);
    strncpy((char *)b + 345, m->prefix, 151);
    for (unsigned k = 0; k < 4; k++)
        b[496 + k] = (uint8_t)(m->at >> 8 * k);
    memset(b + 148, ' ', 8);
    unsigned sum = 0;
    for (unsigned i = 0; i < 512; i++)
        sum += b[i];
    snprintf((char *)b + 148, 8, "%06o", sum);
}

#define VMTAR_SIZE 20480

static void make_vmtar(const struct vmtar_member *members, size_t count)
{
    uint8_t *bytes = calloc(1, VMTAR_SIZE);
    for (size_t i = 0; i < count; i++) {
        vmtar_header(bytes + 512 * i, &members[i]);
        for (uint32_t k = 0; members[i].at && k < members[i].size && members[i].at + k < VMTAR_SIZE; k++)
            bytes[members[i].at + k] = (uint8_t)(i * 50 + k % 41);
    }
    FILE *f = fopen("a.vtar", "wb");
    fwrite(bytes, 1, VMTAR_SIZE, f);
    fclose(f);
    free(bytes);
}

static const struct vmtar_member vmtar_good[] = {
    {"etc", "", '5', 0, 0},         {"etc/shadow", "", '0', 100, 16384},
    {"sh", "bin", '0', 5000, 4096}, {"link", "", '2', 0, 0},
    {"empty", "", '0', 0, 0},       {"b", "", '0', 4096, 12288},
};

static void vmtar(void **state)
{
    struct seen seen = {0};
    make_vmtar(vmtar_good, 6);
    walk_ok("a.vtar", &seen);
    assert_string_equal(buf_text(&seen.kinds), "tar");
    assert_int_equal(seen.entries, 4);
    run("tail -c +16385 a.vtar | head -c 100 >1; tail -c +4097 a.vtar | head -c 5000 >2; tail -c +12289 "
        "a.vtar | "
        "head -c 4096 >3; : >4");
    same_as_file(&seen, "etc/shadow", "1");
    same_as_file(&seen, "bin/sh", "2");
    same_as_file(&seen, "b", "3");
    same_as_file(&seen, "empty", "4");
    seen_fini(&seen);
    run("gzip -c a.vtar >sys.vgz");
    walk_ok("sys.vgz", &seen);
    same_as_file(&seen, "etc/shadow", "1");
    seen_fini(&seen);
}

static void damaged_vmtar(void **state)
{
    struct seen seen = {0};
    struct vmtar_member m[6];
    memcpy(m, vmtar_good, sizeof m);
    m[1].at = 8192; /* inside bin/sh */
    make_vmtar(m, 6);
    walk_fails("a.vtar", &seen, "etc/shadow", "byte 8192", NULL);
    m[1].at = 512; /* inside the headers */
    make_vmtar(m, 6);
    walk_fails("a.vtar", &seen, "get the image again", NULL);
    m[1].at = VMTAR_SIZE - 50;
    make_vmtar(m, 6);
    walk_fails("a.vtar", &seen, "etc/shadow", "cut short", NULL);
    m[1] = vmtar_good[1];
    m[1].name = "../shadow";
    make_vmtar(m, 6);
    walk_fails("a.vtar", &seen, "leads out", NULL);
    make_vmtar(vmtar_good, 6);
    flip("a.vtar", 512 * 2 + 5, 0);
    walk_fails("a.vtar", &seen, "byte 1024", "checksum", NULL);
    make_vmtar(vmtar_good, 6);
    run("truncate -s 1500 a.vtar");
    walk_fails("a.vtar", &seen, "cut short", NULL);
}

/* Type L: the name of the next header lies in the block behind this one. */
static void vmtar_long_name(void **state)
{
    struct seen seen = {0};
    static const struct vmtar_member m[] = {
        {"././@LongLink", "", 'L', 150, 0}, {"x", "", '0', 0, 0}, {"cut", "", '0', 10, 4096}};
    char name[150];
    make_vmtar(m, 3);
    memset(name, 'n', sizeof name - 1);
    name[149] = '\0';
    poke("a.vtar", 512, name, sizeof name);
    uint8_t zeros[512 - 150] = {0};
    poke("a.vtar", 512 + 150, zeros, sizeof zeros);
    walk_ok("a.vtar", &seen);
    assert_int_equal(seen.entries, 1);
    assert_string_equal(seen.entry[0].path, name);
    seen_fini(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iso_views),
        cmocka_unit_test(iso_compressed),
        cmocka_unit_test(discs_of_others),
        cmocka_unit_test(rescue_images),
        cmocka_unit_test(tars),
        cmocka_unit_test(unusual_tars),
        cmocka_unit_test(names_that_lead_out),
        cmocka_unit_test(cut_isos),
        cmocka_unit_test(cut_tars),
        cmocka_unit_test(checks_at_the_end),
        cmocka_unit_test(opened_and_taken),
        cmocka_unit_test(vmtar),
        cmocka_unit_test(damaged_vmtar),
        cmocka_unit_test(vmtar_long_name),
    };
    return cmocka_run_group_tests_name("media/archive", tests, make_files, fixture_leave);
}
