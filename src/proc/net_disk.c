/*
 * node/NAME/boot.img: what UEFI's HTTP Boot takes as a disk. shim and GRUB as they are signed, GRUB's config
 * for this node, and under /boot all that it loads. Nothing of it is copied.
 */
#include "proc/boot_config.h"
#include "proc/disk_file.h"
#include "proc/join_file.h"
#include "proc/net_request.h"

#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct disk_parts {
    struct disk_entry *entries; /* each with one reference and a path of its own */
    size_t count, capacity;
    bool failed; /* memory ran out */
};

static void parts_free(struct disk_parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        boot_file_unref(parts->entries[i].file);
        free((char *)(uintptr_t)parts->entries[i].path);
    }
    free(parts->entries);
}

/* Takes the reference. */
static void put(struct disk_parts *parts, struct boot_file *file, const char *folder, const char *name)
{
    char *path = NULL;
    if (parts->count == parts->capacity) {
        size_t capacity = parts->capacity ? 2 * parts->capacity : 64;
        struct disk_entry *entries = reallocarray(parts->entries, capacity, sizeof *entries);
        if (entries) {
            parts->entries = entries;
            parts->capacity = capacity;
        }
    }
    if (!file || parts->count == parts->capacity || asprintf(&path, "%s%s", folder, name) < 0) {
        parts->failed = true;
        boot_file_unref(file);
        return;
    }
    parts->entries[parts->count++] = (struct disk_entry){path, file};
}

/* UEFI 3.5.1.1: the name that firmware starts from a disk of which it knows nothing else. shim looks for GRUB
 * beside itself. */
static const struct {
    enum plan_loader loader;
    const char *from, *to;
} programs[] = {
    {PLAN_LOADER_GRUB_AMD64, "shimx64.efi", "BOOTX64.EFI"},
    {PLAN_LOADER_GRUB_AMD64, "disk/grubx64.efi", "grubx64.efi"},
    {PLAN_LOADER_GRUB_ARM64, "shimaa64.efi", "BOOTAA64.EFI"},
    {PLAN_LOADER_GRUB_ARM64, "disk/grubaa64.efi", "grubaa64.efi"},
};

static int put_loader(struct disk_parts *parts, struct net_files *files, enum plan_loader loader,
                      int64_t now_ms, struct error *err)
{
    const struct cached_image *c;
    if (image_cache_by_name(files->cache, plan_loader_name(loader), now_ms, &c, err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof programs / sizeof programs[0]; i++) {
        if (programs[i].loader != loader)
            continue;
        const struct image_file *file = image_find(c->image, programs[i].from);
        if (!file)
            return error_set(err, "boot loader %s has no %s: %s", plan_loader_name(loader), programs[i].from,
                             plan_loader_remedy(loader));
        put(parts, boot_file_ref(c->files[file - c->image->files]), "EFI/BOOT/", programs[i].to);
    }
    /* Xen is started by a module that the signed GRUB has not built in. */
    for (size_t i = 0; files->plan->shape == PLAN_SHAPE_XEN && i < c->image->file_count; i++)
        if (strchr(c->image->files[i].name, '/') && !text_starts(c->image->files[i].name, "disk/"))
            put(parts, boot_file_ref(c->files[i]), "EFI/debian/", c->image->files[i].name);
    return 0;
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* overlay: one reference, or NULL when the plan has none. */
static void put_system(struct disk_parts *parts, const struct cached_image *c, const struct plan *plan,
                       struct boot_file *overlay)
{
    put(parts, boot_file_ref(c->files[plan->kernel.file - c->image->files]), "boot/",
        base_name(plan->kernel.path));
    for (size_t i = 0; i < plan->module_count; i++) {
        const struct plan_file *module = &plan->module[i];
        struct boot_file *file =
            module->file ? boot_file_ref(c->files[module->file - c->image->files]) : boot_file_ref(overlay);
        if (module->overlay && module->file)
            file = join_file(file, boot_file_ref(overlay));
        put(parts, file, "boot/", base_name(module->path));
    }
    boot_file_unref(overlay);
}

static enum plan_loader disk_loader(const struct cached_image *c, unsigned arch)
{
    const struct plan_client client = {.arch = arch};
    if (!c)
        return plan_chain_loader(PLAN_CHAIN_DISK, &client);
    return text_equal(c->image->arch, "arm64") ? PLAN_LOADER_GRUB_ARM64 : PLAN_LOADER_GRUB_AMD64;
}

static int put_all(struct disk_parts *parts, struct net_files *files, const struct cached_image *c,
                   unsigned arch, struct boot_file *overlay, int64_t now_ms, struct error *err)
{
    cleanup_buf struct buf config = BUF_INIT;
    enum plan_loader loader = disk_loader(c, arch);
    if (c)
        put_system(parts, c, files->plan, overlay);
    if (boot_config_render(BOOT_CONFIG_GRUB_DISK, files->plan, true, &config, err) < 0)
        return -1;
    put(parts, boot_file_from_bytes(config.data, config.size), "EFI/debian/", "grub.cfg");
    put(parts, boot_file_from_bytes(config.data, config.size), "EFI/BOOT/", "grub.cfg");
    /* Last: another image may take this one's place in the cache. */
    return put_loader(parts, files, loader, now_ms, err);
}

int net_disk_make(struct net_files *files, const struct cached_image *c, unsigned arch,
                  struct boot_file *overlay, int64_t now_ms, struct boot_file **out, struct error *err)
{
    struct disk_parts parts = {0};
    uint32_t volume_id;
    memcpy(&volume_id, files->plan->manifest.byte, sizeof volume_id); /* zero without an image */
    int result = put_all(&parts, files, c, arch, overlay, now_ms, err);
    if (result == 0 && parts.failed)
        result = error_errno(err, ENOMEM, "disk image");
    if (result == 0) {
        result = disk_file_make(parts.entries, parts.count, volume_id, out, err);
        for (size_t i = 0; i < parts.count; i++)
            parts.entries[i].file = NULL; /* taken, whatever came of it */
    }
    parts_free(&parts);
    if (result < 0)
        return error_wrap(err, "disk image of %s", files->plan->node->name);
    (*out)->role = c ? BOOT_FILE_KERNEL : BOOT_FILE_LOCAL;
    (*out)->file_number = (*out)->files_expected = c ? 1 : 0;
    return 0;
}
