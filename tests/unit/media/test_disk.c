/* Partition tables made by sfdisk, which is also the oracle: our rows have to be those of "sfdisk -J". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "fixture.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static void sfdisk(const char *file, unsigned kib, const char *script)
{
    run("rm -f %s && truncate -s %uK %s && sfdisk -q --no-reread %s <<'X'\n%s\nX", file, kib, file, file,
        script);
}

static void row_is(const struct media_partition *p, json_t *o, bool gpt)
{
    const char *type = json_string_value(json_object_get(o, "type"));
    const char *node = json_string_value(json_object_get(o, "node"));
    assert_int_equal(p->number, strtoul(strstr(node, ".img") + 4, NULL, 10));
    assert_int_equal(p->start, json_integer_value(json_object_get(o, "start")));
    assert_int_equal(p->sectors, json_integer_value(json_object_get(o, "size")));
    assert_int_equal(p->boot, json_is_true(json_object_get(o, "bootable")));
    if (gpt) {
        assert_int_equal(strcasecmp(p->guid, type), 0);
        const char *name = json_string_value(json_object_get(o, "name"));
        assert_string_equal(p->name, name ? name : "");
    } else {
        assert_int_equal(p->type, strtoul(type, NULL, 16));
    }
}

static void same_as_sfdisk(const struct seen *seen, const char *file)
{
    json_error_t why;
    run("sfdisk -J %s >table.json", file);
    json_t *root = json_load_file("table.json", 0, &why);
    assert_non_null(root);
    json_t *table = json_object_get(root, "partitiontable");
    json_t *rows = json_object_get(table, "partitions");
    bool gpt = strcmp(json_string_value(json_object_get(table, "label")), "gpt") == 0;
    assert_int_equal(seen->tables, 1);
    assert_int_equal(seen->table.gpt, gpt);
    assert_int_equal(seen->table.count, json_array_size(rows));
    for (size_t i = 0; i < json_array_size(rows); i++)
        row_is(&seen->table.partition[i], json_array_get(rows, i), gpt);
    json_decref(root);
}

static void fat16_with(const char *image, unsigned sector, unsigned kib, const char *file)
{
    run("mkfs.fat -F 16 -s 1 --offset %u %s %u && mcopy -i %s@@$((%u*512)) %s ::/", sector, image, kib, image,
        sector, file);
}

static void slots_in_any_order(void **state)
{
    static const char *const scripts[] = {
        "label: dos\n1: start=8192, size=24576, type=5\n4: start=32, size=8160, type=4, bootable\n5: "
        "start=8224, "
        "size=8000, type=6\n6: start=16256, size=16000, type=fc",
        "label: dos\n2: start=20000, size=2000, type=6\n3: start=3000, size=1000, type=83\n1: start=10000, "
        "size=5000, "
        "type=e",
        "label: dos\n4: start=63, size=30000, type=f\n5: start=126, size=100, type=1\n6: start=300, "
        "size=100, type=82\n"
        "7: start=500, size=100, type=b\n8: start=700, size=100, type=c\n9: start=900, size=100, type=ef\n"
        "10: start=1100, size=1, type=fb",
        "label: dos\n1: start=2048, size=2048, type=85, bootable",
    };
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct seen seen = {0};
        sfdisk("t.img", 16500, scripts[i]);
        walk_ok("t.img", &seen);
        same_as_sfdisk(&seen, "t.img");
        assert_int_equal(seen.entries, 0);
        seen_fini(&seen);
    }
}

static void type_names(void **state)
{
    static const uint8_t types[] = {0x01, 0x04, 0x05, 0x06, 0x07, 0x0b, 0x0c, 0x0e, 0x0f, 0x11, 0x14, 0x16,
                                    0x1b, 0x1c, 0x1e, 0x82, 0x83, 0x85, 0x8e, 0xef, 0xfb, 0xfc, 0xfd};
    for (size_t i = 0; i < sizeof types; i++) {
        struct seen seen = {0};
        char script[100], line[200] = "";
        snprintf(script, sizeof script, "label: dos\n1: start=2048, size=2048, type=%x", types[i]);
        sfdisk("t.img", 4096, script);
        run("sfdisk -l -o Type t.img | tail -1 >type.txt");
        FILE *f = fopen("type.txt", "r");
        assert_non_null(fgets(line, sizeof line, f));
        fclose(f);
        line[strcspn(line, "\n")] = '\0';
        walk_ok("t.img", &seen);
        assert_string_equal(seen.table.partition[0].system, line);
        seen_fini(&seen);
    }
}

static void gpt(void **state)
{
    struct seen seen = {0};
    sfdisk(
        "t.img", 65536,
        "label: gpt\n5: start=12288, size=32768, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name=BOOTBANK1\n"
        "1: start=2048, size=8192, type=U, name=\"EFI Söstem\"\n"
        "7: start=45056, size=2048, type=9D275380-40AD-11DB-BF97-000C2911D1B8\n"
        "6: start=47104, size=32768, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7");
    run("mkdir g && head -c 7000000 /dev/urandom >g/big && echo bank2 >bank2");
    fat16_with("t.img", 12288, 16384, "g/big");
    fat16_with("t.img", 47104, 16384, "bank2");
    walk_ok("t.img", &seen);
    same_as_sfdisk(&seen, "t.img");
    same_as_file(&seen, "big", "g/big");
    same_as_file(&seen, "bank2", "bank2");
    assert_int_equal(seen_get(&seen, "big")->partition, 5);
    assert_int_equal(seen_get(&seen, "bank2")->partition, 6);
    assert_string_equal(seen.table.partition[0].system, "EFI System");
    assert_non_null(strstr(buf_text(&seen.notes), "partition 1: EFI System, but no file system"));
    seen_fini(&seen);
    flip("t.img", 512 + 40, 0);
    walk_fails("t.img", &seen, "GPT header", "CRC", NULL);
    flip("t.img", 512 + 40, 0);
    flip("t.img", 1024 + 128 * 4 + 33, 2);
    walk_fails("t.img", &seen, "GPT entries", "CRC", NULL);
    flip("t.img", 1024 + 128 * 4 + 33, 2);
    poke("t.img", 512, "EFI LOST", 8);
    walk_fails("t.img", &seen, "sector 1 holds none", NULL);
}

/* Two logical partitions with a file in each, a primary one behind them. */
static void make_logical(void)
{
    sfdisk("l.img", 49152,
           "label: dos\n2: start=64, size=65472, type=5\n1: start=65600, size=32000, type=6\n"
           "5: start=96, size=16384, type=6\n6: start=16512, size=16384, type=6\n7: start=32928, size=4096, "
           "type=fc");
    run("echo five >five; echo six >six; echo one >one");
    fat16_with("l.img", 96, 8192, "five");
    fat16_with("l.img", 16512, 8192, "six");
    fat16_with("l.img", 65600, 16000, "one");
}

#define EBR1  (64 * 512L)
#define EBR2  (16511 * 512L)
#define SLOT0 446
#define SLOT1 462

static void logical_partitions(void **state)
{
    struct seen seen = {0};
    make_logical();
    walk_ok("l.img", &seen);
    same_as_sfdisk(&seen, "l.img");
    same_as_file(&seen, "five", "five");
    same_as_file(&seen, "six", "six");
    same_as_file(&seen, "one", "one");
    assert_int_equal(seen_get(&seen, "six")->partition, 6);
    assert_int_equal(seen_get(&seen, "one")->partition, 1);
    assert_true(seen.entry[0].partition == 5 && seen.entry[2].partition == 1); /* as they lie */
    seen_fini(&seen);
}

static void put32(const char *file, long offset, uint32_t v)
{
    uint8_t b[4] = {(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)};
    poke(file, offset, b, 4);
}

static void damaged_ebrs(void **state)
{
    static const struct {
        long offset;
        uint32_t value;
        const char *says;
    } cases[] = {
        {EBR1 + SLOT1 + 8, 0, "not behind it"},            /* a link to itself */
        {EBR2 + SLOT1 + 8, 0, "not behind it"},            /* to the first: a loop */
        {EBR2 + SLOT1 + 8, 16447, "not behind it"},        /* to itself */
        {EBR1 + SLOT1 + 8, 65472, "outside the extended"}, /* one too far */
        {EBR1 + SLOT1 + 8, 100, "inside partition 5"},
        {EBR1 + SLOT1 + 8, 32800, "55 aa"}, /* to where no record is */
        {EBR1 + SLOT0 + 12, 65472, "does not lie in the extended"},
        {EBR1 + SLOT0 + 8, 0, "does not lie in the extended"},
        {EBR1 + SLOT0 + 12, 16417, "inside partition 5"}, /* over the next record */
        {EBR2 + SLOT0 + 12, 0x7fffffff, "partition 6"},
        {446 + 8, 60000, "overlaps"}, /* partition 1 into the extended one */
        {446 + 8, 0, "sector 0"},
        {446 + 16 + 12, 20000, "extended"}, /* the extended one ends before its logical ones do */
    };
    struct seen seen = {0};
    make_logical();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        run("cp l.img d.img");
        put32("d.img", cases[i].offset, cases[i].value);
        walk_fails("d.img", &seen, cases[i].says, "get the image again", NULL);
    }
    run("cp l.img d.img");
    flip("d.img", EBR2 + 510, 0);
    walk_fails("d.img", &seen, "sector 16511", "55 aa", NULL);
    run("cp l.img d.img");
    poke("d.img", 446 + 4, "\x0f", 1);
    walk_fails("d.img", &seen, "two extended", NULL);
}

static void overlapping_logical(void **state)
{
    struct seen seen = {0};
    make_logical();
    put32("l.img", EBR2 + SLOT0 + 12, 20000); /* over partition 7 and its record */
    walk_fails("l.img", &seen, "inside partition 6", NULL);
}

/* An image may be shorter than its table, as long as the file systems read are there. */
static void shorter_than_the_table(void **state)
{
    struct seen seen = {0};
    sfdisk("s.img", 49152,
           "label: dos\n1: start=64, size=16384, type=6\n2: start=20000, size=60000, type=fc\n3: "
           "start=90000, size=8000, "
           "type=83");
    run("echo one >one");
    fat16_with("s.img", 64, 8192, "one");
    run("truncate -s $((2000*512)) s.img");
    walk_ok("s.img", &seen);
    same_as_file(&seen, "one", "one");
    seen_fini(&seen);
    run("truncate -s $((100*512)) s.img");
    walk_fails("s.img", &seen, "s.img: partition 1", "cut short", NULL);
    run("truncate -s $((64*512)) s.img");
    walk_fails("s.img", &seen, "partition 1 (FAT16) begins at sector 64", "only 64 sectors", NULL);
    make_logical();
    run("truncate -s $((16511*512+100)) l.img");
    walk_fails("l.img", &seen, "extended boot record", "cut short", NULL);
    make_logical();
    run("truncate -s $((16512*512)) l.img");
    walk_fails("l.img", &seen, "partition 6", "16512", NULL);
}

static void outside_the_image(void **state)
{
    struct seen seen = {0};
    sfdisk("o.img", 4096, "label: dos\n1: start=64, size=4096, type=6");
    put32("o.img", 446 + 8, 1000000);
    walk_fails("o.img", &seen, "partition 1 (FAT16) begins at sector 1000000", "8192", NULL);
}

static void fat_type_without_fat(void **state)
{
    struct seen seen = {0};
    sfdisk("n.img", 4096, "label: dos\n1: start=64, size=4096, type=6");
    walk_ok("n.img", &seen);
    assert_non_null(
        strstr(buf_text(&seen.notes), "partition 1: FAT16, but no file system that is read here"));
    seen_fini(&seen);
    run("head -c 2097152 /dev/urandom >noise; dd if=noise of=n.img bs=512 seek=64 conv=notrunc count=4096 "
        "status=none");
    poke("n.img", 64 * 512 + 16, "\xff", 1); /* certainly no FAT: 255 tables */
    walk_ok("n.img", &seen);
    assert_int_equal(seen.entries, 0);
    seen_fini(&seen);
}

static void no_table_at_all(void **state)
{
    struct seen seen = {0};
    run("truncate -s 100K z.img");
    poke("z.img", 510, "\x55\xaa", 2);
    walk_ok("z.img", &seen);
    assert_string_equal(buf_text(&seen.kinds), "plain file");
    assert_int_equal(seen_get(&seen, "z.img")->bytes.size, 102400);
    seen_fini(&seen);
}

static void compressed(void **state)
{
    static const char *const tools[] = {"gzip", "bzip2", "xz", "zstd"};
    make_logical();
    for (size_t i = 0; i < 4; i++) {
        struct seen seen = {0};
        run("%s -c l.img >l.packed", tools[i]);
        walk_ok("l.packed", &seen);
        same_as_sfdisk(&seen, "l.img");
        same_as_file(&seen, "five", "five");
        same_as_file(&seen, "one", "one");
        assert_int_equal(seen_get(&seen, "one")->parent, 0);
        assert_string_equal(seen_get(&seen, "one")->where, "l.packed: partition 1");
        seen_fini(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_in_any_order),
        cmocka_unit_test(type_names),
        cmocka_unit_test(gpt),
        cmocka_unit_test(logical_partitions),
        cmocka_unit_test(damaged_ebrs),
        cmocka_unit_test(overlapping_logical),
        cmocka_unit_test(shorter_than_the_table),
        cmocka_unit_test(outside_the_image),
        cmocka_unit_test(fat_type_without_fat),
        cmocka_unit_test(no_table_at_all),
        cmocka_unit_test(compressed),
    };
    return cmocka_run_group_tests_name("media/disk", tests, fixture_enter, fixture_leave);
}
