/*
 * Linux: a kernel, its initrds, and what it fetches later (a squashfs). From an ISO, a folder, or the kernel
 * alone. What only claims to be Linux (memtest86+, iPXE's .lkrn) is taken by the same rules.
 */
#include "image/family.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/boot_names.h"
#include "image/boot_take.h"
#include "image/kernel.h"

#include <stdlib.h>
#include <string.h>

#define LIVE_IMAGE "live/filesystem.squashfs" /* of Debian live (live-boot(7)) */

static bool linux_recognise(const struct image_source *source)
{
    if (source->kind == MEDIA_KIND_FILE)
        return !source_base_like(source->name, "*.efi") &&
               (kernel_is_linux(buf_slice(&source->head)) || boot_is_kernel_name(source->name));
    return source->boot && !source->boot->xen;
}

static enum image_pick linux_pick(const struct image_source *source, const struct media_entry *entry)
{
    const struct boot_set *set = source->boot;
    if (entry->parent || !set) /* the inside of a packed kernel, or a kernel that came alone */
        return PICK_KEEP_PLAIN;
    if (strcmp(entry->path, set->kernel.file->path) == 0)
        return set->packed ? PICK_OPEN : PICK_KEEP_PLAIN;
    for (size_t i = 0; i < set->module_count; i++)
        if (strcmp(entry->path, set->module[i].file->path) == 0)
            return PICK_KEEP_INITRD;
    bool boots = boot_is_kernel_name(entry->path) || source_base_like(entry->path, "initrd*");
    return boot_is_root_image(entry->path) && !boots ? PICK_KEEP_PLAIN : PICK_SKIP;
}

/* --- the kernel --- */

/* An arm64 kernel does not say its version where it can be read: vmlinuz-6.1.0-56-arm64 does. */
static const char *version_of_name(const char *path)
{
    const char *dash = strchr(source_base(path), '-');
    return dash && dash[1] >= '0' && dash[1] <= '9' ? dash + 1 : "unknown";
}

static int describe(const struct image_source *source, const struct collected *kernel, struct image *image,
                    struct error *err)
{
    struct kernel_facts facts;
    if (kernel_linux(buf_slice(&kernel->head), &facts, err) < 0)
        return error_wrap(err, "%s", kernel->where);
    image->product = boot_product(source, facts.product);
    image->version = strdup(facts.version[0] ? facts.version : version_of_name(kernel->path));
    image->build = strdup("unknown");
    image->arch = strdup(facts.arch);
    return image->product && image->version && image->build && image->arch ? 0
                                                                           : error_set(err, "out of memory");
}

/* --- what the system fetches later --- */

static int by_path(const void *a, const void *b)
{
    return strcmp((*(struct collected *const *)a)->path, (*(struct collected *const *)b)->path);
}

struct extra {
    struct collected *file;
    char *name;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct extra *)a)->name, ((const struct extra *)b)->name);
}

static int take_named(struct collection *c, struct extra *extras, size_t count, struct image *image,
                      struct error *err)
{
    qsort(extras, count, sizeof *extras, by_name);
    for (size_t i = 0; i < count; i++)
        if (collect_take(c, extras[i].file, image, extras[i].name, IMAGE_ROLE_EXTRA, NULL, err) < 0)
            return -1;
    return 0;
}

/* *live: the name that LIVE_IMAGE has in the image; NULL when it is not there. Owned by the caller. */
static int take_extras(struct collection *c, struct image *image, char **live, struct error *err)
{
    struct collected *file[COLLECT_FILES_MAX];
    size_t count = 0, named = 0;
    int result = 0;
    for (size_t i = 0; i < c->count; i++)
        if (c->file[i].sink_file && !c->file[i].taken && c->file[i].size)
            file[count++] = &c->file[i];
    if (!count)
        return 0;
    cleanup_free struct extra *extras = calloc(count, sizeof *extras);
    cleanup_free char **names = calloc(count, sizeof *names);
    qsort(file, count, sizeof file[0], by_path);
    for (; extras && names && named < count; named++) {
        names[named] = boot_name(image, file[named]->path, false, names, named);
        if (!names[named])
            break;
        extras[named] = (struct extra){file[named], names[named]};
        if (source_compare(file[named]->path, LIVE_IMAGE) == 0)
            *live = strdup(names[named]);
    }
    if (named < count)
        result = error_set(err, "out of memory");
    else
        result = take_named(c, extras, count, image, err);
    for (size_t i = 0; i < named; i++)
        free(names[i]);
    return result;
}

/* --- words --- */

static bool has_word(const char *options, const char *word, size_t size)
{
    for (const char *at = options; *at; at += strspn(at, " ")) {
        if (strncmp(at, word, size) == 0)
            return true;
        at += strcspn(at, " ");
    }
    return false;
}

static void add_word(struct buf *to, const char *word)
{
    buf_format(to, "%s%s", to->size ? " " : "", word);
}

/* live-boot(7): fetch= names what the medium would have held. */
static int add_live(struct collection *c, struct image *image, const char *live, struct error *err)
{
    if (!live || !has_word(image->kernel_options, "boot=live", strlen("boot=live")))
        return 0;
    cleanup_buf struct buf text = BUF_INIT;
    buf_append_text(&text, image->kernel_options);
    if (!has_word(image->kernel_options, "components", strlen("components")))
        add_word(&text, "components");
    if (!has_word(image->kernel_options, "fetch=", strlen("fetch="))) {
        char word[IMAGE_FILE_NAME_MAX + 16];
        snprintf(word, sizeof word, "fetch=%%{base}/%s", live);
        add_word(&text, word);
        collect_note(c, "kernel option %s is added: Debian's live system fetches its root from there", word);
    }
    free(image->kernel_options);
    image->kernel_options = text.failed ? NULL : strdup(buf_text(&text));
    return image->kernel_options ? 0 : error_set(err, "out of memory");
}

/* --- the whole --- */

static struct collected *find_kernel(const struct image_source *source, struct collection *c)
{
    const struct boot_set *set = source->boot;
    return set ? boot_collected(c, set->kernel.file->path, set->packed) : c->count ? &c->file[0] : NULL;
}

static int linux_build(const struct image_source *source, struct collection *c, struct image *image,
                       struct error *err)
{
    static const struct boot_set alone;
    const struct boot_set *set = source->boot ? source->boot : &alone;
    struct collected *kernel = find_kernel(source, c);
    cleanup_free char *live = NULL;
    if (!kernel)
        return error_set(err, "%s: its kernel could not be read: get it again", source->name);
    if (set->why)
        collect_note(c, "%s", set->why);
    if (!kernel->size)
        return error_set(err, "%s is empty: it is no kernel", kernel->where);
    if (describe(source, kernel, image, err) < 0)
        return -1;
    image->kernel_options = boot_options(c, set->kernel.options);
    if (!image->kernel_options)
        return error_set(err, "out of memory");
    if (boot_take(c, kernel, image, IMAGE_ROLE_KERNEL, NULL, err) < 0 ||
        boot_take_modules(c, set, 0, image, err) < 0 || take_extras(c, image, &live, err) < 0)
        return -1;
    return add_live(c, image, live, err);
}

const struct image_family image_family_linux = {
    .name = "linux",
    .takes = "Linux (an ISO or a folder with a kernel and an initrd; a kernel alone, as memtest86+x64.bin)",
    .recognise = linux_recognise,
    .pick = linux_pick,
    .build = linux_build,
};
