/* What a FAT image is made of, by hand computation; that others read it is shown by proc/test_disk_file.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "render/fat_image.h"
#include "render/fat_name.h"

static void made(struct fat_image_file *files, size_t count, struct fat_image *out)
{
    struct error err;
    if (fat_image_make(files, count, 1, out, &err) < 0)
        fail_msg("%s", err.text);
}

/* The error says all of it. */
static void refused(const struct fat_image_file *files, size_t count, const char *first, const char *second)
{
    struct fat_image_file copy[16];
    struct fat_image image;
    struct error err;
    assert_true(count <= 16);
    memcpy(copy, files, count * sizeof *files);
    assert_int_equal(fat_image_make(copy, count, 1, &image, &err), -1);
    if (strncmp(err.text, "FAT image: ", 11) != 0 || !strstr(err.text, first) || !strstr(err.text, second))
        fail_msg("not \"%s\" and \"%s\": %s", first, second, err.text);
}

/*
 * One file in the root, of n bytes: its clusters alone are counted. 65508 is 16 below FAT16's 65524, 4101 is
 * 16 above FAT12's 4085. Sectors: reserved, twice the FAT, FAT16's root of 32, clusters.
 */
static void clusters_follow_the_size(void **state)
{
    static const struct {
        uint64_t bytes;
        enum fat_type type;
        uint32_t cluster_bytes;
        uint64_t sectors;
    } cases[] = {
        {0, FAT16, 512, 1 + 2 * 17 + 32 + 4101},
        {1, FAT16, 512, 1 + 2 * 17 + 32 + 4101},
        {4101 * 512, FAT16, 512, 1 + 2 * 17 + 32 + 4101},
        {4101 * 512 + 1, FAT16, 512, 1 + 2 * 17 + 32 + 4102},
        {65508 * 512, FAT16, 512, 1 + 2 * 256 + 32 + 65508},
        {65508 * 512 + 1, FAT16, 1024, 1 + 2 * 128 + 32 + 2 * 32755},
        {65508ull * 32768, FAT16, 32768, 1 + 2 * 256 + 32 + 64 * 65508},
        /* The root folder takes a cluster, and there are at least 65541. */
        {65508ull * 32768 + 1, FAT32, 32768, 32 + 2 * 513 + 64 * 65541},
        {65540ull * 32768, FAT32, 32768, 32 + 2 * 513 + 64 * 65541},
        {65540ull * 32768 + 1, FAT32, 32768, 32 + 2 * 513 + 64 * 65542},
        {UINT32_MAX, FAT32, 32768, 32 + 2 * 1025 + 64 * 131073},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fat_image_file file = {.path = "A.BIN", .size = cases[i].bytes};
        struct fat_image image;
        made(&file, 1, &image);
        assert_int_equal(image.type, cases[i].type);
        assert_int_equal(image.cluster_bytes, cases[i].cluster_bytes);
        assert_int_equal(image.size, cases[i].sectors * 512);
        fat_image_fini(&image);
    }
}

/* What is rendered comes first and without gaps, the files behind it in their order, each in whole clusters.
 */
static void nothing_overlaps(void **state)
{
    struct fat_image_file files[] = {{.path = "b/c/d", .size = 5000},
                                     {.path = "a", .size = 0},
                                     {.path = "z", .size = 513},
                                     {.path = "b/a", .size = 512},
                                     {.path = "b/c/a", .size = 1}};
    struct fat_image image;
    made(files, 5, &image);
    uint64_t end = 0;
    for (size_t i = 0; i < FAT_IMAGE_PIECES; i++) {
        assert_int_equal(image.piece[i].at, end);
        assert_true(image.piece[i].offset + image.piece[i].size <= image.bytes.size);
        end += image.piece[i].size;
    }
    assert_int_equal(end, (1 + 2 * 17 + 32 + 2) * 512); /* two folders */
    assert_int_equal(files[0].at, end);
    assert_int_equal(files[2].at, end + 10 * 512);
    assert_int_equal(files[3].at, end + 12 * 512);
    assert_int_equal(files[4].at, end + 13 * 512);
    fat_image_fini(&image);
}

static void an_image_is_small_beside_its_files(void **state)
{
    struct fat_image_file files[7];
    char paths[7][8];
    for (size_t i = 0; i < 7; i++) {
        snprintf(paths[i], sizeof paths[i], "%zu.ISO", i);
        files[i] = (struct fat_image_file){.path = paths[i], .size = UINT32_MAX};
    }
    struct fat_image image;
    made(files, 7, &image);
    assert_true(image.size > 28ull << 30);
    assert_true(image.bytes.size < 4 << 20); /* four bytes for each 32 KiB */
    assert_true(files[6].at + files[6].size <= image.size);
    fat_image_fini(&image);
    files[0].size = 2000 << 20;
    made(files, 1, &image);
    assert_true(image.bytes.size < 256 << 10);
    fat_image_fini(&image);
}

static void limits_are_told(void **state)
{
    refused((struct fat_image_file[]){{"install.wim", 1ull << 32, 0}}, 1, "install.wim", "4294967296 bytes");
    struct fat_image_file large[9];
    char paths[9][8];
    for (size_t i = 0; i < 9; i++) {
        snprintf(paths[i], sizeof paths[i], "%zu", i);
        large[i] = (struct fat_image_file){.path = paths[i], .size = UINT32_MAX};
    }
    refused(large, 9, "32 GiB", "leave some out");
    refused(large, 8, "32 GiB", "leave some out"); /* the files would fit, the FAT does not */

    static struct fat_image_file many[FAT_IMAGE_FILES_MAX + 1];
    static char names[FAT_IMAGE_FILES_MAX + 1][256];
    struct fat_image image;
    struct error err;
    for (size_t i = 0; i <= FAT_IMAGE_FILES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "%zu", i);
        many[i].path = names[i];
    }
    assert_int_equal(fat_image_make(many, FAT_IMAGE_FILES_MAX + 1, 1, &image, &err), -1);
    assert_non_null(strstr(err.text, "4097 files"));
    made(many, FAT_IMAGE_FILES_MAX, &image);
    fat_image_fini(&image);
    /* 255 characters are 20 entries, and one: 3120 of them make FAT16's 65520. */
    for (size_t i = 0; i <= 3120; i++)
        snprintf(names[i], sizeof names[i], "%0255zu", i);
    made(many, 3120, &image);
    fat_image_fini(&image);
    assert_int_equal(fat_image_make(many, 3121, 1, &image, &err), -1);
    assert_non_null(strstr(err.text, "one name too many"));
}

static void too_many_folders(void **state)
{
    static char paths[300][FAT_IMAGE_PATH_MAX];
    static struct fat_image_file files[300];
    for (size_t i = 0; i < 300; i++) {
        char *at = paths[i] + snprintf(paths[i], sizeof paths[i], "%zu", i);
        while (at < paths[i] + FAT_IMAGE_PATH_MAX - 3)
            at = stpcpy(at, "/a");
        files[i] = (struct fat_image_file){.path = paths[i]};
    }
    struct fat_image image;
    struct error err;
    assert_int_equal(fat_image_make(files, 300, 1, &image, &err), -1); /* 150,000 folders of 1 KiB */
    assert_non_null(strstr(err.text, "use fewer folders"));
    made(files, 50, &image);
    fat_image_fini(&image);
}

static void bad_paths_are_told(void **state)
{
    static const struct {
        const char *path, *why;
    } cases[] = {
        {"", "empty part"},
        {"/a", "empty part"},
        {"a/", "empty part"},
        {"a//b", "empty part"},
        {"EFI/../a", "dot"},
        {".", "dot"},
        {"a.", "dot"},
        {"a /b", "blank"},
        {" a", "blank"},
        {"a:b", "FAT does not allow"},
        {"a?", "FAT does not allow"},
        {"a\\b", "FAT does not allow"},
        {"a|b", "FAT does not allow"},
        {"a\"b", "FAT does not allow"},
        {"a\nb", "a?b: has a character that is not"},
        {"a\x7f", "not printable ASCII"},
        {"M\xc3\xbcnchen", "not printable ASCII"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        refused(&(struct fat_image_file){.path = cases[i].path}, 1, cases[i].why,
                "another name, or leave it out");
    char path[FAT_IMAGE_PATH_MAX + 1];
    memset(path, 'a', sizeof path);
    path[256] = 0;
    refused(&(struct fat_image_file){.path = path}, 1, "more than 255 characters", "");
    path[256] = '/';
    path[FAT_IMAGE_PATH_MAX] = 0;
    refused(&(struct fat_image_file){.path = path}, 1, "1024 characters or more", "shorten");
}

static void one_name_one_file(void **state)
{
    refused((struct fat_image_file[]){{.path = "EFI/grub.cfg"}, {.path = "EFI/grub.cfg"}}, 2, "EFI/grub.cfg",
            "twice");
    refused((struct fat_image_file[]){{.path = "EFI/grub.cfg"}, {.path = "efi/GRUB.CFG"}}, 2, "efi/GRUB.CFG",
            "twice");
    refused((struct fat_image_file[]){{.path = "a"}, {.path = "A/b"}}, 2, "A/b", "rename one");
    refused((struct fat_image_file[]){{.path = "a/b"}, {.path = "a"}}, 2, "a: ", "rename one");
}

/* Short names are what Windows makes of these, but for the numbers, which count within the folder. */
static void short_names(void **state)
{
    static const struct {
        const char *text, *brief;
        bool is_long;
    } cases[] = {
        {"BOOTX64.EFI", "BOOTX64 EFI", false},
        {"EFI", "EFI        ", false},
        {"A-_$.{}", "A-_$    {} ", false},
        {"grub.cfg", "GRUB    CFG", true},
        {"initrd.gz", "INITRD  GZ ", true},
        {"multiboot2.mod", "MULTIB~1MOD", true},
        {"multiboot.mod", "MULTIB~2MOD", true},
        {"archive.tar.gz", "ARCHIV~3GZ ", true},
        {".disk", "DISK~4     ", true},
        {"a b.c", "AB~5    C  ", true},
        {"a+b", "A_B~6      ", true},
        {"FOO~1.TXT", "FOO_1~7 TXT", true},
        {"x.html", "X~8     HTM", true},
        {"..a", "A~9        ", true},
        {"vmlinuz-6.1.0-56-amd64", "VMLIN~100-5", true},
    };
    unsigned tails = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fat_name name = fat_name_make(cases[i].text, strlen(cases[i].text), &tails);
        assert_memory_equal(name.brief, cases[i].brief, FAT_NAME_SHORT);
        assert_int_equal(name.is_long, cases[i].is_long);
    }
    tails = 65519;
    struct fat_name name = fat_name_make("initramfs.img", 13, &tails);
    assert_memory_equal(name.brief, "IN~65520IMG", FAT_NAME_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clusters_follow_the_size),
        cmocka_unit_test(nothing_overlaps),
        cmocka_unit_test(an_image_is_small_beside_its_files),
        cmocka_unit_test(limits_are_told),
        cmocka_unit_test(too_many_folders),
        cmocka_unit_test(bad_paths_are_told),
        cmocka_unit_test(one_name_one_file),
        cmocka_unit_test(short_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
