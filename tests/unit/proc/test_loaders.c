#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../store/sample.h"
#include "image/loader.h"
#include "proc/loaders.h"

static char root[64], system_root[64];
static int root_fd, system_fd;
static struct store *store;
static struct error err;
static struct buf said;

static void say(void *ctx, const char *line)
{
    buf_format(ctx, "%s\n", line);
}

static int setup(void **state)
{
    root_fd = sample_root(root);
    system_fd = sample_root(system_root);
    return root_fd < 0 || system_fd < 0 ? -1 : store_open(root_fd, true, &store, &err);
}

static int teardown(void **state)
{
    store_close(store);
    sample_root_free(root, root_fd);
    sample_root_free(system_root, system_fd);
    buf_fini(&said);
    said = (struct buf)BUF_INIT;
    return 0;
}

static void sync_loaders(int expected)
{
    buf_clear(&said);
    assert_int_equal(loaders_sync(store, system_fd, &said, say, &err), expected);
}

/* A package's file, with the folders around it. */
static void install(const char *path, const char *bytes, size_t size)
{
    char folder[256];
    for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
        snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        mkdirat(system_fd, folder, 0755);
    }
    int fd = openat(system_fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    assert_true(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
    close(fd);
}

static void install_text(const char *path, const char *text)
{
    install(path, text, strlen(text));
}

static void install_pxelinux(const char *version)
{
    char text[64];
    snprintf(text, sizeof text, "x PXELINUX %s PXE", version);
    install_text("usr/lib/PXELINUX/pxelinux.0", text);
    install_text("usr/lib/PXELINUX/lpxelinux.0", text);
    install_text("usr/lib/syslinux/modules/bios/ldlinux.c32", "ldlinux");
    install_text("usr/lib/syslinux/modules/bios/vesa.c32", "of no use here");
}

static void install_efi(const char *path, const char *tail)
{
    char bytes[512] = "MZ";
    bytes[0x3c] = 0x40;
    memcpy(bytes + 0x40, "PE\0\0\x64\x86", 6);
    bytes[0x58] = 0x0b;
    bytes[0x59] = 0x02;
    bytes[0x40 + 24 + 68] = 10;
    strcpy(bytes + 0x100, tail);
    install(path, bytes, sizeof bytes);
}

static struct image *stored(const char *name)
{
    struct store_entry entry;
    struct image *image;
    assert_int_equal(store_find(store, name, &entry, &err), 0);
    assert_int_equal(store_load(store, &entry.manifest, &image, &err), 0);
    return image;
}

static void nothing_installed(void **state)
{
    sync_loaders(-1);
    assert_non_null(strstr(err.text, "there is no boot loader"));
    assert_non_null(strstr(err.text, "apt-get install pxelinux"));
    assert_string_equal(buf_text(&said), "");
}

static void taken_once(void **state)
{
    install_pxelinux("6.04");
    sync_loaders(0);
    assert_string_equal(
        buf_text(&said),
        "boot loader pxelinux: PXELINUX 6.04, taken from Debian packages pxelinux and syslinux-common\n"
        "loaders: pxelinux 6.04; missing: pxelinux-3.86, ipxe, grub-amd64, grub-arm64, grub-386 (bootherd "
        "loader list says how to get them)\n");
    struct image *image = stored("pxelinux");
    assert_int_equal(image->file_count, 3);
    assert_non_null(image_find(image, "lpxelinux.0"));
    assert_false(loaders_is_own(image));
    image_free(image);

    uint64_t generation = store_generation(store);
    unsigned blobs = sample_count_blobs(root_fd);
    sync_loaders(0);
    assert_null(strstr(buf_text(&said), "taken"));
    assert_int_equal(store_generation(store), generation);
    assert_int_equal(sample_count_blobs(root_fd), blobs);
    assert_int_equal(sample_count_staging(root_fd), 0);

    install_text("usr/lib/syslinux/modules/bios/ldlinux.c32", "a newer one");
    sync_loaders(0);
    assert_non_null(strstr(buf_text(&said), "boot loader pxelinux: PXELINUX 6.04, taken from"));
    assert_int_equal(sample_count_blobs(root_fd), blobs); /* what only the old one had is gone */
}

static void grub_modules(void **state)
{
    install_efi("usr/lib/shim/shimx64.efi.signed", "");
    install_efi("usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed", "Foundation,grub,2.12,");
    install_text("usr/lib/grub/x86_64-efi/http.mod", "http");
    install_text("usr/lib/grub/x86_64-efi/moddep.lst", "http: net");
    install_text("usr/lib/grub/x86_64-efi/kernel.img", "no module");
    install_text("usr/lib/grub/x86_64-efi/fdt.lst", "");
    sync_loaders(0);
    assert_non_null(strstr(buf_text(&said), "loaders: grub-amd64 2.12; missing: pxelinux,"));
    struct image *image = stored("grub-amd64");
    assert_int_equal(image->file_count, 4);
    assert_non_null(image_find(image, "grubx64.efi"));
    assert_non_null(image_find(image, "x86_64-efi/http.mod"));
    image_free(image);
}

/* Half a loader is told of and hinders nothing. */
static void half_installed(void **state)
{
    install_pxelinux("6.04");
    install_efi("usr/lib/shim/shimx64.efi.signed", "");
    sync_loaders(0);
    assert_non_null(strstr(buf_text(&said), "boot loader grub-amd64 was not taken from its packages: "));
    assert_non_null(strstr(buf_text(&said), "lacks grubnetx64.efi.signed"));
    assert_non_null(strstr(buf_text(&said), "loaders: pxelinux 6.04; missing: "));
}

static void installed_as_a_whole(void **state)
{
    assert_int_equal(loaders_installed(system_fd), 0);
    install_pxelinux("6.04");
    install_efi("usr/lib/shim/shimx64.efi.signed", "");
    assert_int_equal(loaders_installed(system_fd), 0);
    install_text("usr/lib/syslinux/modules/bios/libcom32.c32", "x");
    install_text("usr/lib/syslinux/modules/bios/mboot.c32", "x");
    assert_int_equal(loaders_installed(system_fd), 1u << PLAN_LOADER_PXELINUX);
    install_efi("usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed", "");
    install_efi("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed", "");
    assert_int_equal(loaders_installed(system_fd), 1u << PLAN_LOADER_PXELINUX | 1u << PLAN_LOADER_GRUB_AMD64);
}

static void add_own(const char *name, const char *bytes)
{
    char staging_name[64];
    int staging_fd;
    struct store_staging *staging;
    struct loader_files *files;
    struct image *image;
    struct digest manifest;
    install_text("own/pxelinux.0", bytes);
    int fd = openat(system_fd, "own/pxelinux.0", O_RDONLY | O_CLOEXEC);
    assert_int_equal(store_staging_make(store, &staging_fd, staging_name, &err), 0);
    assert_int_equal(store_staging_open(staging_fd, &staging, &err), 0);
    struct image_sink sink = store_staging_sink(staging);
    assert_int_equal(loader_files_new(LOADER_PXELINUX, "pxelinux.0", &sink, &files, &err), 0);
    assert_int_equal(loader_files_add(files, "pxelinux.0", fd, &err), 0);
    assert_int_equal(loader_files_end(files, &image, &err), 0);
    assert_int_equal(store_staging_seal(staging, image, &manifest, &err), 0);
    store_staging_close(staging);
    assert_int_equal(store_publish(store, staging_name, name, &manifest, &err), 0);
    image_free(image);
    close(staging_fd);
    close(fd);
}

static void own_stays(void **state)
{
    install_pxelinux("6.04");
    add_own("pxelinux", "PXELINUX 5.10 ");
    sync_loaders(0);
    assert_non_null(strstr(buf_text(&said), "loaders: pxelinux 5.10 (your own); missing: "));
    assert_null(strstr(buf_text(&said), "taken"));
    uint64_t freed;
    assert_int_equal(store_remove(store, "pxelinux", &freed, &err), 0);
    sync_loaders(0);
    assert_non_null(strstr(buf_text(&said), "loaders: pxelinux 6.04; missing: "));
}

static void expect_name(const char *found, const char *wish, const char *expected, const char *part)
{
    char name[IMAGE_NAME_MAX], warning[256];
    int result = loaders_name(found, wish, name, warning, &err);
    const char *text = result < 0 ? err.text : warning;
    assert_int_equal(result, expected ? 0 : -1);
    if (expected)
        assert_string_equal(name, expected);
    if (part ? !strstr(text, part) : *text)
        fail_msg("'%s' lacks '%s'", text, part ? part : "");
}

static void own_names(void **state)
{
    expect_name("pxelinux-3.86", NULL, "pxelinux-3.86", NULL);
    expect_name("grub-arm64", NULL, "grub-arm64", NULL);
    expect_name("ipxe", "ipxe", "ipxe", NULL);
    expect_name("pxelinux-4.05", "pxelinux", "pxelinux", NULL);
    expect_name("pxelinux-4.05", "pxelinux-3.86", "pxelinux-3.86", "works with SYSLINUX 3.86 only");
    expect_name("pxelinux-4.05", NULL, NULL, "this is pxelinux-4.05: say with --name");
    expect_name("ipxe", "mine", NULL, "the names are pxelinux, pxelinux-3.86, ipxe,");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_installed, setup, teardown),
        cmocka_unit_test_setup_teardown(taken_once, setup, teardown),
        cmocka_unit_test_setup_teardown(grub_modules, setup, teardown),
        cmocka_unit_test_setup_teardown(half_installed, setup, teardown),
        cmocka_unit_test_setup_teardown(installed_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(own_stays, setup, teardown),
        cmocka_unit_test(own_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
