/* The main road: ISO -> image.tgz -> dd.bz2 -> partition 5 -> files, with the table of the original
 * procedure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"

/* The table printed in the original procedure for ESXi 4.0 build 208167, to the sector. */
static const struct {
    unsigned number;
    uint64_t start, end;
    uint8_t type;
    bool boot;
    const char *system;
} expected[] = {
    {1, 8192, 1843199, 0x05, false, "Extended"},
    {4, 32, 8191, 0x04, true, "FAT16 <32M"},
    {5, 8224, 520191, 0x06, false, "FAT16"},
    {6, 520224, 1032191, 0x06, false, "FAT16"},
    {7, 1032224, 1257471, 0xfc, false, "VMware VMKCORE"},
    {8, 1257504, 1843199, 0x06, false, "FAT16"},
};

#define DD "VMware-VMvisor-big-4.0.0-208167-x86_64.dd"

static int make_chain(void **state)
{
    if (fixture_enter(state) < 0)
        return -1;
    run("truncate -s $((1843200*512)) " DD " && sfdisk -q --no-reread " DD " <<'X'\n"
        "label: dos\nunit: sectors\n"
        "1: start=8192, size=1835008, type=5\n"
        "4: start=32, size=8160, type=4, bootable\n"
        "5: start=8224, size=511968, type=6\n"
        "6: start=520224, size=511968, type=6\n"
        "7: start=1032224, size=225248, type=fc\n"
        "8: start=1257504, size=585696, type=6\n"
        "X");
    run("mkfs.fat -F 16 -s 8 -R 2 --offset 8224 " DD " 255984 && mkfs.fat -F 16 -s 8 --offset 520224 " DD
        " 255984 && mkfs.fat -F 16 -s 1 --offset 32 " DD " 4080 && mkfs.fat -F 16 --offset 1257504 " DD
        " 292848");
    run("mkdir bank && cd bank && for f in cim.vgz cimstg.tgz license.tgz mod.tgz oem.tgz pkgdb.tgz sys.vgz "
        "vmk.gz "
        "vmkboot.gz; do n=$((n + 170003)); head -c $n /dev/urandom | gzip >$f; done; "
        "printf 'kernel=vmkboot.gz\\nbootstate=0\\n' >boot.cfg");
    run("mcopy -i " DD "@@$((8224*512)) bank/* ::/");
    /* Piece by piece, as parallel compressors do; the pieces of zeros are packed once. */
    run("mkdir -p usr/lib/vmware/installer && head -c 67108864 /dev/zero >zero && bzip2 -1 -k zero && i=0 && "
        "while [ $i -lt 15 ]; do dd if=" DD " bs=64M skip=$i count=1 of=piece status=none; i=$((i+1)); "
        "if cmp -s piece zero; then cat zero.bz2; else bzip2 -1 -c piece; fi; done "
        ">usr/lib/vmware/installer/" DD ".bz2");
    run("tar czf image.tgz usr && mkdir iso && cp image.tgz iso && echo 'VMware ESXi 4.0' >iso/README.txt && "
        "xorriso -as mkisofs -quiet --norock -iso-level 1 -o esx.iso iso");
    return 0;
}

static void table_is_right(const struct seen *seen)
{
    assert_int_equal(seen->tables, 1);
    assert_false(seen->table.gpt);
    assert_int_equal(seen->table.count, sizeof expected / sizeof *expected);
    for (size_t i = 0; i < seen->table.count; i++) {
        const struct media_partition *p = &seen->table.partition[i];
        assert_int_equal(p->number, expected[i].number);
        assert_int_equal(p->start, expected[i].start);
        assert_int_equal(p->start + p->sectors - 1, expected[i].end);
        assert_int_equal(p->type, expected[i].type);
        assert_int_equal(p->boot, expected[i].boot);
        assert_string_equal(p->system, expected[i].system);
    }
}

static void from_the_iso(void **state)
{
    struct seen seen = {.choose = open_containers};
    walk_ok("esx.iso", &seen);
    table_is_right(&seen);
    assert_string_equal(buf_text(&seen.kinds), "ISO 9660, gzip, tar, bzip2, disk image");
    same_as_file(&seen, "boot.cfg", "bank/boot.cfg");
    same_as_file(&seen, "vmk.gz", "bank/vmk.gz");
    same_as_file(&seen, "cimstg.tgz", "bank/cimstg.tgz");
    const struct seen_entry *e = seen_get(&seen, "boot.cfg");
    assert_int_equal(e->partition, 5);
    assert_string_equal(e->where, "esx.iso: IMAGE.TGZ: usr/lib/vmware/installer/" DD ".bz2: partition 5");
    assert_int_equal(e->parent, seen_get(&seen, "usr/lib/vmware/installer/" DD ".bz2")->id);
    assert_null(strstr(buf_text(&seen.notes), "VMKCORE")); /* space for dumps: not worth a word */
    seen_fini(&seen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(from_the_iso),
    };
    return cmocka_run_group_tests_name("media/chain", tests, make_chain, fixture_leave);
}
