/*
 * A walk stays below MEDIA_MEMORY_MAX, whatever its source says: each case is walked by this program run
 * anew, which reports the peak of its own resident memory, libraries and program included.
 */
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

#if defined(__SANITIZE_ADDRESS__)
#define SHADOW 2 /* a sanitizer's own memory, about as much again */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SHADOW 2
#endif
#endif
#ifndef SHADOW
#define SHADOW 1
#endif

/* In the child. */
static int report(const char *path)
{
    struct seen seen = {.keep_nothing = true, .choose = open_containers};
    int result = walk_path(path, &seen);
    FILE *f = fopen("/proc/self/status", "r");
    char line[256];
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            printf("%lu %d %zu %s\n", strtoul(line + 6, NULL, 10), result, seen.entries,
                   result < 0 ? seen.err.text : "");
    if (f)
        fclose(f);
    seen_fini(&seen);
    return 0;
}

static void peak(const char *path, const char *error, size_t entries)
{
    char self[4096] = "", line[2048] = "";
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    run("ASAN_OPTIONS=quarantine_size_mb=0 %s %s >peak", self, path);
    FILE *f = fopen("peak", "r");
    assert_non_null(fgets(line, sizeof line, f));
    fclose(f);
    unsigned long kib = 0;
    int result = 1;
    size_t told = 0;
    assert_int_equal(sscanf(line, "%lu %d %zu", &kib, &result, &told), 3);
    print_message("# %s: %lu KiB, %s", path, kib, line);
    assert_in_range(kib, 1, SHADOW * MEDIA_MEMORY_MAX / 1024);
    assert_int_equal(result, error ? -1 : 0);
    if (error)
        assert_non_null(strstr(line, error));
    else
        assert_int_equal(told, entries);
}

static void main_road(void **state)
{
    run("mkdir -p m && head -c 3000000 /dev/urandom >m/a && head -c 30000000 /dev/zero >>m/a && mkfs.fat -C "
        "-F 16 -s 8 m.dd 65536 && mcopy -i "
        "m.dd m/a ::/ && "
        "bzip2 m.dd && tar czf m.tgz m.dd.bz2");
    peak("m.tgz", NULL, 2);
}

static void layers(void **state)
{
    run("head -c 1000000 /dev/urandom >l && for i in 1 2 3 4 5 6 7; do bzip2 -c l >l2 && mv l2 l; done && mv "
        "l l.bz2");
    peak("l.bz2", NULL, 1);
    run("head -c 40000000 /dev/zero >x && xz -7 -T1 x && bzip2 -c x.xz >x.bz2");
    peak("x.bz2", NULL, 1);
}

/* The largest table that is read, and as much to hold as is held: 7 MB that lie before their folder. */
static void largest_fat32(void **state)
{
    run("head -c 9000000 /dev/urandom >hole && head -c 7000000 /dev/urandom >late && truncate -s 1040M f.img "
        "&& "
        "mkfs.fat -F 32 -s 1 f.img && mcopy -i f.img hole ::/ && mmd -i f.img ::/d && mdel -i f.img ::/hole");
    poke("f.img", 512 + 492, "\xff\xff\xff\xff", 4); /* FSInfo: look for free clusters from the start */
    run("mcopy -i f.img late ::/d/ && mshowfat -i f.img ::/d/late | grep '<3-'");
    peak("f.img", NULL, 1);
    run("rm f.img && truncate -s 1200M f.img && mkfs.fat -F 32 -s 1 f.img && mcopy -i f.img late ::/");
    peak("f.img", "more than are read here", 0);
}

static void many_files(void **state)
{
    run("n=$(printf 'n%%.0s' $(seq 100)) && mkdir i && cd i && seq 3000 | sed s/^/$n/ | xargs touch && cd .. "
        "&& "
        "xorriso -as mkisofs -quiet -R -o i.iso i");
    peak("i.iso", NULL, 3000);
    run("n=$(printf 'm%%.0s' $(seq 100)) && cd i && seq 9000 | sed s/^/$n/ | xargs touch && cd .. && "
        "xorriso -as mkisofs -quiet -R -o i.iso i && tar cf i.tar i");
    peak("i.iso", "file lists", 0);
    peak("i.tar", NULL, 12000);
    peak("i", NULL, 12000);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_road),
        cmocka_unit_test(layers),
        cmocka_unit_test(largest_fat32),
        cmocka_unit_test(many_files),
    };
    if (argc == 2)
        return report(argv[1]);
    return cmocka_run_group_tests_name("media/memory", tests, fixture_enter, fixture_leave);
}
