/* Which bootbank, which files of it, and damage of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imported.h"

#define AT_5 "@@$((8224*512))"
#define AT_6 "@@$((14400*512))"
#define AT_7 "@@$((20576*512))"

static void copy_bank(void)
{
    run("rm -rf c && cp -r bank c");
}

/* --- two bootbanks --- */

/* Both hold the same files but vmk.gz; which one wins is seen by its size. */
static void expect_winner(int state5, int updated5, int state6, int updated6, int winner)
{
    run("rm -rf two.dd other && cp b.dd two.dd && cp -r bank other && echo second | gzip -n >other/vmk.gz && "
        "sed -i 's/^bootstate.*/bootstate=%d/;s/^updated.*/updated=%d/' other/boot.cfg && "
        "mcopy -o -i two.dd" AT_6 " other/* :: && cp bank/boot.cfg five.cfg && "
        "sed -i 's/^bootstate.*/bootstate=%d/;s/^updated.*/updated=%d/' five.cfg && "
        "mcopy -o -i two.dd" AT_5 " five.cfg ::boot.cfg",
        state6, updated6, state5, updated5);
    struct image *image = import_good("two.dd");
    bool second = image_find(image, "vmk.gz")->unpacked == strlen("second\n");
    image_free(image);
    if (second != (winner == 6))
        fail_msg("bootstate %d updated %d against %d %d: the wrong bootbank", state5, updated5, state6,
                 updated6);
}

static void two_bootbanks(void **state)
{
    expect_winner(0, 1, 0, 2, 6);
    expect_winner(0, 2, 0, 1, 5);
    expect_winner(0, 1, 0, 1, 5);
    expect_winner(0, 1, 1, 9, 5);
    expect_winner(1, 9, 0, 1, 6);
    expect_winner(2, 9, 1, 1, 6);
    expect_winner(3, 9, 0, 1, 6);
    expect_winner(0, 1, 3, 9, 5);
    expect_winner(3, 9, 2, 1, 6);
}

static void only_invalid_bootbanks(void **state)
{
    run("cp b.dd bad.dd && sed 's/^bootstate.*/bootstate=3/' bank/boot.cfg >three.cfg && "
        "mcopy -o -i bad.dd" AT_5 " three.cfg ::boot.cfg");
    import_bad("bad.dd", "partition 5: boot.cfg: marked invalid (bootstate=3); there is no other bootbank");
}

/* A boot.cfg that cannot be read, or names no kernel, loses against any other. */
static void broken_boot_cfg(void **state)
{
    run("cp b.dd bad.dd && echo updated=x >x.cfg && mcopy -o -i bad.dd" AT_6 " x.cfg ::boot.cfg");
    import_noted("bad.dd", "partition 6: boot.cfg: line 1");
    run("cp b.dd bad.dd && printf 'title=a\\nkernel =vmkboot.gz\\n' >x.cfg && mcopy -o -i bad.dd" AT_5
        " x.cfg ::boot.cfg");
    import_bad("bad.dd", "names no kernel: line 2: a blank before '='");
    run("rm -rf c && cp -r bank c && seq 20000 >>c/boot.cfg");
    import_bad("c", "the most that is read here");
}

/* --- the load order --- */

static void no_boot_cfg(void **state)
{
    copy_bank();
    run("rm c/boot.cfg");
    struct image *image = import_good("c");
    expect_files(image,
                 "vmkboot.gz vmk.gz sys.vgz cim.vgz oem.tgz license.tgz mod.tgz cimstg.tgz | pkgdb.tgz");
    image_free(image);
    run("rm c/cim.vgz");
    import_bad("c", "none of the media known here");
}

static void what_is_never_loaded(void **state)
{
    copy_bank();
    run("cp c/oem.tgz c/install.vgz; cp c/oem.tgz c/ienviron.vgz; cp c/oem.tgz c/state.tgz; "
        "sed -i 's/^modules=/modules=install.vgz --- /' c/boot.cfg");
    struct image *image = import_good("c");
    expect_files(
        image,
        "vmkboot.gz vmk.gz sys.vgz cim.vgz oem.tgz license.tgz mod.tgz cimstg.tgz | boot.cfg pkgdb.tgz");
    image_free(image);
    import_noted("c", "state.tgz is left out: it holds one machine's settings");
    import_noted("c", "install.vgz is left out: it starts the installer");
}

static void names_of_boot_cfg(void **state)
{
    copy_bank(); /* as an ISO 9660 without extensions shows them; stored as boot.cfg spells them */
    run("cd c && mv vmk.gz VMK.GZ && mv cim.vgz CIM.VGZ && mv boot.cfg BOOT.CFG && mv oem.tgz o-em.tgz && "
        "sed -i 's/oem.tgz/O_EM.TGZ arg=1/;s,=vmkboot,=/vmkboot,;s,=vmk.gz,=/vmk.gz,' BOOT.CFG");
    struct image *image = import_good("c");
    expect_files(image,
                 "vmkboot.gz vmk.gz sys.vgz cim.vgz O_EM.TGZ license.tgz mod.tgz cimstg.tgz | BOOT.CFG "
                 "pkgdb.tgz");
    assert_string_equal(image_find(image, "O_EM.TGZ")->options, "arg=1");
    image_free(image);
    run("cd c && cp VMK.GZ Vmk.gz");
    import_bad("c", "boot.cfg's vmk.gz may be this file or");
    run("cd c && cp VMK.GZ vmk.gz"); /* an exact name settles it */
    image_free(import_good("c"));
    run("rm -rf c && cp -r bank c && sed -i 's/cim.vgz/cim.vgz --- sys.vgz/' c/boot.cfg");
    import_noted("c", "sys.vgz is in boot.cfg twice");
}

static void missing_modules(void **state)
{
    copy_bank();
    run("rm c/cim.vgz c/oem.tgz");
    import_bad("c", "lists files that are not there: cim.vgz, oem.tgz.");
    run("cp b.dd c2.dd && mdel -i c2.dd" AT_5 " ::vmkboot.gz");
    import_bad("c2.dd", "partition 5: boot.cfg lists files that are not there: vmkboot.gz.");
}

static void listed_path_escapes(void **state)
{
    copy_bank();
    run("sed -i 's,^modules=,modules=../../etc/passwd --- ,' c/boot.cfg");
    import_bad("c", "not there: ../../etc/passwd");
}

/* --- modules that loaders would choke on --- */

static void bad_modules(void **state)
{
    copy_bank();
    run("printf x >>c/cim.vgz");
    import_bad("c", "cim.vgz");
    copy_bank();
    run("cat bank/oem.tgz >>c/cim.vgz");
    import_bad("c", "cim.vgz");
    copy_bank();
    run("printf '\\377' | dd of=c/vmk.gz bs=1 seek=$(($(stat -c %%s c/vmk.gz) - 6)) conv=notrunc");
    import_bad("c", "vmk.gz");
    copy_bank();
    run("truncate -s -100 c/vmk.gz");
    import_bad("c", "vmk.gz");
    copy_bank();
    run("truncate -s 0 c/mod.tgz");
    import_bad("c", "mod.tgz is empty");
    copy_bank();
    run("truncate -s 0 c/vmkboot.gz");
    import_bad("c", "vmkboot.gz is empty");
}

/* What is not needed may be broken: the other bootbank, an extra. */
static void defects_that_do_not_count(void **state)
{
    copy_bank();
    run("printf x >>c/pkgdb.tgz");
    import_noted("c", "pkgdb.tgz is left out");
    run("rm -rf two.dd && cp b.dd two.dd && cp -r bank o2 && printf x >>o2/vmk.gz && "
        "sed -i s/^updated=.*/updated=0/ o2/boot.cfg && mcopy -o -i two.dd" AT_6 " o2/* :: && rm -r o2");
    image_free(import_good("two.dd"));
}

/* --- damaged media: an error every time, and the sink is left clean (import_of looks) --- */

static void truncated(void **state)
{
    run("bzip2 -kf b.dd; gzip -kf b.dd; xorriso -as mkisofs -quiet -R -o t.iso bank");
    static const char *const whole[] = {"b.dd", "b.dd.bz2", "b.dd.gz", "t.iso"};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        for (int part = 1; part < 8; part++) {
            run("head -c $(($(stat -c %%s %s) * %d / 10)) %s >cut", whole[i], part, whole[i]);
            struct imported in = import_of("cut");
            if (in.image && i != 0 && i != 3) /* of a plain disk the tail may be spare */
                fail_msg("%d tenths of %s were imported", part, whole[i]);
            imported_free(&in);
        }
}

static void flipped_bits(void **state)
{
    run("bzip2 -kf b.dd");
    for (int i = 1; i < 10; i++) {
        run("cp b.dd.bz2 bent && n=$(($(stat -c %%s bent) * %d / 10)) && "
            "b=$(dd if=bent bs=1 skip=$n count=1 status=none | od -An -tu1) && "
            "printf \"\\\\$(printf %%03o $((b ^ 16)))\" | dd of=bent bs=1 seek=$n conv=notrunc",
            i);
        struct imported in = inspect_of("bent");
        if (in.image)
            fail_msg("a bit flipped at %d tenths went unseen", i);
        imported_free(&in);
    }
}

/* --- what lies behind the bootbanks --- */

/* As b.dd, with one more partition that holds a newer bootbank of another build, behind 5 MB that do not
 * pack. */
static void make_seventh(void)
{
    run("rm -f seven.dd && cp b.dd seven.dd && truncate -s $(((20544 + 32 + 20000) * 512)) seven.dd && "
        "printf '%%s\\n' 'label: dos' '1: start=8192, size=32384, type=5' '4: start=32, size=8160, type=4, "
        "bootable' "
        "'5: start=8224, size=6144, type=6' '6: start=14400, size=6144, type=6' '7: start=20576, size=20000, "
        "type=6' | "
        "sfdisk -q --no-reread --wipe never seven.dd && "
        "mkfs.fat -F 16 -s 4 -R 2 --offset 20576 --invariant seven.dd 10000 >/dev/null && "
        "head -c 5000000 /dev/urandom >noise && mcopy -i seven.dd" AT_7
        " noise :: && rm -rf newer && cp -r bank newer && "
        "sed -i 's/^build.*/build=4.0.0-999999/;s/^updated.*/updated=9/' newer/boot.cfg && "
        "mcopy -i seven.dd" AT_7 " newer/* ::");
}

static void expect_build(struct imported in, const char *build)
{
    if (!in.image)
        fail_msg("%s", in.err.text);
    assert_string_equal(in.image->build, build);
    imported_free(&in);
}

/* The product's loader knows of 5 and 6 only; where neither can be booted, any other will do. */
static void behind_the_bootbanks(void **state)
{
    make_seventh();
    expect_build(import_of("seven.dd"), "208167");
    run("bzip2 -1 -kf seven.dd && gzip -kf seven.dd");
    expect_build(import_of("seven.dd.bz2"), "208167");
    run("sed 's/^bootstate.*/bootstate=3/' bank/boot.cfg >three.cfg && mcopy -o -i seven.dd" AT_5
        " three.cfg ::boot.cfg && "
        "mcopy -i seven.dd" AT_6 " three.cfg ::boot.cfg && bzip2 -1 -kf seven.dd");
    expect_build(import_of("seven.dd"), "999999");
    expect_build(import_of("seven.dd.bz2"), "999999");
    run("sed 's/^updated.*/updated=2/;s/208167/300000/' bank/boot.cfg >six.cfg && mcopy -i seven.dd" AT_6
        " bank/*z ::  && "
        "mcopy -o -i seven.dd" AT_6 " six.cfg ::boot.cfg && bzip2 -1 -kf seven.dd");
    expect_build(import_of("seven.dd.bz2"), "300000");
}

/* Blocks behind the bootbanks are not unpacked; all other checks of the data are made. */
static void damage_behind_the_bootbanks(void **state)
{
    make_seventh();
    run("bzip2 -1 -kf seven.dd && n=$(($(stat -c %%s seven.dd.bz2) - 2000000)) && cp seven.dd.bz2 "
        "bent.dd.bz2 && "
        "printf damage | dd of=bent.dd.bz2 bs=1 seek=$n conv=notrunc status=none && ! bzip2 -t bent.dd.bz2 "
        "2>/dev/null");
    expect_build(import_of("bent.dd.bz2"), "208167");
    struct imported in = inspect_of("bent.dd.bz2");
    assert_null(in.image);
    assert_non_null(strstr(in.err.text, "bent.dd.bz2: the bzip2 data is damaged before byte"));
    imported_free(&in);
    run("head -c 9000000 seven.dd >cut.dd");
    import_bad("cut.dd",
               "cut.dd: the next extended boot record is at sector 20575, but the image has only 17578");
    run("head -c -1 seven.dd.bz2 >cut.dd.bz2");
    import_bad("cut.dd.bz2", "ends early");
    run("head -c -1000000 seven.dd.bz2 >cut.dd.bz2");
    import_bad("cut.dd.bz2", "ends early");
    run("{ cat seven.dd.bz2; head -c 100000 /dev/zero; } >padded.dd.bz2");
    expect_build(import_of("padded.dd.bz2"), "208167");
    run("echo more >>padded.dd.bz2");
    import_bad("padded.dd.bz2", "other bytes follow");
    run("mkdir -p in && mv bent.dd.bz2 in/VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2 && tar cf bent.tar "
        "in && "
        "gzip -kn bent.tar");
    expect_build(import_of("bent.tar.gz"), "208167");
    run("cp seven.dd.bz2 in/VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2 && tar cf whole.tar in && gzip -kn "
        "whole.tar && "
        "n=$(($(stat -c %%s whole.tar.gz) - 2000000)) && printf damage | dd of=whole.tar.gz bs=1 seek=$n "
        "conv=notrunc "
        "status=none");
    import_bad("whole.tar.gz", "the gzip data is damaged");
    run("mkdir -p m41 && mv in/*.bz2 m41/imagedd.bz2 && (cd m41 && md5sum imagedd.bz2 >imagedd.md5 && "
        "n=$(($(stat -c %%s imagedd.bz2) - 2000000)) && printf damage | dd of=imagedd.bz2 bs=1 seek=$n "
        "conv=notrunc "
        "status=none) && xorriso -as mkisofs -quiet -R -o m41.iso m41");
    import_bad("m41.iso", "MD5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_bootbanks),
        cmocka_unit_test(only_invalid_bootbanks),
        cmocka_unit_test(broken_boot_cfg),
        cmocka_unit_test(no_boot_cfg),
        cmocka_unit_test(bad_modules),
        cmocka_unit_test(what_is_never_loaded),
        cmocka_unit_test(truncated),
        cmocka_unit_test(names_of_boot_cfg),
        cmocka_unit_test(missing_modules),
        cmocka_unit_test(listed_path_escapes),
        cmocka_unit_test(flipped_bits),
        cmocka_unit_test(defects_that_do_not_count),
        cmocka_unit_test(behind_the_bootbanks),
        cmocka_unit_test(damage_behind_the_bootbanks),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
