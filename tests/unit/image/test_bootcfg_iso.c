/* ESXi 5 and later, from media with the layout of the vendor's, made by esxi5.sh and xorriso. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/describe.h"
#include "imported.h"

#define OPTIONS_LEFT "allowLegacyCPU=true"

static void tree(const char *version, const char *build)
{
    run("bash $SOURCE_ROOT/tests/unit/image/esxi5.sh t %s %s", version, build);
}

static void iso(const char *options)
{
    run("rm -f t.iso; xorriso -as mkisofs -quiet -V ESXI %s -o t.iso t",
        options); /* Rock Ridge but for --norock */
}

/* The modules are those of boot.cfg but `dropped` (a pattern of grep -E), in its order; sha256sum and stat
 * say what each is. */
static void expect_set(const struct image *image, const char *kernel, const char *dropped)
{
    FILE *names = fopen("got", "w"), *sums = fopen("sums", "w"), *sizes = fopen("sizes", "w");
    assert_true(names && sums && sizes);
    assert_string_equal(image_kernel(image)->name, kernel);
    for (size_t i = 0; i < image->file_count; i++) {
        const struct image_file *f = &image->files[i];
        char hex[SHA256_HEX_SIZE];
        if (f->role == IMAGE_ROLE_EXTRA)
            continue;
        if (f->role == IMAGE_ROLE_MODULE)
            fprintf(names, "%s\n", f->name);
        fprintf(sums, "%s  t/%s\n", digest_format(&f->digest, hex), f->name);
        fprintf(sizes, "%s %llu %llu\n", f->name, (unsigned long long)f->size,
                (unsigned long long)f->unpacked);
        assert_true(f->gzip);
    }
    fclose(names);
    fclose(sums);
    fclose(sizes);
    run("grep -vE '%s' t.want | diff - got", dropped);
    run("sha256sum --quiet -c sums");
    run("cut -d' ' -f1,2 sizes >told && cd t && cut -d' ' -f1 ../sizes | xargs stat -c '%%n %%s' | diff - "
        "../told");
    run("head -20 sizes | while read -r name size unpacked; do test $(zcat t/$name | wc -c) = $unpacked; "
        "done");
}

/* Which member of the tree an extra is. */
static void expect_extra(const struct image *image, const char *name, const char *path)
{
    const struct image_file *f = image_find(image, name);
    char hex[SHA256_HEX_SIZE];
    assert_non_null(f);
    assert_int_equal(f->role, IMAGE_ROLE_EXTRA);
    run("echo '%s  t/%s' | sha256sum -c", digest_format(&f->digest, hex), path);
}

static size_t extras(const struct image *image)
{
    return image->file_count - image_module_count(image) - 1;
}

#define DROPPED_BEFORE_65 "^(weaselin|imgpayld|imgdb)\\."
#define DROPPED           "^(weaselin|imgpayld)\\."

static void expect_release(const char *path, const char *version, const char *build, const char *kernel,
                           const char *dropped)
{
    struct image *image = import_good(path);
    assert_string_equal(image->family, "esxi_bootcfg");
    assert_string_equal(image->product, "VMware ESXi");
    assert_string_equal(image->version, version);
    assert_string_equal(image->build, build);
    assert_string_equal(image->arch, "amd64");
    assert_string_equal(image->kernel_options, OPTIONS_LEFT);
    assert_non_null(image->accounts);
    assert_non_null(strstr(image->accounts, "vpxuser:*:"));
    assert_true(image_module_count(image) > 90);
    expect_set(image, kernel, dropped);
    assert_int_equal(extras(image), 5);
    expect_extra(image, "boot.cfg", "boot.cfg");
    expect_extra(image, "efi-boot.cfg", "efi/boot/boot.cfg");
    expect_extra(image, "mboot.c32", "mboot.c32");
    expect_extra(image, "mboot.efi", "efi/boot/bootx64.efi");
    expect_extra(image, "crypto64.efi", "efi/boot/crypto64.efi");
    image_free(image);
}

/* As a file system without extensions has it (upper case), with Joliet, with Rock Ridge, both, and a folder.
 */
static void file_systems(void **state)
{
    static const char *const options[] = {"--norock -iso-level 1", "--norock -iso-level 3", "--norock -J",
                                          "-R", "-R -J"};
    tree("7.0.3", "20328353");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        iso(options[i]);
        expect_release("t.iso", "7.0.3", "20328353", "b.b00", DROPPED);
    }
    expect_release("t", "7.0.3", "20328353", "b.b00", DROPPED);
}

static void generations(void **state)
{
    static const struct {
        const char *version, *build, *kernel, *dropped, *name;
    } rows[] = {
        {"5.0.0", "469512", "tboot.b00", DROPPED_BEFORE_65, "esxi-5.0.0-469512"},
        {"6.0.0", "2494585", "b.b00", DROPPED_BEFORE_65, "esxi-6.0.0-2494585"},
        {"6.5.0", "4564106", "b.b00", DROPPED, "esxi-6.5.0-4564106"},
        {"6.7.0", "8169922", "b.b00", DROPPED, "esxi-6.7.0-8169922"},
        {"8.0.2", "22380479", "b.b00", DROPPED, "esxi-8.0.2-22380479"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tree(rows[i].version, rows[i].build);
        iso("-R");
        expect_release("t.iso", rows[i].version, rows[i].build, rows[i].kernel, rows[i].dropped);
        char name[IMAGE_NAME_MAX];
        struct image *image = import_good("t.iso");
        image_default_name(image, name);
        assert_string_equal(name, rows[i].name);
        image_free(image);
    }
    import_noted("t.iso", "weaselin.v00 is left out: it belongs to the installer");
    import_noted("t.iso", "kernel option runweasel is left out");
}

static void a_later_version(void **state)
{
    tree("9.1.0", "99999999");
    iso("-R");
    expect_release("t.iso", "9.1.0", "99999999", "b.b00", DROPPED);
    import_noted("t.iso", "ESXi 9.1.0 is later than 8: untested");
    tree("8.0.3", "24022510");
    struct imported in = import_of("t");
    assert_non_null(in.image);
    assert_null(strstr(buf_text(&in.notes), "untested"));
    imported_free(&in);
}

/* Each mark alone will do; the surest that there is counts. */
static void marks(void **state)
{
    tree("6.7.0", "8169922");
    run("rm t/.DISCINFO t/vmware-esx-base-readme");
    expect_release("t", "6.7.0", "8169922", "b.b00", DROPPED);
    run("rm t/upgrade/metadata.xml && printf '1\\r\\nESXi\\r\\nVersion: 6.7.0\\r\\n' >t/.DISCINFO");
    expect_release("t", "6.7.0", "unknown", "b.b00", DROPPED);
    run("sed -i 's/^build=.*/build=6.7.0-0.0.8169922/' t/boot.cfg");
    expect_release("t", "6.7.0", "8169922", "b.b00", DROPPED);
    run("rm t/.DISCINFO && printf 'VMware ESXi 6.7.' >t/vmware-esx-base-readme");
    expect_release("t", "6.7.0", "8169922", "b.b00", DROPPED);
    run("sed -i 's/^build=.*/build=/' t/boot.cfg");
    expect_release("t", "6.7", "unknown", "b.b00", DROPPED);
    iso("--norock -iso-level 3"); /* VMWARE_ESX_BASE_README */
    expect_release("t.iso", "6.7", "unknown", "b.b00", DROPPED);
    run("mv t/vmware-esx-base-readme x && printf 'ESXi\\nVersion: 6.7.0\\n' >t/_DISCINFO");
    expect_release("t", "6.7.0", "unknown", "b.b00", DROPPED);
}

static void wrong_marks(void **state)
{
    tree("6.7.0", "8169922");
    run("echo '<esxVersion>latest</esxVersion>' >t/upgrade/metadata.xml");
    import_noted("t", "upgrade/metadata.xml tells no version of ESXi");
    expect_release("t", "6.7.0", "unknown", "b.b00", DROPPED);
    run("rm t/.DISCINFO t/vmware-esx-base-readme");
    import_bad("t", "nothing in it says that it is ESXi 5 or later");
    run("head -c 70000 /dev/zero >t/upgrade/metadata.xml");
    import_bad("t", "metadata.xml tells no version of ESXi");
    run("printf 'x\\nFedora\\nVersion: 6.7.0\\n' >t/.DISCINFO");
    import_bad("t", "nothing in it says that it is ESXi 5 or later");
    run("printf 'ESXi\\nVersion: 4.1.0\\n' >t/.DISCINFO");
    import_bad("t", "says it is ESXi 4.1.0");

    tree("6.7.0", "8169922"); /* they differ: what boot.cfg says is what is loaded */
    run("sed -i 's/^build=.*/build=6.5.0-123/' t/boot.cfg");
    import_noted("t", "metadata.xml says version 6.7.0; 6.5.0 is taken");
    expect_release("t", "6.5.0", "123", "b.b00", DROPPED);
    run("sed -i 's/^build=.*/build=6.7.0-123/' t/boot.cfg");
    import_noted("t", "metadata.xml says build 8169922; 123 is taken");
}

static void crooked_names(void **state)
{
    tree("5.0.0", "469512");
    run("mv t/ata_pata.v00 t/ata-pata.v00 && mv t/LSIProvi.v00 t/lsiprovi.v00");
    iso("-R");
    import_noted("t.iso", "ata-pata.v00 is taken for boot.cfg's ata_pata.v00");
    import_noted("t.iso", "lsiprovi.v00 is taken for boot.cfg's LSIProvi.v00");
    struct image *image = import_good("t.iso");
    run("cp t/ata-pata.v00 t/ata_pata.v00; cp t/lsiprovi.v00 t/LSIProvi.v00");
    expect_set(image, "tboot.b00", DROPPED_BEFORE_65);
    image_free(image);

    run("rm t/ata_pata.v00 t/LSIProvi.v00");
    run("sed -i 's,drv_10,drv-10,' t/boot.cfg"); /* ISO 9660 has no dash */
    iso("--norock -iso-level 1");
    import_noted("t.iso", "DRV_10.V00 is taken for boot.cfg's drv-10.v00");
    run("mv t/s.v00 't/S.V00;1' && mv t/boot.cfg 't/BOOT.CFG;1'");
    image = import_good("t"); /* copied off by something that reads raw names */
    assert_non_null(image_find(image, "s.v00"));
    assert_non_null(image_find(image, "boot.cfg"));
    image_free(image);

    tree("7.0.3", "1"); /* the exact name wins */
    run("echo no >t/S.v00 && echo no >t/ata-pata.v00");
    expect_release("t", "7.0.3", "1", "b.b00", DROPPED);
    run("mv t/s.v00 t/S.V00");
    import_bad("t", "boot.cfg's s.v00 may be this file or");
    run("rm t/S.v00 && mv t/ata_pata.v00 t/ata-PATA.v00 && mv t/ata-pata.v00 t/ATA-pata.v00");
    import_bad("t", "boot.cfg's ata_pata.v00 may be this file or");
    tree("7.0.3", "1");
    run("sed -i 's,^modules=,modules=/ata-pata.v00 --- ,' t/boot.cfg");
    import_bad("t", "two names of boot.cfg may be this file, the second is ata_pata.v00");
}

static void incomplete_media(void **state)
{
    tree("8.0.2", "22380479");
    run("mv t/vsanheal.v00 t/vsanhea.v00");
    iso("--norock -iso-level 1");
    import_bad("t.iso", "boot.cfg names files that are not there: vsanheal.v00 (there is VSANHEA.V00)");
    run("rm t/vsanhea.v00 t/k.b00");
    import_bad("t", "boot.cfg names files that are not there: k.b00");
    import_bad("t", "vsanheal.v00");
    run("rm t/drv_*");
    import_bad("t", ", .... The medium is not complete");
    tree("8.0.2", "22380479");
    run("rm t/b.b00");
    import_bad("t", "b.b00");
    tree("8.0.2", "22380479");
    run(": >t/vmx.v00");
    iso("-R");
    import_bad("t.iso", "vmx.v00 is empty");
    run("echo x | gzip -n >t/vmx.v00 && head -c 512 /dev/zero >>t/vmx.v00");
    import_bad("t", "vmx.v00");
    run("echo x | gzip -n >t/vmx.v00 && cp t/vmx.v00 y && cat y >>t/vmx.v00");
    import_bad("t", "vmx.v00");
    run("seq 1000 | gzip -n | head -c 900 >t/vmx.v00");
    import_bad("t", "vmx.v00");
    run("rm t/weaselin.v00; echo x | gzip -n >t/vmx.v00"); /* nobody needs it */
    image_free(import_good("t"));
}

static void odd_lists(void **state)
{
    tree("8.0.2", "22380479");
    run("sed -i 's,^modules=,modules=//s.v00 opt=1 a --- state.tgz --- /onetime.tgz --- ,' t/boot.cfg");
    struct image *image = import_good("t");
    assert_string_equal(image->files[1].name, "s.v00");
    assert_string_equal(image->files[1].options, "opt=1 a");
    image_free(image);
    import_noted("t", "s.v00 is in boot.cfg twice");
    import_noted("t", "onetime.tgz is left out");
    run("sed -i 's/^kernelopt=.*/kernelopt=RUNWEASEL a=1 ks=cdrom:\\/KS.CFG kstool=2/' t/boot.cfg");
    image = import_good("t");
    assert_string_equal(image->kernel_options, "a=1 kstool=2");
    image_free(image);
    run("sed -i /^modules=/d t/boot.cfg");
    import_bad("t", "lists no modules");
    run("sed -i /^kernel=/d t/boot.cfg");
    import_bad("t", "names no kernel");
    run("head -c 70000 /dev/zero | tr '\\0' '#' >t/boot.cfg");
    import_bad("t", "has 70000 bytes");
}

static void without_efi(void **state)
{
    tree("5.5.0", "1331820");
    run("rm -r t/efi && : >t/mboot.c32");
    import_noted("t", "mboot.c32 is left out: it is empty");
    struct image *image = import_good("t");
    assert_string_equal(image->arch, "amd64");
    assert_int_equal(extras(image), 1);
    image_free(image);
    run("mkdir -p t/efi/boot && echo arm >t/efi/boot/bootaa64.efi");
    image = import_good("t");
    assert_string_equal(image->arch, "arm64");
    expect_extra(image, "mboot.efi", "efi/boot/bootaa64.efi");
    image_free(image);
}

/* A boot.cfg does not make ESXi 5: NetBSD has one, and so has a bootbank of 4.x. */
static void other_products(void **state)
{
    struct image *image = import_good("bank");
    assert_string_equal(image->family, "esxi_dd");
    image_free(image);
    run("rm -rf netbsd && mkdir netbsd && echo 'menu=Install:boot netbsd' >netbsd/boot.cfg && echo x "
        ">netbsd/netbsd");
    import_bad("netbsd", "none of the media known here");
    run("touch netbsd/.discinfo");
    import_bad("netbsd", "names no kernel");
    run("rm -rf tftp && mkdir tftp && echo k=v >tftp/boot.cfg && echo m >tftp/mboot.c32");
    import_bad("tftp", "it has parts of pxelinux, but lacks pxelinux.0");
}

static void many_modules(void **state)
{
    tree("8.0.2", "22380479");
    run("for i in $(seq 900); do cp t/vmx.v00 t/x$i.v00; echo \" --- /x$i.v00\"; done | tr -d '\\n' >list && "
        "sed -i \"s,^modules=.*,&$(cat list),\" t/boot.cfg");
    import_bad("t", "more than 1000 modules");
    run("bash $SOURCE_ROOT/tests/unit/image/esxi5.sh t 8.0.2 1; for i in $(seq 50); do cp t/vmx.v00 "
        "t/x$i.v00; "
        "echo \" --- /x$i.v00\"; done | tr -d '\\n' >list && sed -i \"s,^modules=.*,&$(cat list),\" "
        "t/boot.cfg");
    struct image *image = import_good("t");
    struct buf out = BUF_INIT;
    assert_true(image_module_count(image) > 150);
    image_describe(image, &out);
    assert_non_null(strstr(buf_text(&out), "VMware ESXi 8.0.2 build 1 (esxi_bootcfg, amd64), from t\n"));
    assert_non_null(strstr(buf_text(&out), "x50.v00"));
    buf_fini(&out);
    image_free(image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(file_systems),     cmocka_unit_test(generations),
        cmocka_unit_test(a_later_version),  cmocka_unit_test(marks),
        cmocka_unit_test(wrong_marks),      cmocka_unit_test(crooked_names),
        cmocka_unit_test(incomplete_media), cmocka_unit_test(odd_lists),
        cmocka_unit_test(without_efi),      cmocka_unit_test(other_products),
        cmocka_unit_test(many_modules),
    };
    return cmocka_run_group_tests(tests, fixture_enter, fixture_leave);
}
