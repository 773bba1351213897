/*
 * Xen: the hypervisor, the kernel of dom0 and its initrd, from an ISO or a folder. The hypervisor is a
 * multiboot kernel, mostly packed with gzip. iPXE loads only unpacked ones, so both are kept: the rule is in
 * image/image.h.
 */
#include "image/family.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/boot_take.h"
#include "image/kernel.h"

#include <stdlib.h>
#include <string.h>

static bool xen_recognise(const struct image_source *source)
{
    return source->boot && source->boot->xen;
}

static enum image_pick xen_pick(const struct image_source *source, const struct media_entry *entry)
{
    const struct boot_set *set = source->boot;
    if (entry->parent) /* the hypervisor's inside */
        return PICK_KEEP_PLAIN;
    if (strcmp(entry->path, set->kernel.file->path) == 0)
        return set->packed ? PICK_KEEP_OPEN : PICK_KEEP_PLAIN;
    for (size_t i = 0; i < set->module_count; i++)
        if (strcmp(entry->path, set->module[i].file->path) == 0)
            return i == 0 ? PICK_KEEP_PLAIN : PICK_KEEP_INITRD;
    return PICK_SKIP;
}

/* xen-4.17-amd64.gz: the file's own texts do not tell it apart from other numbers. */
static char *find_version(const char *path)
{
    const char *base = source_base(path);
    char text[32] = "";
    if (strncasecmp(base, "xen-", 4) == 0)
        snprintf(text, sizeof text, "%.*s", (int)strspn(base + 4, "0123456789."), base + 4);
    size_t length = strlen(text);
    while (length && text[length - 1] == '.')
        text[--length] = 0;
    return strdup(length ? text : "unknown");
}

static int check_hypervisor(const struct collected *f, struct error *err)
{
    struct slice head = buf_slice(&f->head);
    struct kernel_multiboot header = kernel_multiboot(head);
    if (!f->size)
        return error_set(err, "%s is empty: it is no hypervisor", f->where);
    if (header.one && header.two)
        return 0;
    if (kernel_is_linux(head))
        return error_set(err, "%s is a Linux kernel or Xen for arm64: bootherd boots Xen for amd64",
                         f->where);
    return error_set(
        err,
        "%s is no hypervisor that can be booted: it lacks the multiboot header of version %s, which "
        "loaders on %s look for. Take xen.gz as Xen's build or the distribution makes it, not "
        "xen.efi",
        f->where, header.one ? "2" : "1", header.one ? "UEFI" : "BIOS");
}

/* Xen unpacks bzImages itself and takes plain ELF files, too (docs/misc/pvh.pandoc, xen/common/libelf). */
static int check_dom0(const struct collected *f, struct error *err)
{
    struct kernel_facts facts;
    if (!f->size)
        return error_set(err, "%s is empty: it is no kernel for dom0", f->where);
    if (kernel_is_elf(buf_slice(&f->head)))
        return 0;
    if (kernel_linux(buf_slice(&f->head), &facts, err) < 0)
        return error_wrap(err, "%s", f->where);
    if (strcmp(facts.arch, "amd64") != 0)
        return error_set(err, "%s is a kernel for %s; Xen's dom0 needs one for amd64", f->where, facts.arch);
    return 0;
}

static int describe(const struct collection *c, const struct boot_set *set, struct image *image,
                    struct error *err)
{
    image->product = strdup("Xen");
    image->version = find_version(set->kernel.file->path);
    image->build = strdup("unknown");
    image->arch = strdup("amd64"); /* since 4.3 there is no other that is started by multiboot */
    image->kernel_options = boot_options(c, set->kernel.options);
    return image->product && image->version && image->build && image->arch && image->kernel_options
               ? 0
               : error_set(err, "out of memory");
}

static int take_dom0(struct collection *c, const struct boot_set *set, struct image *image, struct error *err)
{
    struct collected *dom0 = boot_collected(c, set->module[0].file->path, false);
    if (!dom0)
        return error_set(err, "%s: the kernel of dom0 could not be read: get it again", c->source->name);
    if (check_dom0(dom0, err) < 0)
        return -1;
    cleanup_free char *options = boot_options(c, set->module[0].options);
    if (!options)
        return error_set(err, "out of memory");
    return boot_take(c, dom0, image, IMAGE_ROLE_MODULE, *options ? options : NULL, err);
}

/* The packed one must end in .gz, so that the other can be called as it is without. */
static int take_hypervisor(struct collection *c, const struct boot_set *set, struct collected *packed,
                           struct image *image, char **plain_name, struct error *err)
{
    if (!set->packed)
        return boot_take(c, packed, image, IMAGE_ROLE_KERNEL, NULL, err);
    char name[IMAGE_FILE_NAME_MAX];
    *plain_name = boot_name(image, packed->path, true, NULL, 0);
    if (!*plain_name)
        return error_set(err, "out of memory");
    snprintf(name, sizeof name, "%.*s.gz", (int)sizeof name - 4, *plain_name);
    return collect_take(c, packed, image, name, IMAGE_ROLE_KERNEL, NULL, err);
}

static int xen_build(const struct image_source *source, struct collection *c, struct image *image,
                     struct error *err)
{
    const struct boot_set *set = source->boot;
    const char *path = set->kernel.file->path;
    struct collected *kernel = boot_collected(c, path, false);
    struct collected *plain = boot_collected(c, path, set->packed);
    cleanup_free char *plain_name = NULL;
    if (!kernel || !plain)
        return error_set(err, "%s: its hypervisor could not be read: get it again", source->name);
    if (set->why)
        collect_note(c, "%s", set->why);
    if (check_hypervisor(plain, err) < 0 || describe(c, set, image, err) < 0 ||
        take_hypervisor(c, set, kernel, image, &plain_name, err) < 0 || take_dom0(c, set, image, err) < 0 ||
        boot_take_modules(c, set, 1, image, err) < 0)
        return -1;
    return set->packed ? collect_take(c, plain, image, plain_name, IMAGE_ROLE_EXTRA, NULL, err) : 0;
}

const struct image_family image_family_xen = {
    .name = "xen",
    .takes = "Xen (an ISO or a folder with the hypervisor, a kernel for dom0 and its initrd)",
    .recognise = xen_recognise,
    .pick = xen_pick,
    .build = xen_build,
};
