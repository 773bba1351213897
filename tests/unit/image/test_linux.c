/* Linux from folders, ISOs and single files, with kernels of which the headers are true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imported.h"

static void expect(const char *path, const char *family, const char *arch, const char *version,
                   const char *files)
{
    struct image *image = import_good(path);
    assert_string_equal(image->family, family);
    assert_string_equal(image->arch, arch);
    assert_string_equal(image->version, version);
    expect_files(image, files);
    image_free(image);
}

static void expect_options(const char *path, const char *options)
{
    struct image *image = import_good(path);
    assert_string_equal(image->kernel_options, options);
    image_free(image);
}

static void folders(void **state)
{
    run("mkdir a && cp k/bz64 a/vmlinuz && cp k/initrd.gz a/ && echo hello >a/README");
    expect("a", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz initrd.gz");
    expect_options("a", "");
    run("mkdir b && cp k/bz32 b/bzImage");
    expect("b", "linux", "386", "6.1.0-56-686", "bzImage");
    run("mkdir -p c/x/y && cp k/arm64 c/x/y/vmlinuz-6.1.0-56-arm64 && cp k/initrd.gz "
        "c/x/y/initrd.img-6.1.0-56-arm64");
    expect("c", "linux", "arm64", "6.1.0-56-arm64", "vmlinuz-6.1.0-56-arm64 initrd.img-6.1.0-56-arm64");
    run("mkdir d && cp k/memtest d/memtest86+x64.bin");
    expect("d", "linux", "amd64", "6.10", "memtest86+x64.bin");
    run("cp k/bz64 d/vmlinuz"); /* the surer name */
    expect("d", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz");
}

static void single_files(void **state)
{
    expect("k/bz64", "linux", "amd64", "6.1.0-56-amd64", "bz64");
    expect("k/bz-el6", "linux", "amd64", "2.6.32-754.el6.x86_64", "bz-el6"); /* before xloadflags */
    expect("k/bz-old", "linux", "386", "2.6.32-5-686", "bz-old");
    expect("k/arm64", "linux", "arm64", "unknown", "arm64");
    run("cp k/memtest 'memtest 86+.bin'; cp k/stub64 vmlinuz; cp k/text bzImage");
    expect("vmlinuz", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz");
    expect("memtest 86+.bin", "linux", "amd64", "6.10", "memtest-86+.bin");
    import_noted("memtest 86+.bin", "is called memtest-86+.bin in the image");
    import_bad("bzImage", "bzImage: it is no Linux kernel: it has neither x86's boot header");
    struct image *image = import_good("memtest 86+.bin");
    assert_string_equal(image->product, "Memtest86+");
    image_free(image);
}

/* UEFI and its loaders take an arm64 kernel only as it is. */
static void packed_kernel(void **state)
{
    run("mkdir gz && cp k/arm64.gz gz/Image.gz && cp k/initrd.gz gz/");
    expect("gz", "linux", "arm64", "unknown", "Image initrd.gz");
    struct image *image = import_good("gz");
    char hex[SHA256_HEX_SIZE];
    run("echo '%s  k/arm64' | sha256sum -c", digest_format(&image->files[0].digest, hex));
    image_free(image);
    run("mv gz/Image.gz gz/vmlinuz"); /* Ubuntu's */
    expect("gz", "linux", "arm64", "unknown", "vmlinuz initrd.gz");
    run("head -c 30 k/arm64.gz >gz/vmlinuz");
    import_bad("gz", "gz: vmlinuz: ends early");
}

static void which_initrd(void **state)
{
    run("mkdir i && cp k/bz64 i/vmlinuz-6.1.0-56-amd64 && cp k/initrd.gz i/initrd.img-6.1.0-56-amd64 && "
        "cp k/initrd.gz i/initrd.img-6.1.0-5 && cp k/initrd.gz i/amd-ucode.img");
    expect("i", "linux", "amd64", "6.1.0-56-amd64",
           "vmlinuz-6.1.0-56-amd64 amd-ucode.img initrd.img-6.1.0-56-amd64");
    import_noted("i", "initrd.img-6.1.0-56-amd64 belongs to vmlinuz-6.1.0-56-amd64 by its name");
    run("rm i/initrd.img-6.1.0-56-amd64; cp k/initrd.gz i/initrd.gz");
    import_bad("i", "holds 2 initrds and no boot configuration that says which one to take: "
                    "initrd.gz, initrd.img-6.1.0-5. Give a folder that has one");
    run("mkdir i/x && mv i/initrd.gz i/amd-ucode.img i/x/"); /* those of other folders are others' */
    expect("i", "linux", "amd64", "6.1.0-56-amd64",
           "vmlinuz-6.1.0-56-amd64 amd-ucode.img initrd.img-6.1.0-5");
    run("mv i/initrd.img-6.1.0-5 i/x/initrd.gz && cp k/bz64b i/bzImage");
    import_bad("i", "holds 2 kernels and no boot configuration that says which one to take: bzImage, "
                    "vmlinuz-6.1.0-56-amd64");
}

/* More may follow the first member of an initrd, and it need not be gzip at all. */
static void initrd_contents(void **state)
{
    run("mkdir m && cp k/bz64 m/linux && cat k/initrd.gz k/initrd.gz >m/initrd.gz && echo x >>m/initrd.gz");
    expect("m", "linux", "amd64", "6.1.0-56-amd64", "linux initrd.gz");
    struct image *image = import_good("m");
    assert_false(image->files[1].gzip);
    assert_int_equal(image->files[1].unpacked, image->files[1].size);
    image_free(image);
    run("xz -c k/text >m/initrd.gz");
    expect("m", "linux", "amd64", "6.1.0-56-amd64", "linux initrd.gz");
    run("head -c 30 k/initrd.gz >m/initrd.gz");
    import_bad("m", "initrd.gz: ends early");
    run(": >m/initrd.gz");
    import_bad("m", "initrd.gz is empty: boot loaders take an empty file for a missing one");
}

static void no_kernels(void **state)
{
    run("mkdir n && cp k/initrd.gz n/");
    import_bad("n", "n holds initrd.gz, but no Linux kernel (vmlinuz*, linux, bzImage*, Image)");
    run("cp k/text n/vmlinuz");
    import_bad("n", "n: vmlinuz: it is no Linux kernel");
    run("cp k/ppc n/vmlinuz");
    import_bad("n", "vmlinuz: it is an ELF file for ppc64");
    run("cp k/vmlinux n/vmlinuz");
    import_bad("n",
               "vmlinuz: it is an ELF file for amd64; bootherd boots kernels for amd64 and 386 as bzImage");
    run("cp k/riscv n/vmlinuz");
    import_bad("n", "vmlinuz: it is Linux for riscv64; bootherd boots kernels for amd64, 386 and arm64");
    run(": >n/vmlinuz");
    import_bad("n", "vmlinuz is empty: it is no kernel");
    run("head -c 600 k/bz64 >n/vmlinuz"); /* cut behind its header */
    struct image *image = import_good("n");
    assert_string_equal(image->version, "unknown");
    image_free(image);
    run("mkdir o && echo x >o/notes.txt");
    import_bad("o", "o is none of the media known here (directory with notes.txt)");
}

#define ISO "xorriso -as mkisofs -quiet -R -J -o %s.iso %s"

static void iso_with_isolinux(void **state)
{
    run("mkdir -p t/isolinux t/install.amd t/live && cp k/bz64 t/install.amd/vmlinuz && "
        "cp k/initrd.gz t/install.amd/ && cp k/bz64b t/live/vmlinuz && cp k/initrd.gz t/live/initrd.img && "
        "mkdir t/.disk && echo 'Debian GNU/Linux 12.5.0 \"Bookworm\" - Official' >t/.disk/info && "
        "printf 'path \\ninclude MENU.cfg\\ndefault vesamenu.c32\\n' >t/isolinux/isolinux.cfg && "
        "printf 'label live\\n kernel /live/vmlinuz\\n append initrd=/live/initrd.img\\n"
        "label install\\n menu label ^Install\\n menu default\\n kernel /install.amd/vmlinuz\\n"
        " append vga=788 initrd=/install.amd/initrd.gz --- quiet \\n' >t/isolinux/menu.cfg");
    run(ISO "; xorriso -as mkisofs -quiet -o plain.iso t", "t", "t");
    expect("t.iso", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz initrd.gz");
    expect("t", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz initrd.gz");
    expect_options("t.iso", "vga=788 quiet");
    import_noted("t.iso",
                 "isolinux/menu.cfg:4: \"Install\" is taken of 2 entries that start a system here: it "
                 "is the one that starts by itself");
    struct image *image = import_good("t.iso");
    assert_string_equal(image->product, "Debian GNU/Linux 12.5.0");
    char name[IMAGE_NAME_MAX];
    image_default_name(image, name);
    assert_string_equal(name, "debian-6.1.0-56-amd64");
    image_free(image);
    run("rm t/install.amd/initrd.gz; " ISO, "t2", "t");
    import_bad("t2.iso",
               "t2.iso: isolinux/menu.cfg:4: the entry \"Install\" loads /install.amd/initrd.gz, which "
               "is not there: the medium is not complete");
    run("rm t/install.amd/vmlinuz; " ISO, "t3", "t");
    expect("t3.iso", "linux", "amd64", "6.1.0-57-amd64", "vmlinuz initrd.img");
}

/* Without Rock Ridge and Joliet: upper case, eight letters and three. */
static void plain_iso(void **state)
{
    run("mkdir -p u/isolinux && cp k/bz64 u/isolinux/vmlinuz && cp k/initrd.gz u/isolinux/initrd.gz && "
        "printf 'default linux\\nlabel linux\\n kernel vmlinuz\\n append initrd=initrd.gz root=x\\n' "
        ">u/isolinux/isolinux.cfg; xorriso -as mkisofs -quiet -o u.iso u");
    expect("u.iso", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz initrd.gz");
    expect_options("u.iso", "root=x");
}

static void iso_with_grub(void **state)
{
    run("mkdir -p g/boot/grub/arm64-efi g/casper && cp k/arm64.gz g/casper/vmlinuz && cp k/initrd.gz "
        "g/casper/initrd && "
        "cp k/text g/casper/filesystem.squashfs && cp k/text g/casper/filesystem.size && "
        "echo 'source /boot/grub/grub.cfg' >g/boot/grub/arm64-efi/grub.cfg && "
        "printf 'set timeout=30\\nloadfont unicode\\nmenuentry \"Try or Install\" {\\n\\tset "
        "gfxpayload=keep\\n\\tlinux\\t/casper/vmlinuz  --- quiet splash\\n\\tinitrd\\t/casper/initrd\\n}\\n"
        "menuentry \"Boot from next volume\" {\\n\\texit 1\\n}\\n' >g/boot/grub/grub.cfg; " ISO,
        "g", "g");
    expect("g.iso", "linux", "arm64", "unknown", "vmlinuz initrd | filesystem.size filesystem.squashfs");
    expect_options("g.iso", "quiet splash");
    run("echo 'source a.cfg' >>g/boot/grub/grub.cfg; echo 'source /boot/grub/grub.cfg' >g/boot/grub/a.cfg");
    import_bad("g", "g: boot/grub/a.cfg:1: includes boot/grub/grub.cfg, which includes it in turn");
}

static void debian_live(void **state)
{
    run("mkdir -p l/live l/isolinux l/other && cp k/bz64 l/live/vmlinuz && cp k/initrd.gz l/live/initrd.img "
        "&& "
        "cp k/text l/live/filesystem.squashfs && cp k/text l/other/filesystem.squashfs && "
        "printf 'label live\\nlinux /live/vmlinuz\\ninitrd /live/initrd.img\\nappend boot=live "
        "findiso= quiet BOOT_IMAGE=/live/vmlinuz\\n' >l/isolinux/isolinux.cfg; " ISO,
        "l", "l");
    expect("l.iso", "linux", "amd64", "6.1.0-56-amd64",
           "vmlinuz initrd.img | filesystem.squashfs other-filesystem.squashfs");
    expect_options("l.iso", "boot=live quiet components fetch=%{base}/filesystem.squashfs");
    run("sed -i 's/boot=live/boot=live components fetch=http:x/' l/isolinux/isolinux.cfg");
    expect_options("l", "boot=live components fetch=http:x quiet");
    run("sed -i 's/boot=live/root=live:CDLABEL=Fed/' l/isolinux/isolinux.cfg");
    import_noted("l", "kernel option root=live:CDLABEL=Fed looks for the medium");
}

/* A distribution's DVD: thousands of packages beside what is booted. */
static void iso_of_packages(void **state)
{
    run("mkdir -p y/AppStream/Packages y/isolinux && cp k/bz64 y/isolinux/vmlinuz && (cd "
        "y/AppStream/Packages && seq "
        "-f '%%g-libreoffice-langpack-7.1.8.1-12.el9_3.x86_64.rpm' 12000 | xargs touch) && xorriso -as "
        "mkisofs -quiet "
        "-R -J -o y.iso y");
    expect("y.iso", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz");
}

/* Names that are links: the files have others. */
static void iso_with_links(void **state)
{
    run("mkdir -p h/live h/isolinux && cp k/bz64 h/live/vmlinuz && ln h/live/vmlinuz h/live/vmlinuz-6.1 && "
        "cp "
        "k/initrd.gz h/live/initrd.img-6.1 && ln -s initrd.img-6.1 h/live/initrd.img && ln -s . h/debian && "
        "printf 'label a\\nlinux /debian/live/vmlinuz-6.1\\ninitrd /debian/live/initrd.img\\n' "
        ">h/isolinux/isolinux.cfg; " ISO,
        "h", "h");
    expect("h.iso", "linux", "amd64", "6.1.0-56-amd64", "vmlinuz initrd.img-6.1");
    run("rm h/live/initrd.img && ln -s initrd.img h/live/initrd.img; " ISO, "h2", "h");
    import_bad("h2.iso", "loads /debian/live/initrd.img, which is not there");
}

/* A medium whose EFI loader is the kernel itself; another loader is no kernel. */
static void iso_of_a_kernel(void **state)
{
    run("mkdir -p v/EFI/BOOT && cp k/stub64 v/EFI/BOOT/bootx64.efi && echo x >v/README; " ISO, "v", "v");
    expect("v.iso", "linux", "amd64", "6.1.0-56-amd64", "bootx64.efi");
    run("cp k/efi64 v/EFI/BOOT/bootx64.efi; " ISO, "v2", "v");
    import_bad("v2.iso", "v2.iso is none of the media known here (ISO 9660");
    import_bad("v", "v is none of the media known here (directory with README)");
}

/* The tree of a TFTP server, and parts of it: its names begin at the server's root. */
static void netboot_tree(void **state)
{
    run("mkdir -p s/text/di/amd64/pxelinux.cfg && cp k/bz64 s/text/di/amd64/linux && cp k/initrd.gz "
        "s/text/di/amd64/ && echo x >s/text/di/amd64/pxelinux.0 && ln -s di/amd64/pxelinux.0 s/text/ && "
        "printf 'include di/amd64/txt.cfg\\n' >s/text/di/amd64/pxelinux.cfg/default && "
        "printf 'label a\\n kernel di/amd64/linux\\n append a=b initrd=di/amd64/initrd.gz\\n' "
        ">s/text/di/amd64/txt.cfg && cp -r s/text s/gtk");
    expect_options("s/text", "a=b");
    expect_options("s/text/di/amd64", "a=b");
    expect("s/text", "linux", "amd64", "6.1.0-56-amd64", "linux initrd.gz");
    import_noted("s",
                 "gtk/di/amd64/pxelinux.cfg/default counts; text/di/amd64/pxelinux.cfg/default is another");
}

/* A loader's folder is none, whatever its files are called. */
static void no_linux(void **state)
{
    run("mkdir p && echo 'PXELINUX 6.04' >p/pxelinux.0 && echo x >p/linux.c32");
    struct image *image = import_good("p");
    assert_string_equal(image->family, "loader");
    image_free(image);
    run("mkdir -p w/isolinux && echo x >w/vmkernel.gz && printf 'default e\\nlabel e\\nkernel "
        "mboot.c32\\nappend "
        "vmkernel.gz --- x.tgz\\n' >w/isolinux/isolinux.cfg");
    import_bad("w", "w is none of the media known here");
    run("mkdir e && touch e/README e/build_number e/packages.xml && cp k/bz64 e/vmlinuz");
    import_bad("e", "classic ESX 4");
}

static void efi_programs(void **state)
{
    run("cp k/efi64 shellx64.efi; cp k/efia64 a.EFI; cp k/efi32 b.efi; cp k/stub64 m.efi; mkdir ef && cp "
        "k/efi64 "
        "ef/Shell.efi && echo x >ef/readme");
    expect("shellx64.efi", "efi", "amd64", "unknown", "shellx64.efi");
    expect("a.EFI", "efi", "arm64", "unknown", "a.EFI");
    expect("b.efi", "efi", "386", "unknown", "b.efi");
    expect("m.efi", "efi", "amd64", "6.1.0-56-amd64", "m.efi");
    expect("ef", "efi", "amd64", "unknown", "Shell.efi");
    run("cp k/efi-driver c.efi; cp k/efi-arm d.efi; cp k/text e.efi; cp k/efi64 ef/2.efi");
    import_bad("c.efi", "c.efi: it is a program, but no EFI application (its subsystem is 11, not 10)");
    import_bad("d.efi", "d.efi: it is an EFI program for machine 0x1c2");
    import_bad("e.efi", "e.efi: it is no EFI program");
    import_bad("ef", "ef is none of the media known here");
    run("rm ef/2.efi && echo x >ef/undionly.kpxe"); /* a folder of loaders */
    import_bad("ef", "ef is none of the media known here");
    run("rm ef/undionly.kpxe && mkdir ef/x && echo x >ef/x/y");
    import_bad("ef", "ef is none of the media known here");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders),         cmocka_unit_test(single_files),
        cmocka_unit_test(packed_kernel),   cmocka_unit_test(which_initrd),
        cmocka_unit_test(initrd_contents), cmocka_unit_test(no_kernels),
        cmocka_unit_test(plain_iso),       cmocka_unit_test(iso_with_isolinux),
        cmocka_unit_test(iso_with_grub),   cmocka_unit_test(debian_live),
        cmocka_unit_test(netboot_tree),    cmocka_unit_test(no_linux),
        cmocka_unit_test(efi_programs),    cmocka_unit_test(iso_with_links),
        cmocka_unit_test(iso_of_packages), cmocka_unit_test(iso_of_a_kernel),
    };
    return cmocka_run_group_tests(tests, fixture_enter_kernels, fixture_leave);
}
