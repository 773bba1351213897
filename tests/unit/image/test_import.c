/* The shapes in which the products come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imported.h"

#define FILES_40                                                                                             \
    "vmkboot.gz vmk.gz sys.vgz cim.vgz oem.tgz license.tgz mod.tgz cimstg.tgz | boot.cfg pkgdb.tgz"
#define FILES_41 "b.z k.z s.z c.z oem.tgz license.tgz m.z cimstg.tgz | boot.cfg pkgdb.tgz"
#define FILES_35 "vmkernel.gz binmod.tgz environ.tgz cim.tgz oem.tgz license.tgz"
#define DD_40    "VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2"
#define DD_35    "VMware-VMvisor-big-3.5.0-123629.i386.dd.bz2"

/* sha256sum and gunzip say what each file is. */
static void expect_bytes(const struct image *image, const char *bank)
{
    for (size_t i = 0; i < image->file_count; i++) {
        const struct image_file *f = &image->files[i];
        char hex[SHA256_HEX_SIZE];
        run("echo '%s  %s/%s' | sha256sum -c", digest_format(&f->digest, hex), bank, f->name);
        run("test $(stat -c %%s %s/%s) = %llu", bank, f->name, (unsigned long long)f->size);
        if (f->gzip)
            run("test $(zcat %s/%s | wc -c) = %llu", bank, f->name, (unsigned long long)f->unpacked);
    }
}

static void expect_40(const char *path)
{
    struct image *image = import_good(path);
    expect_files(image, FILES_40);
    expect_bytes(image, "bank");
    assert_string_equal(image->family, "esxi_dd");
    assert_string_equal(image->product, "VMware ESXi");
    assert_string_equal(image->version, "4.0.0");
    assert_string_equal(image->build, "208167");
    assert_string_equal(image->arch, "amd64");
    assert_string_equal(image->kernel_options, "a=1");
    assert_string_equal(image->source, path);
    /* from sys.vgz, although mod.tgz is later and has one too */
    assert_string_equal(image->accounts, "root:old:1:0:99999:7:::\nvimuser:*:1::::::\n");
    assert_string_equal(image->inetd, "#ssh stream tcp\n");
    image_free(image);
}

static void disk_image(void **state)
{
    expect_40("b.dd");
    struct imported in = inspect_of("b.dd");
    assert_int_equal(in.tables, 1);
    imported_free(&in);
}

static void compressed_disk_image(void **state)
{
    run("for p in gzip bzip2 xz zstd; do $p -qkf b.dd; done");
    expect_40("b.dd.gz");
    expect_40("b.dd.bz2");
    expect_40("b.dd.xz");
    expect_40("b.dd.zst");
}

static void archives(void **state)
{
    run("rm -rf u && mkdir -p u/usr/lib/vmware/installer && bzip2 -c b.dd >u/usr/lib/vmware/installer/" DD_40
        " && tar -C u -czf image.tgz usr && mv u/usr/lib/vmware/installer/" DD_40
        " u/usr/lib/vmware/installer/VMware-VMvisor-big-208167-x86_64.dd.bz2 && tar -C u -czf other.tgz "
        "./usr");
    expect_40("image.tgz");
    expect_40("other.tgz");
}

static void iso_40(void **state)
{
    archives(state);
    run("rm -rf iso && mkdir iso && cp image.tgz iso/ && cp bank/vmkboot.gz iso/vmkboot.gz && "
        "cp bank/vmk.gz iso/vmkernel.gz && cp bank/sys.vgz bank/cim.vgz iso/ && echo x >iso/install.tgz && "
        "printf 'VMware ESXi [version] 4.0\\r\\n' >iso/README.txt");
    run("xorriso -as mkisofs -quiet -R -J -o rr.iso iso; xorriso -as mkisofs -quiet -o plain.iso iso");
    expect_40("rr.iso");
    expect_40("plain.iso"); /* IMAGE.TGZ */
    expect_40("iso");       /* the folder itself */
}

static void iso_41(void **state)
{
    run("rm -rf iso41 && mkdir iso41 && bzip2 -c letters.dd >iso41/imagedd.bz2 && "
        "(cd iso41 && md5sum imagedd.bz2 >imagedd.md5) && cp bank/vmkboot.gz bank/sys.vgz bank/cim.vgz "
        "iso41/ && "
        "cp bank/vmk.gz iso41/vmkernel.gz && cp bank/cimstg.tgz iso41/ && cp bank/oem.tgz iso41/install.vgz "
        "&& "
        "cp bank/oem.tgz iso41/ienviron.vgz && printf 'VMware ESXi 4.1.\\r\\n' >iso41/README.txt");
    run("xorriso -as mkisofs -quiet -R -o 41.iso iso41");
    struct image *image = import_good("41.iso");
    expect_files(image, FILES_41);
    expect_bytes(image, "letters");
    assert_string_equal(image->version, "4.1.0");
    assert_string_equal(image->build, "260247");
    image_free(image);

    run("cp 41.iso bad41.iso; sed -i s/^./x/ iso41/imagedd.md5; xorriso -as mkisofs -quiet -R -o bad41.iso "
        "iso41");
    import_bad("bad41.iso", "MD5 sum");
    run("rm iso41/imagedd.md5; xorriso -as mkisofs -quiet -R -o no41.iso iso41");
    import_noted("no41.iso", "no imagedd.md5");
}

/* Without imagedd the files of the root are the boot set; the installer's are not of it. */
static void iso_41_without_imagedd(void **state)
{
    iso_41(state);
    run("rm -f iso41/imagedd.*; xorriso -as mkisofs -quiet -R -o root41.iso iso41");
    struct image *image = import_good("root41.iso");
    expect_files(image, "vmkboot.gz vmk.gz sys.vgz cim.vgz cimstg.tgz");
    expect_bytes(image, "bank");
    assert_string_equal(image->version, "4.1");
    assert_string_equal(image->build, "unknown");
    image_free(image);
}

static void esxi_35(void **state)
{
    run("rm -rf u && mkdir -p u/usr/lib/vmware/installer && bzip2 -c b35.dd "
        ">u/usr/lib/vmware/installer/" DD_35 " && tar -C u -czf install.tgz usr");
    struct image *image = import_good("install.tgz");
    expect_files(image, FILES_35);
    expect_bytes(image, "bank35");
    assert_string_equal(image->version, "3.5.0");
    assert_string_equal(image->build, "123629");
    assert_string_equal(image->arch, "386");
    assert_string_equal(image->accounts, "root:environ:1:0:99999:7:::\n"); /* the later archive */
    image_free(image);

    run("rm -rf iso35 && mkdir iso35 && cp install.tgz bank35/vmkernel.gz bank35/binmod.tgz iso35/");
    image = import_good("iso35");
    expect_files(image, FILES_35);
    image_free(image);
    image = import_good("b35.dd"); /* nothing but the names to go by */
    assert_string_equal(image->version, "3.5");
    image_free(image);
}

static void expect_listed(const char *path, const char *list)
{
    struct image *image = import_good(path);
    expect_files(image, list);
    image_free(image);
}

static void folders(void **state)
{
    expect_listed("bank", FILES_40);
    expect_listed("letters", FILES_41);
    expect_listed("bank35", FILES_35);
    run("rm -rf mixed && mkdir mixed && bzip2 -c b.dd >mixed/" DD_40 " && echo x >mixed/notes.gz");
    expect_listed("mixed", FILES_40);
}

static void loaders(void **state)
{
    run("rm -rf pxe && mkdir pxe && printf 'xx\\0\\r\\nPXELINUX 6.04 PXE 20200816\\0yy' >pxe/pxelinux.0 && "
        "echo m >pxe/mboot.c32 && echo l >pxe/ldlinux.c32 && echo r >pxe/README && mkdir pxe/sub && "
        "echo s >pxe/sub/cat.c32");
    struct image *image = import_good("pxe");
    expect_files(image, "| ldlinux.c32 mboot.c32 pxelinux.0");
    expect_bytes(image, "pxe");
    assert_string_equal(image->family, "loader");
    assert_string_equal(image->product, "PXELINUX");
    assert_string_equal(image->version, "6.04");
    assert_null(image_kernel(image));
    image_free(image);
    import_bad("pxe/mboot.c32", "it has parts of pxelinux, but lacks pxelinux.0");
    run("cp pxe/pxelinux.0 pxelinux.0");
    image = import_good("pxelinux.0");
    assert_string_equal(image->version, "6.04");
    image_free(image);
}

/* Real media of something else, from Debian's packages. */
static void other_media(void **state)
{
    import_bad("/usr/lib/grub-rescue/grub-rescue-cdrom.iso",
               "none of the media known here (ISO 9660 \"ISOIMAGE\"");
    struct image *image =
        import_good("/usr/lib/memtest86+/memtest86+x64.iso"); /* its EFI loader is the kernel */
    assert_string_equal(image->family, "linux");
    assert_string_equal(image->product, "Memtest86+");
    image_free(image);
    run("rm -rf esx4 && mkdir esx4 && touch esx4/README esx4/build_number esx4/packages.xml");
    import_bad("esx4", "classic ESX 4");
    run("rm -rf esx3 && mkdir esx3 && touch esx3/README esx3/open_source_licenses.txt");
    import_bad("esx3", "classic ESX 3.5");
    run("rm -rf empty && mkdir empty && touch nothing && tar -czf etc.tgz -C empty . && mkdir -p a && echo b "
        ">a/b.txt "
        "&& tar -czf text.tgz a");
    import_bad("empty", "directory");
    import_bad("nothing", "is an empty file: download or copy it again");
    import_bad("text.tgz", "no bootbank of ESXi 3.5 to 4.1 in it");
    import_bad("text.tgz", "a/b.txt");
    import_bad("bank/vmk.gz", "no bootbank");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disk_image), cmocka_unit_test(compressed_disk_image),
        cmocka_unit_test(archives),   cmocka_unit_test(iso_40),
        cmocka_unit_test(iso_41),     cmocka_unit_test(iso_41_without_imagedd),
        cmocka_unit_test(esxi_35),    cmocka_unit_test(folders),
        cmocka_unit_test(loaders),    cmocka_unit_test(other_media),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
