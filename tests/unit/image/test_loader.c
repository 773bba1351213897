#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "image/loader.h"
#include "image/version_find.h"
#include "imported.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- the version behind a mark --- */

/* In pieces of every size: marks and versions lie across their ends. */
static void expect_version(const char *bytes, size_t size, const char *mark, size_t mark_size,
                           const char *expected)
{
    for (size_t step = 1; step <= size; step++) {
        struct version_find v = {.mark = {(const uint8_t *)mark, mark_size}};
        for (size_t at = 0; at < size; at += step)
            version_find_add(&v, bytes + at, size - at < step ? size - at : step);
        assert_true(v.found == (expected != NULL));
        if (expected)
            assert_string_equal(v.text, expected);
    }
}
#define VERSION(bytes, mark, expected) expect_version(bytes, sizeof bytes, mark, sizeof mark - 1, expected)

static void versions(void **state)
{
    VERSION("xx\0\r\nPXELINUX 6.04 PXE 20200816\0", "PXELINUX ", "6.04");
    VERSION("PXELINUX 3.86", "PXELINUX ", "3.86");
    VERSION("PXELINUX: disk PPXELINUX 4.05.", "PXELINUX ", "4.05");
    VERSION("no PXELINUX of ours", "PXELINUX ", NULL);
    VERSION("ipxe.efi\0iPXE\0\0\0\0\0\0"
            "1.0.0+git-20190125\0",
            "iPXE\0", "1.0.0");
    VERSION("iPXE\0http\0iPXE\0"
            "1.21.1\0",
            "iPXE\0", "1.21.1");
    VERSION("PXELINUX .1 PXELINUX 1 ", "PXELINUX ", "1");
    VERSION("PXELINUX 1111111111111111111111111111111111111111", "PXELINUX ",
            "1111111111111111111111111111111");
    VERSION("PXELINUX 1.0", "", NULL);
}

/* --- loaders from folders and files --- */

/* The least that is an EFI program: PE/COFF, 3.3 and 3.4. */
static void write_efi(const char *path, uint16_t machine, const char *tail)
{
    uint8_t head[256] = {'M', 'Z'};
    head[0x3c] = 0x80;
    memcpy(head + 0x80, "PE\0\0", 4);
    head[0x84] = (uint8_t)machine;
    head[0x85] = (uint8_t)(machine >> 8);
    head[0x98] = 0x0b; /* PE32+ */
    head[0x99] = 0x02;
    head[0xdc] = 10; /* subsystem: EFI application */
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(head, sizeof head, 1, f), 1);
    fprintf(f, "%s%s", path, tail);
    fclose(f);
}

static void on_note(void *ctx, const char *text)
{
    buf_format(ctx, "%s\n", text);
}

static struct image *add(const char *path, enum loader_kind wish, struct buf *notes, struct error *err)
{
    struct image_listener listener = {.ctx = notes, .note = on_note};
    struct image *image;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    int result = loader_import(fd, path, wish, &image_sink_null, &listener, &image, err);
    close(fd);
    assert_true((result == 0) == (image != NULL));
    return image;
}

/* `noted` must be among the notes; NULL: there are none. */
static void good(const char *path, enum loader_kind wish, const char *files, const char *name,
                 const char *noted)
{
    struct buf notes = BUF_INIT;
    struct error err;
    char default_name[IMAGE_NAME_MAX];
    struct image *image = add(path, wish, &notes, &err);
    if (!image)
        fail_msg("%s", err.text);
    expect_files(image, files);
    image_default_name(image, default_name);
    assert_string_equal(default_name, name);
    if (noted ? !strstr(buf_text(&notes), noted) : notes.size > 0)
        fail_msg("noted: %s", buf_text(&notes));
    image_free(image);
    buf_fini(&notes);
}

static void bad(const char *path, enum loader_kind wish, const char *part)
{
    struct buf notes = BUF_INIT;
    struct error err;
    struct image *image = add(path, wish, &notes, &err);
    if (image)
        fail_msg("%s was taken", path);
    if (!strstr(err.text, part))
        fail_msg("'%s' lacks '%s'", err.text, part);
    buf_fini(&notes);
}

#define PXE_386 "printf 'x\\0PXELINUX 3.86 2010-04-01\\0' >"
#define PXE_604 "printf 'x\\0PXELINUX 6.04 PXE\\0' >"

static void pxelinux(void **state)
{
    run("mkdir v && " PXE_386 "v/pxelinux.0 && " PXE_386 "old.bin && mkdir w && " PXE_604
        "w/pxelinux.0 && " PXE_604 "w/lpxelinux.0 && echo l >w/ldlinux.c32 && mkdir w/efi64 w/modules "
        "w/modules/bios && echo e >w/efi64/mboot.c32 && echo m >w/modules/bios/mboot.c32 && echo r "
        ">w/README");
    good("v/pxelinux.0", LOADER_ANY, "| pxelinux.0", "pxelinux-3.86", NULL);
    good("v", LOADER_PXELINUX, "| pxelinux.0", "pxelinux-3.86", NULL);
    good("old.bin", LOADER_ANY, "| pxelinux.0", "pxelinux-3.86", NULL); /* by what it says */
    good("w", LOADER_ANY, "| ldlinux.c32 lpxelinux.0 mboot.c32 pxelinux.0", "pxelinux-6.04", NULL);
    run("rm w/ldlinux.c32");
    good("w", LOADER_ANY, "| lpxelinux.0 mboot.c32 pxelinux.0", "pxelinux-6.04", "without ldlinux.c32");
    run("rm w/lpxelinux.0");
    good("w", LOADER_ANY, "| mboot.c32 pxelinux.0", "pxelinux-6.04", "without lpxelinux.0");
    bad("w", LOADER_IPXE, "w has no ipxe");
}

static void grub(void **state)
{
    run("mkdir -p t/usr/lib/shim t/usr/lib/grub/arm64-efi-signed t/usr/lib/grub/arm64-efi/monolithic");
    write_efi("t/usr/lib/shim/shimaa64.efi", 0xaa64, "unsigned");
    write_efi("t/usr/lib/shim/shimaa64.efi.signed", 0xaa64, "");
    write_efi("t/usr/lib/shim/fbaa64.efi.signed", 0xaa64, "");
    bad("t", LOADER_ANY, "it has parts of grub-arm64, but lacks grubnetaa64.efi.signed");
    write_efi("t/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed", 0xaa64,
              "grub,5,Free Software Foundation,grub,2.06,https");
    write_efi("t/usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed", 0xaa64, "");
    write_efi("t/usr/lib/grub/arm64-efi/monolithic/grubnetaa64.efi", 0xaa64, "");
    write_efi("t/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi", 0xaa64, "");
    good("t", LOADER_ANY, "| disk/grubaa64.efi grubaa64.efi shimaa64.efi", "grub-arm64",
         "it boots by TFTP only");
    run("cd t/usr/lib/grub/arm64-efi && echo h >http.mod && echo c >command.lst && >fdt.lst && echo x "
        ">x.img");
    good("t", LOADER_ANY,
         "| arm64-efi/command.lst arm64-efi/http.mod disk/grubaa64.efi grubaa64.efi shimaa64.efi",
         "grub-arm64", NULL);

    struct buf notes = BUF_INIT;
    struct error err;
    struct image *image = add("t", LOADER_GRUB_ARM64, &notes, &err);
    assert_non_null(image);
    assert_string_equal(image->version, "2.06");
    assert_string_equal(image->arch, "arm64");
    struct digest expected;
    int fd = open("t/usr/lib/shim/shimaa64.efi.signed", O_RDONLY | O_CLOEXEC);
    uint8_t bytes[1024];
    ssize_t size = read(fd, bytes, sizeof bytes);
    close(fd);
    digest_of(bytes, (size_t)size, &expected);
    /* Of two, the signed one. */
    assert_true(digest_equal(&image_find(image, "shimaa64.efi")->digest, &expected));
    image_free(image);
    buf_fini(&notes);

    /* What `image export` wrote is taken back. */
    run("mkdir -p e/disk && cp t/usr/lib/shim/shimaa64.efi.signed e/shimaa64.efi && cp "
        "t/usr/lib/grub/arm64-efi-signed/grubaa64.efi.signed e/disk/grubaa64.efi && cp "
        "t/usr/lib/grub/arm64-efi-signed/grubnetaa64.efi.signed e/grubaa64.efi && cp -r "
        "t/usr/lib/grub/arm64-efi e");
    good("e", LOADER_ANY,
         "| arm64-efi/command.lst arm64-efi/http.mod disk/grubaa64.efi grubaa64.efi shimaa64.efi",
         "grub-arm64", NULL);
    write_efi("e/shimaa64.efi", 0x8664, "");
    bad("e", LOADER_ANY, "e: shimaa64.efi: it is for amd64 processors, not arm64");
    run("mkdir i");
    write_efi("i/grubnetia32.efi", 0x14c, "");
    good("i", LOADER_ANY, "| grubia32.efi", "grub-386", "no Xen");
}

static void ipxe(void **state)
{
    run("mkdir p && printf '\\352\\005\\0\\300' >p/undionly.kpxe");
    good("p", LOADER_ANY, "| undionly.kpxe", "ipxe", "without snponly.efi: UEFI PXE cannot be given iPXE");
    write_efi("p/snponly.efi", 0x8664, "");
    write_efi("p/ipxe.efi", 0x8664, "");
    good("p", LOADER_ANY, "| ipxe.efi snponly.efi undionly.kpxe", "ipxe", NULL);
    good("p/snponly.efi", LOADER_ANY, "| snponly.efi", "ipxe", "without undionly.kpxe");
    write_efi("p/ipxe.efi", 0x14c, "");
    good("p", LOADER_ANY, "| snponly.efi undionly.kpxe", "ipxe", "p: ipxe.efi: it is for 386 processors");
    run("cp p/snponly.efi p/undionly.kpxe && rm p/*.efi");
    bad("p", LOADER_ANY, "a BIOS starts plain code only");
}

static void no_loaders(void **state)
{
    run("mkdir n s && echo hello >n/text && cp /bin/true n/elf && >n/nothing && touch s/a.iso s/b.iso && cp "
        "/bin/true n/pxelinux.0 && xorriso -as mkisofs -o n/x.iso s");
    bad("n/text", LOADER_ANY, "text is a text");
    bad("n/elf", LOADER_ANY, "elf is an ELF program");
    bad("n/nothing", LOADER_ANY, "empty file");
    bad("s", LOADER_ANY, "s has no boot loader (it has a.iso, b.iso)");
    bad("n", LOADER_ANY, "pxelinux.0: it does not say which PXELINUX it is");
    bad("n/pxelinux.0", LOADER_ANY, "it does not say which PXELINUX it is");
    bad("n/x.iso", LOADER_ANY, "n/x.iso is no boot loader but ISO 9660");
    run("rm n/pxelinux.0 && >n/pxelinux.0");
    bad("n", LOADER_ANY, "pxelinux.0: it is empty");
    run("mkdir b && cp -r v/pxelinux.0 b && printf '\\352' >b/undionly.kpxe");
    bad("b", LOADER_ANY, "b has several boot loaders (pxelinux, ipxe): say which");
    good("b", LOADER_PXELINUX, "| pxelinux.0", "pxelinux-3.86", NULL);
}

static void names(void **state)
{
    assert_int_equal(loader_kind_of("pxelinux"), LOADER_PXELINUX);
    assert_int_equal(loader_kind_of("pxelinux-3.86"), LOADER_PXELINUX);
    assert_int_equal(loader_kind_of("grub-386"), LOADER_GRUB_386);
    assert_int_equal(loader_kind_of("grub"), LOADER_ANY);
    assert_int_equal(loader_kind_of(""), LOADER_ANY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions), cmocka_unit_test(pxelinux),   cmocka_unit_test(grub),
        cmocka_unit_test(ipxe),     cmocka_unit_test(no_loaders), cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, fixture_enter_empty, fixture_leave);
}
