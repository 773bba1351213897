#include "proc/loaders.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "plan/chain.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define PXELINUX_NBP    "pxelinux.0"
#define LOADER_NAME     plan_loader_name(PLAN_LOADER_PXELINUX)
#define LOADER_FILE_MAX (4u << 20) /* bytes; pxelinux.0 and its modules are below 200 kB */

static const struct {
    const char *name, *path;
} pxelinux_files[] = {
    /* by name, as an image lists its extras */
    {"ldlinux.c32", "/usr/lib/syslinux/modules/bios/ldlinux.c32"},
    {"libcom32.c32", "/usr/lib/syslinux/modules/bios/libcom32.c32"},
    {"lpxelinux.0", "/usr/lib/PXELINUX/lpxelinux.0"},
    {"mboot.c32", "/usr/lib/syslinux/modules/bios/mboot.c32"},
    {PXELINUX_NBP, "/usr/lib/PXELINUX/pxelinux.0"},
};
#define PXELINUX_FILES (sizeof pxelinux_files / sizeof pxelinux_files[0])

/* "PXELINUX 6.04 ..." stands in the file as plain text. */
static void find_version(struct slice content, char *out, size_t size)
{
    static const char marker[] = "PXELINUX ";
    snprintf(out, size, "unknown");
    const char *at = memmem(content.data, content.size, marker, sizeof marker - 1);
    const char *end = (const char *)content.data + content.size;
    if (!at)
        return;
    size_t n = 0;
    for (at += sizeof marker - 1; at < end && n + 1 < size && (isalnum((unsigned char)*at) || *at == '.');
         at++)
        out[n++] = *at;
    out[n] = 0;
}

static int stage_file(const struct image_sink *sink, size_t i, struct image *image, char *version,
                      size_t version_size, struct error *err)
{
    cleanup_buf struct buf content = BUF_INIT;
    struct image_file *file = &image->files[i];
    void *handle;
    if (file_read_at(AT_FDCWD, pxelinux_files[i].path, LOADER_FILE_MAX, &content, err) < 0)
        return error_wrap(err, "no boot loader for BIOS machines: apt-get install pxelinux syslinux-common");
    if (strcmp(pxelinux_files[i].name, PXELINUX_NBP) == 0)
        find_version(buf_slice(&content), version, version_size);
    if (sink->begin(sink->ctx, pxelinux_files[i].name, &handle, err) < 0)
        return -1;
    if (sink->write(sink->ctx, handle, content.data, content.size, err) < 0) {
        sink->discard(sink->ctx, handle);
        return -1;
    }
    *file = (struct image_file){.name = strdup(pxelinux_files[i].name), .role = IMAGE_ROLE_EXTRA};
    image->file_count = i + 1;
    if (sink->finish(sink->ctx, handle, &file->digest, &file->size, err) < 0)
        return -1;
    file->unpacked = file->size;
    return file->name ? 0 : error_errno(err, ENOMEM, "boot loader");
}

static int describe(struct image *image, const char *version, struct error *err)
{
    image->family = strdup("loader");
    image->product = strdup("PXELINUX");
    image->version = strdup(version);
    image->build = strdup("unknown");
    image->arch = strdup("386");
    image->kernel_options = strdup("");
    image->source = strdup("Debian packages pxelinux and syslinux-common");
    bool whole = image->family && image->product && image->version && image->build && image->arch &&
                 image->kernel_options && image->source;
    return whole ? 0 : error_errno(err, ENOMEM, "boot loader");
}

static int stage_loader(int staging_fd, struct digest *manifest, char *version, size_t version_size,
                        struct error *err)
{
    struct store_staging *staging;
    if (store_staging_open(staging_fd, &staging, err) < 0)
        return -1;
    struct image_sink sink = store_staging_sink(staging);
    struct image *image = calloc(1, sizeof *image);
    int result = -1;
    if (!image || !(image->files = calloc(PXELINUX_FILES, sizeof *image->files)))
        error_errno(err, ENOMEM, "boot loader");
    else
        result = 0;
    for (size_t i = 0; result == 0 && i < PXELINUX_FILES; i++)
        result = stage_file(&sink, i, image, version, version_size, err);
    if (result == 0 && (result = describe(image, version, err)) == 0)
        result = store_staging_seal(staging, image, manifest, err);
    image_free(image);
    store_staging_close(staging);
    return result;
}

int loaders_sync(struct store *store, char note[static 256], struct error *err)
{
    char staging_name[64], version[32] = "unknown";
    cleanup_close int staging_fd = -1;
    struct digest manifest;
    struct store_entry entry;
    note[0] = 0;
    if (store_staging_make(store, &staging_fd, staging_name, err) < 0)
        return -1;
    if (stage_loader(staging_fd, &manifest, version, sizeof version, err) < 0) {
        store_staging_drop(store, staging_name);
        return -1;
    }
    if (store_find(store, LOADER_NAME, &entry, err) == 0 && digest_equal(&entry.manifest, &manifest)) {
        store_staging_drop(store, staging_name);
        return 0;
    }
    if (store_publish(store, staging_name, LOADER_NAME, &manifest, err) < 0)
        return -1;
    snprintf(note, 256,
             "boot loader PXELINUX %s (packages pxelinux, syslinux-common) is now in the store as \"%s\"",
             version, LOADER_NAME);
    return 0;
}
