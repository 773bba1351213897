#include "proc/loaders.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/loader.h"
#include "store/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const struct {
    enum plan_loader loader;
    const char *names; /* behind "Debian package" */
} packages[] = {
    {PLAN_LOADER_PXELINUX, "s pxelinux and syslinux-common"},
    {PLAN_LOADER_IPXE, " ipxe"},
    {PLAN_LOADER_GRUB_AMD64, "s shim-signed, grub-efi-amd64-signed and grub-efi-amd64-bin"},
    {PLAN_LOADER_GRUB_ARM64, "s shim-signed, grub-efi-arm64-signed and grub-efi-arm64-bin"},
    {PLAN_LOADER_GRUB_386, " grub-efi-ia32-bin"},
};
#define PACKAGES (sizeof packages / sizeof packages[0])

/* Where they install it; of many files the last part is a pattern. All GRUB modules: what a machine asks for
 * is its grub.cfg's business, and they share their blobs with every later release that did not change them.
 */
static const struct {
    enum plan_loader loader;
    const char *folder, *path; /* path: as image/loader.h knows it */
} installed[] = {
    {PLAN_LOADER_PXELINUX, "usr/lib/PXELINUX", "pxelinux.0"},
    {PLAN_LOADER_PXELINUX, "usr/lib/PXELINUX", "lpxelinux.0"},
    {PLAN_LOADER_PXELINUX, "usr/lib/syslinux/modules/bios", "ldlinux.c32"},
    {PLAN_LOADER_PXELINUX, "usr/lib/syslinux/modules/bios", "libcom32.c32"},
    {PLAN_LOADER_PXELINUX, "usr/lib/syslinux/modules/bios", "mboot.c32"},
    {PLAN_LOADER_IPXE, "usr/lib/ipxe", "undionly.kpxe"},
    {PLAN_LOADER_IPXE, "usr/lib/ipxe", "snponly.efi"},
    {PLAN_LOADER_IPXE, "usr/lib/ipxe", "ipxe.efi"},
    {PLAN_LOADER_GRUB_AMD64, "usr/lib/shim", "shimx64.efi.signed"},
    {PLAN_LOADER_GRUB_AMD64, "usr/lib/grub/x86_64-efi-signed", "grubnetx64.efi.signed"},
    {PLAN_LOADER_GRUB_AMD64, "usr/lib/grub/x86_64-efi-signed", "grubx64.efi.signed"},
    {PLAN_LOADER_GRUB_AMD64, "usr/lib/grub", "x86_64-efi/*.mod"},
    {PLAN_LOADER_GRUB_AMD64, "usr/lib/grub", "x86_64-efi/*.lst"},
    {PLAN_LOADER_GRUB_ARM64, "usr/lib/shim", "shimaa64.efi.signed"},
    {PLAN_LOADER_GRUB_ARM64, "usr/lib/grub/arm64-efi-signed", "grubnetaa64.efi.signed"},
    {PLAN_LOADER_GRUB_ARM64, "usr/lib/grub/arm64-efi-signed", "grubaa64.efi.signed"},
    {PLAN_LOADER_GRUB_ARM64, "usr/lib/grub", "arm64-efi/*.mod"},
    {PLAN_LOADER_GRUB_ARM64, "usr/lib/grub", "arm64-efi/*.lst"},
    {PLAN_LOADER_GRUB_386, "usr/lib/grub/i386-efi/monolithic", "grubnetia32.efi"},
    {PLAN_LOADER_GRUB_386, "usr/lib/grub", "i386-efi/*.mod"},
    {PLAN_LOADER_GRUB_386, "usr/lib/grub", "i386-efi/*.lst"},
};

/* The whole way of one loader from the packages to the store. */
struct sync {
    struct store *store;
    int system_fd;
    void *ctx;
    void (*say)(void *ctx, const char *line);
};

__attribute__((format(printf, 2, 3))) static void say(const struct sync *s, const char *format, ...)
{
    char line[ERROR_TEXT_MAX + 256];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    s->say(s->ctx, line);
}

bool loaders_is_own(const struct image *image)
{
    return !text_starts(image->source, LOADERS_FROM_PACKAGES);
}

/* --- what is installed --- */

/* A file that is not there is no error: some packages are not, either. */
static int add_file(int folder_fd, const char *path, struct loader_files *files, struct error *err)
{
    cleanup_close int fd = openat(folder_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : error_errno(err, errno, "open %s", path);
    return loader_files_add(files, path, fd, err);
}

/* path: "x86_64-efi/" and a pattern. */
static int add_files_like(int folder_fd, const char *path, struct loader_files *files, struct error *err)
{
    const char *pattern = strrchr(path, '/') + 1;
    char name[IMAGE_FILE_NAME_MAX];
    snprintf(name, sizeof name, "%.*s", (int)(pattern - path), path);
    int fd = openat(folder_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), result = 0;
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d)
        return errno == ENOENT ? 0 : error_errno(err, errno, "open %s", name);
    for (struct dirent *e; result == 0 && (e = readdir(d));) {
        if (fnmatch(pattern, e->d_name, 0) != 0)
            continue;
        int size = snprintf(name, sizeof name, "%.*s%s", (int)(pattern - path), path, e->d_name);
        if (size > 0 && (size_t)size < sizeof name)
            result = add_file(folder_fd, name, files, err);
    }
    closedir(d);
    return result;
}

static int add_installed(const struct sync *s, enum plan_loader loader, struct loader_files *files,
                         struct error *err)
{
    for (size_t i = 0; i < sizeof installed / sizeof installed[0]; i++) {
        if (installed[i].loader != loader)
            continue;
        cleanup_close int fd = openat(s->system_fd, installed[i].folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        const char *path = installed[i].path;
        int result = fd < 0              ? 0
                     : strchr(path, '*') ? add_files_like(fd, path, files, err)
                                         : add_file(fd, path, files, err);
        if (result < 0)
            return error_wrap(err, "/%s", installed[i].folder);
    }
    return 0;
}

static bool is_installed(const struct sync *s, enum plan_loader loader)
{
    for (size_t i = 0; i < sizeof installed / sizeof installed[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", installed[i].folder, installed[i].path);
        if (installed[i].loader == loader && faccessat(s->system_fd, path, F_OK, 0) == 0)
            return true;
    }
    return false;
}

unsigned loaders_installed(int system_fd)
{
    unsigned known = 0, lacking = 0;
    for (size_t i = 0; i < sizeof installed / sizeof installed[0]; i++) {
        char path[256];
        snprintf(path, sizeof path, "%s/%s", installed[i].folder, installed[i].path);
        known |= 1u << installed[i].loader;
        if (!strchr(path, '*') && faccessat(system_fd, path, R_OK, 0) < 0)
            lacking |= 1u << installed[i].loader;
    }
    return known & ~lacking;
}

static int read_installed(const struct sync *s, size_t package, const struct image_sink *sink,
                          struct image **out, struct error *err)
{
    char from[IMAGE_FILE_NAME_MAX];
    enum plan_loader loader = packages[package].loader;
    struct loader_files *files;
    snprintf(from, sizeof from, LOADERS_FROM_PACKAGES "%s", packages[package].names);
    if (loader_files_new(loader_kind_of(plan_loader_name(loader)), from, sink, &files, err) < 0)
        return -1;
    if (add_installed(s, loader, files, err) == 0)
        return loader_files_end(files, out, err);
    loader_files_end(files, NULL, NULL);
    return -1;
}

/* --- into the store --- */

static int manifest_digest(const struct image *image, struct digest *out, struct error *err)
{
    cleanup_buf struct buf config = BUF_INIT, manifest = BUF_INIT;
    if (manifest_format(image, &config, &manifest, err) < 0)
        return -1;
    digest_of(manifest.data, manifest.size, out);
    return 0;
}

static int stage(const struct sync *s, size_t package, int staging_fd, struct digest *manifest,
                 struct image **image, struct error *err)
{
    struct store_staging *staging;
    if (store_staging_open(staging_fd, &staging, err) < 0)
        return -1;
    struct image_sink sink = store_staging_sink(staging);
    int result = read_installed(s, package, &sink, image, err);
    if (result == 0)
        result = store_staging_seal(staging, *image, manifest, err);
    store_staging_close(staging);
    return result;
}

static int publish(const struct sync *s, size_t package, struct error *err)
{
    char staging_name[64];
    cleanup_close int staging_fd = -1;
    struct digest manifest;
    struct image *image = NULL;
    const char *name = plan_loader_name(packages[package].loader);
    if (store_staging_make(s->store, &staging_fd, staging_name, err) < 0)
        return -1;
    int result = stage(s, package, staging_fd, &manifest, &image, err);
    if (result < 0)
        store_staging_drop(s->store, staging_name);
    else if ((result = store_publish(s->store, staging_name, name, &manifest, err)) == 0)
        say(s, "boot loader %s: %s %s, taken from %s", name, image->product, image->version, image->source);
    image_free(image);
    return result;
}

/* Whether what the store has under this name may be replaced. */
static bool is_replaceable(const struct sync *s, const struct store_entry *entry)
{
    struct image *image;
    struct error ignored;
    if (store_load(s->store, &entry->manifest, &image, &ignored) < 0)
        return true; /* damaged: a fresh one heals it */
    bool own = loaders_is_own(image);
    image_free(image);
    return !own;
}

/* Files are read, and nothing is written, when the store has the same. */
static int sync_package(const struct sync *s, size_t package, struct error *err)
{
    struct store_entry entry;
    struct image *image;
    struct digest manifest;
    const char *name = plan_loader_name(packages[package].loader);
    bool there = store_find(s->store, name, &entry, err) == 0;
    if (!is_installed(s, packages[package].loader) || (there && !is_replaceable(s, &entry)))
        return 0;
    if (read_installed(s, package, &image_sink_null, &image, err) < 0)
        return -1;
    int result = manifest_digest(image, &manifest, err);
    image_free(image);
    if (result < 0 || (there && digest_equal(&manifest, &entry.manifest)))
        return result;
    return publish(s, package, err);
}

/* --- telling --- */

static int tell(const struct sync *s, struct error *err)
{
    struct buf there = BUF_INIT, missing = BUF_INIT;
    for (enum plan_loader i = PLAN_LOADER_NONE + 1; i < PLAN_LOADERS; i++) {
        struct store_entry entry;
        struct image *image;
        struct error why;
        if (store_find(s->store, plan_loader_name(i), &entry, &why) < 0 ||
            store_load(s->store, &entry.manifest, &image, &why) < 0) {
            buf_format(&missing, "%s%s", missing.size ? ", " : "", plan_loader_name(i));
            continue;
        }
        buf_format(&there, "%s%s %s%s", there.size ? ", " : "", plan_loader_name(i), image->version,
                   loaders_is_own(image) ? " (your own)" : "");
        image_free(image);
    }
    bool any = there.size;
    if (any)
        say(s, "loaders: %s%s%s%s", buf_text(&there), missing.size ? "; missing: " : "", buf_text(&missing),
            missing.size ? " (bootherd loader list says how to get them)" : "");
    buf_fini(&there);
    buf_fini(&missing);
    return any ? 0
               : error_set(err, "there is no boot loader, so no machine could be booted: apt-get install "
                                "pxelinux syslinux-common ipxe shim-signed grub-efi-amd64-signed "
                                "grub-efi-amd64-bin");
}

int loaders_sync(struct store *store, int system_fd, void *ctx, void (*say_line)(void *ctx, const char *line),
                 struct error *err)
{
    struct sync s = {store, system_fd, ctx, say_line};
    for (size_t i = 0; i < PACKAGES; i++) {
        struct error why;
        if (sync_package(&s, i, &why) < 0)
            say(&s, "boot loader %s was not taken from its packages: %s",
                plan_loader_name(packages[i].loader), why.text);
    }
    return tell(&s, err);
}

/* --- the operator's own --- */

int loaders_name(const char *found, const char *wish, char name[static IMAGE_NAME_MAX],
                 char warning[static 256], struct error *err)
{
    const char *vmware = plan_loader_name(PLAN_LOADER_PXELINUX3);
    struct buf names = BUF_INIT;
    warning[0] = '\0';
    for (enum plan_loader i = PLAN_LOADER_NONE + 1; i < PLAN_LOADERS; i++)
        buf_format(&names, "%s%s", names.size ? ", " : "", plan_loader_name(i));
    int result = 0;
    if (plan_loader_of(wish ? wish : found) == PLAN_LOADER_NONE)
        result = wish ? error_set(err, "no machine would be sent a loader called %s: the names are %s", wish,
                                  buf_text(&names))
                      : error_set(err,
                                  "this is %s: say with --name what it is for: pxelinux (every BIOS machine, "
                                  "in place of the packages') or %s (ESXi 5 and later)",
                                  found, vmware);
    buf_fini(&names);
    snprintf(name, IMAGE_NAME_MAX, "%s", wish ? wish : found);
    if (result == 0 && strcmp(name, vmware) == 0 && strcmp(found, vmware) != 0)
        snprintf(warning, 256,
                 "this is %s, and VMware's mboot.c32 works with SYSLINUX 3.86 only: ESXi 5 and later may "
                 "stop at its start",
                 found);
    return result;
}
