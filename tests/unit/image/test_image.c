#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/image.h"

static struct image_file files[] = {
    {.name = (char[]){"vmkboot.gz"}, .role = IMAGE_ROLE_KERNEL, .size = 1},
    {.name = (char[]){"vmk.gz"}, .role = IMAGE_ROLE_MODULE, .order = 1, .size = 1},
    {.name = (char[]){"sys.vgz"}, .role = IMAGE_ROLE_MODULE, .order = 2, .size = 1},
    {.name = (char[]){"boot.cfg"}, .role = IMAGE_ROLE_EXTRA},
    {.name = (char[]){"pkgdb.tgz"}, .role = IMAGE_ROLE_EXTRA},
};

static const struct image template = {
    .family = (char[]){"esxi_dd"},
    .product = (char[]){"VMware ESXi"},
    .version = (char[]){"4.0.0"},
    .build = (char[]){"208167"},
    .arch = (char[]){"amd64"},
    .kernel_options = (char[]){""},
    .source = (char[]){"esx.iso"},
    .files = files,
    .file_count = sizeof files / sizeof files[0],
};

static void name_of(struct image image, const char *expected)
{
    char name[IMAGE_NAME_MAX];
    image_default_name(&image, name);
    assert_string_equal(name, expected);
    assert_true(image_name_valid(name, NULL));
}

static void default_names(void **state)
{
    struct image image = template;
    name_of(image, "esxi-4.0.0-208167");
    image.build = (char[]){"unknown"};
    name_of(image, "esxi-4.0.0");
    image.version = (char[]){"unknown"};
    name_of(image, "esxi");
    image.product = (char[]){"PXELINUX"};
    image.version = (char[]){"6.04 Debian~"};
    name_of(image, "pxelinux-6.04-debian");
    image.product = (char[]){"\xff"};
    image.version = (char[]){"/.."};
    name_of(image, "image"); /* "..": nothing usable is left */
    image.version = (char[]){"1234567890123456789012345678901234567890123456789012345678901234567890"};
    char name[IMAGE_NAME_MAX];
    image_default_name(&image, name);
    assert_int_equal(strlen(name), IMAGE_NAME_MAX - 1);
}

static void store_names(void **state)
{
    struct error err;
    assert_true(image_name_valid("a", &err));
    assert_true(image_name_valid("esxi-4.0.0_u1", &err));
    static const char *const bad[] = {"", "-a", ".a", "_a", "A", "a b", "a/b", "..", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(image_name_valid(bad[i], &err));
    assert_non_null(strstr(err.text, "first a letter"));
    char longest[IMAGE_NAME_MAX + 1];
    memset(longest, 'a', sizeof longest);
    longest[IMAGE_NAME_MAX - 1] = 0;
    assert_true(image_name_valid(longest, &err));
    longest[IMAGE_NAME_MAX - 1] = 'a';
    longest[IMAGE_NAME_MAX] = 0;
    assert_false(image_name_valid(longest, &err));
}

static void file_names(void **state)
{
    assert_true(image_file_name_valid("vmk.gz"));
    assert_true(image_file_name_valid("efi/boot/x"));
    assert_true(image_file_name_valid("a..b"));
    static const char *const bad[] = {"",    "/a",  "a/",   "a//b", ".",     "..",      "a/../b",
                                      "./a", "a b", "a\\b", "a\n",  "a\x7f", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(image_file_name_valid(bad[i]));
}

static void reading(void **state)
{
    struct image image = template;
    assert_ptr_equal(image_find(&image, "sys.vgz"), &files[2]);
    assert_null(image_find(&image, "SYS.VGZ"));
    assert_ptr_equal(image_find_any_case(&image, "SYS.VGZ"), &files[2]);
    assert_null(image_find_any_case(&image, "SYS.VGX"));
    assert_ptr_equal(image_kernel(&image), &files[0]);
    assert_int_equal(image_module_count(&image), 2);
    image.files++;
    assert_null(image_kernel(&image));
}

static void breaks(struct image_file *list, size_t count, const char *part)
{
    struct image image = template;
    image.files = list;
    image.file_count = count;
    struct error err = {0};
    assert_int_equal(image_check(&image, &err), -1);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
}

static void order(void **state)
{
    struct image image = template;
    struct error err;
    assert_int_equal(image_check(&image, &err), 0);
    image.arch = NULL;
    assert_int_equal(image_check(&image, &err), -1);

    struct image_file f[5];
    breaks(files, 0, "0 files");
    breaks(files + 1, 4, "no kernel");
    memcpy(f, files, sizeof files);
    f[2].order = 3;
    breaks(f, 5, "sys.vgz is out of order");
    memcpy(f, files, sizeof files);
    f[3] = files[4];
    f[4] = files[3];
    breaks(f, 5, "boot.cfg is out of order");
    f[4] = files[4]; /* the same name twice is no order either */
    breaks(f, 5, "pkgdb.tgz is out of order");
    memcpy(f, files, sizeof files);
    f[2].name = f[1].name;
    breaks(f, 5, "twice");
    memcpy(f, files, sizeof files);
    f[1].role = IMAGE_ROLE_KERNEL;
    f[1].order = 0;
    breaks(f, 5, "vmk.gz is out of order");
    memcpy(f, files, sizeof files);
    f[2].size = 0;
    breaks(f, 5, "sys.vgz is empty");
    memcpy(f, files, sizeof files);
    f[3].order = 1;
    breaks(f, 5, "boot.cfg is out of order");
    f[3].name = (char[]){"../boot.cfg"};
    breaks(f, 5, "file 4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(default_names), cmocka_unit_test(store_names), cmocka_unit_test(file_names),
        cmocka_unit_test(reading),       cmocka_unit_test(order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
