/* Xen from folders and ISOs, with kernels of which the headers are true. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "imported.h"

static void expect(const char *path, const char *version, const char *files)
{
    struct image *image = import_good(path);
    assert_string_equal(image->family, "xen");
    assert_string_equal(image->product, "Xen");
    assert_string_equal(image->arch, "amd64");
    assert_string_equal(image->version, version);
    expect_files(image, files);
    image_free(image);
}

/* "xen words | dom0's words | initrd's words" */
static void expect_options(const char *path, const char *options)
{
    struct image *image = import_good(path);
    struct buf text = BUF_INIT;
    buf_append_text(&text, image->kernel_options);
    for (size_t i = 1; i < image->file_count && image->files[i].role == IMAGE_ROLE_MODULE; i++)
        buf_format(&text, " | %s", image->files[i].options ? image->files[i].options : "-");
    assert_string_equal(buf_text(&text), options);
    buf_fini(&text);
    image_free(image);
}

static void expect_file(const struct image *image, const char *name, const char *like)
{
    const struct image_file *f = image_find(image, name);
    char hex[SHA256_HEX_SIZE];
    assert_non_null(f);
    run("echo '%s  %s' | sha256sum -c; test $(stat -c %%s %s) = %llu", digest_format(&f->digest, hex), like,
        like, (unsigned long long)f->size);
}

static void folders(void **state)
{
    run("mkdir a && cp k/xen.gz a/xen-4.17-amd64.gz && cp k/bz64 a/vmlinuz && cp k/initrd.gz a/ && "
        "echo x >a/xen-4.17-amd64.efi && echo y >a/xen-4.17-amd64.config");
    expect("a", "4.17", "xen-4.17-amd64.gz vmlinuz initrd.gz | xen-4.17-amd64");
    expect_options("a", " | - | -");
    struct image *image = import_good("a");
    expect_file(image, "xen-4.17-amd64.gz", "k/xen.gz");
    expect_file(image, "xen-4.17-amd64", "k/xen");
    assert_true(image->files[0].gzip);
    assert_int_equal(image->files[0].unpacked, image_find(image, "xen-4.17-amd64")->size);
    image_free(image);
    run("mkdir b && cp k/xen b/ && cp k/vmlinux b/vmlinux");
    expect("b", "unknown", "xen vmlinux"); /* not packed, dom0 a plain ELF file, without an initrd */
    run("cp k/xen.gz b/xen");
    expect("b", "unknown", "xen.gz vmlinux | xen"); /* packed, without the ending */
}

static void isolinux(void **state)
{
    run("mkdir -p i/isolinux i/boot && cp k/xen.gz i/boot/xen.gz && cp k/bz64 i/boot/vmlinuz && cp "
        "k/initrd.gz "
        "i/install.img && cp k/bz64b i/boot/vmlinuz-plain && "
        "printf 'default xe\\nlabel plain\\nkernel /boot/vmlinuz-plain\\nlabel xe\\n\\tkernel "
        "mboot.c32\\n\\tappend "
        "/boot/xen.gz dom0_mem=max:8192M com1=115200,8n1 --- /boot/vmlinuz console=hvc0 quiet --- "
        "/install.img\\n' >i/isolinux/isolinux.cfg; xorriso -as mkisofs -quiet -R -o i.iso i");
    expect("i.iso", "unknown", "xen.gz vmlinuz install.img | xen");
    expect_options("i.iso", "dom0_mem=max:8192M com1=115200,8n1 | console=hvc0 quiet | -");
    import_noted("i.iso", "\"xe\" is taken of 2 entries");
    run("sed -i 's/default xe/default plain/' i/isolinux/isolinux.cfg");
    struct image *image = import_good("i");
    assert_string_equal(image->family, "linux");
    image_free(image);
    run("sed -i 's/default plain/default xe/; s,/install.img,/gone.img,' i/isolinux/isolinux.cfg");
    import_bad("i", "isolinux/isolinux.cfg:4: the entry \"xe\" loads /gone.img, which is not there");
}

/* As grub-mkconfig writes it. */
static void grub(void **state)
{
    run("mkdir -p g/boot/grub && cp k/xen.gz g/boot/xen-4.17-amd64.gz && cp k/bz64 g/boot/vmlinuz-6.1 && "
        "cp k/initrd.gz g/boot/initrd.img-6.1 && printf \"set default=1\\nmenuentry 'Linux' {\\n linux "
        "/boot/vmlinuz-6.1\\n}\\n"
        "menuentry 'With Xen' {\\n if [ \\\"\\$grub_platform\\\" = pc ]; then\\n xen_rm_opts=\\n else\\n "
        "xen_rm_opts=\\\"no-real-mode edd=off\\\"\\n fi\\n multiboot2 /boot/xen-4.17-amd64.gz placeholder "
        "dom0_mem=1G \\${xen_rm_opts}\\n module2 /boot/vmlinuz-6.1 placeholder root=/dev/ram ro\\n module2 "
        "--nounzip /boot/initrd.img-6.1\\n}\\n\" >g/boot/grub/grub.cfg; xorriso -as mkisofs -quiet -R -o "
        "g.iso "
        "g");
    expect("g.iso", "4.17", "xen-4.17-amd64.gz vmlinuz-6.1 initrd.img-6.1 | xen-4.17-amd64");
    expect_options("g.iso", "dom0_mem=1G | root=/dev/ram ro | -");
}

static void hypervisors(void **state)
{
    run("mkdir h && cp k/xen.gz h/");
    import_bad(
        "h",
        "h holds xen.gz, but no Linux kernel (vmlinuz*, linux, bzImage*, Image), which Xen's dom0 needs");
    run("cp k/bz64 h/vmlinuz && cp k/xen1.gz h/xen.gz");
    import_bad("h", "it lacks the multiboot header of version 2, which loaders on UEFI look for");
    run("cp k/xen2 h/xen.gz");
    import_bad("h", "it lacks the multiboot header of version 1, which loaders on BIOS look for");
    run("cp k/xenodd h/xen.gz"); /* not aligned */
    import_bad("h", "xen.gz is no hypervisor that can be booted");
    run("cp k/xenfar h/xen.gz"); /* behind the bytes that loaders look at */
    import_bad("h", "xen.gz is no hypervisor that can be booted");
    run("cp k/arm64 h/xen.gz");
    import_bad("h", "Xen for arm64: bootherd boots Xen for amd64");
    run("head -c 40 k/xen.gz >h/xen.gz");
    import_bad("h", "xen.gz: ends early");
    run("cp k/xen.gz h/xen.gz && echo x >>h/xen.gz");
    import_bad("h", "xen.gz");
    run(": >h/xen.gz");
    import_bad("h", "xen.gz is empty: it is no hypervisor");
    run("cp k/xen.gz h/xen.gz && cp k/xen.gz h/xen-4.17.gz");
    import_bad(
        "h",
        "holds 2 hypervisors and no boot configuration that says which one to take: xen-4.17.gz, xen.gz");
}

static void dom0_kernels(void **state)
{
    run("mkdir d && cp k/xen.gz d/ && cp k/text d/vmlinuz");
    import_bad("d", "d: vmlinuz: it is no Linux kernel");
    run("cp k/bz32 d/vmlinuz");
    import_bad("d", "vmlinuz is a kernel for 386; Xen's dom0 needs one for amd64");
    run(": >d/vmlinuz");
    import_bad("d", "vmlinuz is empty: it is no kernel for dom0");
    run("cp k/bz64 d/vmlinuz; head -c 30 k/initrd.gz >d/initrd.gz");
    import_bad("d", "initrd.gz: ends early");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folders),     cmocka_unit_test(isolinux),     cmocka_unit_test(grub),
        cmocka_unit_test(hypervisors), cmocka_unit_test(dom0_kernels),
    };
    return cmocka_run_group_tests(tests, fixture_enter_kernels, fixture_leave);
}
