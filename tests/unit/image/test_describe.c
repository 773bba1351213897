#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "image/describe.h"

#define DD "VMware-VMvisor-big-4.0.0-208167-x86_64.dd"

static struct media_table table = {
    .count = 6,
    .partition =
        {
            {.number = 1, .start = 8192, .sectors = 1835008, .type = 5, .system = "Extended"},
            {.number = 4, .start = 32, .sectors = 8160, .type = 4, .boot = true, .system = "FAT16 <32M"},
            {.number = 5, .start = 8224, .sectors = 511968, .type = 6, .system = "FAT16"},
            {.number = 6, .start = 520224, .sectors = 511968, .type = 6, .system = "FAT16"},
            {.number = 7, .start = 1032224, .sectors = 225248, .type = 0xfc, .system = "VMware VMKCORE"},
            {.number = 8, .start = 1257504, .sectors = 585696, .type = 6, .system = "FAT16"},
        },
};

/* The table on the page of the procedure, with sectors where its old fdisk gave kilobytes; the numbers are
 * those that Debian 12's `fdisk -lu` prints for such an image. */
static void table_of_the_procedure(void **state)
{
    struct buf out = BUF_INIT;
    image_describe_table(&table, DD, &out);
    assert_string_equal(
        buf_text(&out),
        "                                    Device Boot      Start         End     Sectors   Id  Type\n" //
        DD "1            8192     1843199     1835008    5  Extended\n"                                   //
        DD "4   *          32        8191        8160    4  FAT16 <32M\n"                                 //
        DD "5            8224      520191      511968    6  FAT16\n"                                      //
        DD "6          520224     1032191      511968    6  FAT16\n"                                      //
        DD "7         1032224     1257471      225248   fc  VMware VMKCORE\n"                             //
        DD "8         1257504     1843199      585696    6  FAT16\n"                                      //
        "\nPartition table entries are not in disk order\n");
    buf_fini(&out);
}

/* An odd count of sectors is no rounded one; as in fdisk, a device that ends in a digit gets a 'p'. */
static void table_details(void **state)
{
    static struct media_table small = {
        .count = 1, .partition = {{.number = 1, .start = 63, .sectors = 7, .type = 0x83, .system = "Linux"}}};
    struct buf out = BUF_INIT;
    image_describe_table(&small, "d0", &out);
    assert_string_equal(buf_text(&out), "Device Boot      Start         End     Sectors   Id  Type\n"
                                        "  d0p1              63          69           7   83  Linux\n");
    buf_fini(&out);
}

/* Types of a GPT are GUIDs: there is no id to show. */
static void table_of_a_gpt(void **state)
{
    static struct media_table gpt = {
        .gpt = true,
        .count = 1,
        .partition = {{.number = 2, .start = 64, .sectors = 8, .type = 0xee, .system = "EFI System"}}};
    struct buf out = BUF_INIT;
    image_describe_table(&gpt, "d", &out);
    assert_string_equal(buf_text(&out), "Device Boot      Start         End     Sectors   Id  Type\n"
                                        "    d2              64          71           8    -  EFI System\n");
    buf_fini(&out);
}

static void device_names(void **state)
{
    char out[64];
    image_describe_device("esx.iso: image.tgz: usr/lib/vmware/installer/" DD ".bz2", out, sizeof out);
    assert_string_equal(out, DD);
    image_describe_device("/srv/x.dd", out, sizeof out);
    assert_string_equal(out, "x.dd");
    image_describe_device("a.iso: imagedd.bz2", out, sizeof out);
    assert_string_equal(out, "imagedd");
    image_describe_device(".gz", out, sizeof out);
    assert_string_equal(out, ".gz");
}

static struct image_file files[] = {
    {.name = (char[]){"vmkboot.gz"}, .role = IMAGE_ROLE_KERNEL, .size = 1500, .unpacked = 3000, .gzip = true},
    {.name = (char[]){"vmk.gz"},
     .role = IMAGE_ROLE_MODULE,
     .order = 1,
     .options = (char[]){"x=1"},
     .size = 7,
     .unpacked = 7},
};

static const struct image image = {
    .family = (char[]){"esxi_dd"},
    .product = (char[]){"VMware ESXi"},
    .version = (char[]){"4.0.0"},
    .build = (char[]){"208167"},
    .arch = (char[]){"amd64"},
    .kernel_options = (char[]){"a=1"},
    .source = (char[]){"esx.iso"},
    .files = files,
    .file_count = 2,
    .accounts = (char[]){"root:$1$secret:1::\n\nbad line\nvimuser:*:\nno-end:x"},
};

static void expect_part(const struct buf *out, const char *part)
{
    struct buf copy = *out;
    if (!strstr(buf_text(&copy), part))
        fail_msg("'%s' lacks '%s'", buf_text(&copy), part);
}

static void texts(void **state)
{
    struct buf out = BUF_INIT;
    image_describe(&image, &out);
    expect_part(&out, "VMware ESXi 4.0.0 build 208167 (esxi_dd, amd64), from esx.iso\n");
    expect_part(&out, "kernel options: a=1\n");
    expect_part(&out, "accounts: root vimuser no-end\n");
    expect_part(&out, "  kernel         vmkboot.gz      1.5 kB      3.0 kB  sha256:000000000000\n");
    expect_part(&out, "  module      1  vmk.gz             7 B           -  sha256:000000000000  x=1\n");
    assert_null(strstr(buf_text(&out), "secret"));
    buf_clear(&out);
    image_describe_json(&image, NULL, &out);
    expect_part(&out, "\"version\": \"4.0.0\"");
    expect_part(&out, "\"order\": 1");
    expect_part(&out, "\"inetd\": false");
    assert_null(strstr(buf_text(&out), "secret"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_of_the_procedure),
        cmocka_unit_test(table_details),
        cmocka_unit_test(table_of_a_gpt),
        cmocka_unit_test(device_names),
        cmocka_unit_test(texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
