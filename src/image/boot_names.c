#include "image/boot_names.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN 5 /* names in a message */

enum kind {
    NOTHING,
    HYPERVISOR,
    KERNEL,
    KERNEL_PERHAPS, /* counts where there is no surer one */
    EFI_LOADER,     /* of a medium (UEFI 3.5.1.1); memtest86+'s is its kernel */
    MICROCODE,      /* an initrd that goes before the others */
    INITRD,
    KINDS,
};

/* The first that fits counts. */
static const struct {
    const char *pattern;
    enum kind kind;
} names[] = {
    {"*.sig", NOTHING},
    {"*.asc", NOTHING},
    {"*.txt", NOTHING},
    {"*.deb", NOTHING},
    {"*.rpm", NOTHING},
    {"*.udeb", NOTHING},
    {"*.md5", NOTHING},
    {"*.sha*", NOTHING},
    {"*.hmac", NOTHING},
    {"*.cfg", NOTHING},
    {"*.conf", NOTHING},
    {"*.config", NOTHING},
    {"*.tar*", NOTHING},
    {"*.tgz", NOTHING},
    {"*.iso", NOTHING},
    {"*.c", NOTHING},
    {"*.h", NOTHING},
    {"xen*.efi", NOTHING},
    {"xen*.map", NOTHING},
    {"xen", HYPERVISOR},
    {"xen.gz", HYPERVISOR},
    {"xen-[0-9]*", HYPERVISOR},
    {"vmlinuz*", KERNEL},
    {"bzImage*", KERNEL},
    {"linux", KERNEL},
    {"linux26", KERNEL},
    {"linux64", KERNEL},
    {"Image", KERNEL},
    {"Image-*", KERNEL},
    {"Image.gz", KERNEL},
    {"vmlinux*", KERNEL_PERHAPS},
    {"kernel", KERNEL_PERHAPS},
    {"memtest*.bin", KERNEL_PERHAPS},
    {"bootx64.efi", EFI_LOADER},
    {"bootia32.efi", EFI_LOADER},
    {"bootaa64.efi", EFI_LOADER},
    {"*ucode.img", MICROCODE},
    {"initrd*", INITRD},
    {"initramfs*", INITRD},
};

static enum kind kind_of(const char *path)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (source_base_like(path, names[i].pattern))
            return names[i].kind;
    return NOTHING;
}

bool boot_is_hypervisor(const char *path)
{
    return kind_of(path) == HYPERVISOR;
}

bool boot_is_kernel_name(const char *path)
{
    enum kind kind = kind_of(path);
    return kind == KERNEL || kind == KERNEL_PERHAPS;
}

struct found {
    size_t count;
    const struct source_file **file;
};

static void gather(const struct image_source *source, struct found found[static KINDS])
{
    for (size_t i = 0; i < source->file_count; i++) {
        struct found *to = &found[kind_of(source->file[i].path)];
        if (to->file)
            to->file[to->count++] = &source->file[i];
    }
}

/* "a, b and 3 more" */
static void list(const struct found *found, struct buf *out)
{
    for (size_t i = 0; i < found->count && i < SHOWN; i++) {
        char shown[128];
        const char *path = found->file[i]->path;
        text_printable(path, strlen(path), shown, sizeof shown);
        buf_format(out, "%s%s", i ? ", " : "", shown);
    }
    if (found->count > SHOWN)
        buf_format(out, " and %zu more", found->count - SHOWN);
}

static bool too_many(const struct image_source *source, const struct found *found, const char *what,
                     struct error *problem)
{
    struct buf text = BUF_INIT;
    list(found, &text);
    error_set(problem,
              "%s holds %zu %s and no boot configuration that says which one to take: %s. Give a folder that "
              "has one",
              source->name, found->count, what, buf_text(&text));
    buf_fini(&text);
    return true;
}

/* --- which initrds belong to a kernel --- */

static size_t folder_length(const char *path)
{
    return (size_t)(source_base(path) - path);
}

static bool in_folder_of(const struct source_file *f, const struct source_file *kernel)
{
    size_t length = folder_length(kernel->path);
    return folder_length(f->path) == length && memcmp(f->path, kernel->path, length) == 0;
}

/* initrd.img-6.1.0-56-amd64 is for vmlinuz-6.1.0-56-amd64. */
static bool has_version_of(const struct source_file *f, const struct source_file *kernel)
{
    const char *version = strchr(source_base(kernel->path), '-');
    const char *at = version ? strstr(source_base(f->path), version) : NULL;
    at += at ? strlen(version) : 0;
    return at && (!*at || *at == '.');
}

static void narrow(struct found *found, const struct source_file *kernel,
                   bool (*fits)(const struct source_file *f, const struct source_file *kernel))
{
    size_t kept = 0;
    for (size_t i = 0; i < found->count; i++)
        kept += fits(found->file[i], kernel);
    if (!kept)
        return;
    kept = 0;
    for (size_t i = 0; i < found->count; i++)
        if (fits(found->file[i], kernel))
            found->file[kept++] = found->file[i];
    found->count = kept;
}

static void add_module(struct boot_set *set, const struct source_file *file)
{
    if (set->module_count < BOOT_MODULES_MAX)
        set->module[set->module_count++].file = file;
}

/* --- the whole --- */

static void explain(struct boot_set *set, const struct source_file *kernel, const struct found *initrds,
                    size_t others)
{
    if (!others)
        return;
    if (asprintf(&set->why, "%s belongs to %s by its name; there are %zu other initrds",
                 initrds->file[0]->path, kernel->path, others) < 0)
        set->why = NULL;
}

/* Whether it is a kernel is seen when its first bytes are read. */
static bool guess(const struct image_source *source, const struct found *loaders, struct boot_set *set)
{
    if (source->kind != MEDIA_KIND_ISO || loaders->count != 1)
        return false;
    set->guessed = true;
    set->kernel.file = loaders->file[0];
    return true;
}

static bool choose(const struct image_source *source, struct found found[static KINDS], struct boot_set *set,
                   struct error *problem)
{
    struct found *kernels = &found[found[KERNEL].count ? KERNEL : KERNEL_PERHAPS];
    struct found *initrds = &found[INITRD], *xens = &found[HYPERVISOR];
    if (!kernels->count && !initrds->count && !xens->count)
        return guess(source, &found[EFI_LOADER], set);
    if (!kernels->count) {
        const struct found *lonely = xens->count ? xens : initrds;
        error_set(problem, "%s holds %s, but no Linux kernel (vmlinuz*, linux, bzImage*, Image)%s",
                  source->name, lonely->file[0]->path, xens->count ? ", which Xen's dom0 needs" : "");
        return true;
    }
    if (xens->count > 1)
        return too_many(source, xens, "hypervisors", problem);
    if (kernels->count > 1)
        return too_many(source, kernels, "kernels", problem);
    const struct source_file *kernel = kernels->file[0];
    size_t before = initrds->count;
    narrow(initrds, kernel, in_folder_of);
    narrow(initrds, kernel, has_version_of);
    if (initrds->count > 1)
        return too_many(source, initrds, "initrds", problem);
    explain(set, kernel, initrds, before - initrds->count);
    set->xen = xens->count > 0;
    set->kernel.file = set->xen ? xens->file[0] : kernel;
    if (set->xen)
        add_module(set, kernel);
    narrow(&found[MICROCODE], kernel, in_folder_of);
    for (size_t i = 0; i < found[MICROCODE].count; i++)
        add_module(set, found[MICROCODE].file[i]);
    if (initrds->count)
        add_module(set, initrds->file[0]);
    return true;
}

bool boot_names_find(const struct image_source *source, struct boot_set *set, struct error *problem)
{
    struct found found[KINDS] = {0};
    bool memory = true;
    for (enum kind kind = HYPERVISOR; kind < KINDS; kind++) {
        found[kind].file = calloc(source->file_count + 1, sizeof *found[kind].file);
        memory = memory && found[kind].file;
    }
    gather(source, found);
    bool result = true;
    if (memory)
        result = choose(source, found, set, problem);
    else
        error_errno(problem, ENOMEM, "%s", source->name);
    for (enum kind kind = HYPERVISOR; kind < KINDS; kind++)
        free(found[kind].file);
    return result;
}
