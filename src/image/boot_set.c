#include "image/boot_set.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/boot_names.h"
#include "image/grub_cfg.h"
#include "image/isolinux_cfg.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8 /* folders around a configuration; Debian's netboot trees have 4 */

/* Where media say what they boot, the surest first. */
static const struct {
    const char *name;
    int (*parse)(const struct boot_files *files, const struct boot_text *start, struct boot_menu *out,
                 struct error *err);
} configurations[] = {
    {"isolinux.cfg", isolinux_cfg_parse},  {"syslinux.cfg", isolinux_cfg_parse},
    {"default", isolinux_cfg_parse}, /* of pxelinux.cfg */
    {"extlinux.conf", isolinux_cfg_parse}, {"grub.cfg", grub_cfg_parse},
};

static const char *const root_images[] = {
    "*.squashfs",         "*.sfs", "casper/*", "*/casper/*", "*LiveOS/squashfs.img", "*LiveOS/rootfs.img",
    "*images/install.img"};

bool boot_is_root_image(const char *path)
{
    for (size_t i = 0; i < sizeof root_images / sizeof root_images[0]; i++)
        if (fnmatch(root_images[i], path, FNM_CASEFOLD) == 0)
            return true;
    return false;
}

void boot_set_free(struct boot_set *set)
{
    if (!set)
        return;
    free(set->kernel.options);
    for (size_t i = 0; i < set->module_count; i++)
        free(set->module[i].options);
    free(set->why);
    free(set);
}

static bool find_text(const void *ctx, const char *from, const char *named, struct boot_text *out)
{
    const struct source_file *f = source_resolve(ctx, from, named);
    if (!f || !f->is_text)
        return false;
    *out = (struct boot_text){f->path, buf_slice(&f->text)};
    return true;
}

/* --- one configuration's menu --- */

static const struct source_file *find_kernel(const struct image_source *source,
                                             const struct boot_entry *entry)
{
    if (!entry->kernel.path)
        return NULL;
    const struct source_file *f = source_resolve(source, entry->file, entry->kernel.path);
    if (f && entry->multiboot && (!boot_is_hypervisor(f->path) || !entry->module_count))
        return NULL; /* ESXi's, or another system's */
    return f;
}

/* The one that starts by itself, else the first at the top of the menus, else the first; of those that start
 * Linux or Xen with a kernel that is there. */
static size_t choose(const struct image_source *source, const struct boot_menu *menu, size_t *fitting)
{
    size_t top = BOOT_NONE, any = BOOT_NONE;
    bool preset_fits = false;
    *fitting = 0;
    for (size_t i = 0; i < menu->count; i++) {
        if (!find_kernel(source, &menu->entry[i]))
            continue;
        ++*fitting;
        preset_fits = preset_fits || i == menu->preset;
        if (any == BOOT_NONE)
            any = i;
        if (top == BOOT_NONE && !menu->entry[i].in_submenu)
            top = i;
    }
    return preset_fits ? menu->preset : top != BOOT_NONE ? top : any;
}

static int copy_options(struct boot_part *to, const struct boot_item *from, struct error *err)
{
    if (!*from->options)
        return 0;
    to->options = strdup(from->options);
    return to->options ? 0 : error_errno(err, ENOMEM, "boot configuration");
}

static const char *entry_title(const struct boot_entry *entry)
{
    return entry->title[0] ? entry->title : entry->name;
}

static int fill(const struct image_source *source, const struct boot_entry *entry, struct boot_set *set,
                struct error *err)
{
    set->xen = entry->multiboot;
    set->kernel.file = find_kernel(source, entry);
    if (copy_options(&set->kernel, &entry->kernel, err) < 0)
        return -1;
    for (size_t i = 0; i < entry->module_count; i++) {
        const struct boot_item *item = &entry->module[i];
        struct boot_part *part = &set->module[set->module_count++];
        part->file = source_resolve(source, entry->file, item->path);
        if (!part->file) {
            char shown[BOOT_NAME_MAX];
            text_printable(item->path, strlen(item->path), shown, sizeof shown);
            return error_set(
                err,
                "%s:%u: the entry \"%s\" loads %s, which is not there: the medium is not complete, "
                "get it again",
                entry->file, entry->line, entry_title(entry), shown);
        }
        if (copy_options(part, item, err) < 0)
            return -1;
    }
    return 0;
}

static void explain(const struct boot_menu *menu, size_t chosen, size_t fitting, struct boot_set *set)
{
    const struct boot_entry *entry = &menu->entry[chosen];
    if (fitting < 2)
        return;
    if (asprintf(&set->why, "%s:%u: \"%s\" is taken of %zu entries that start a system here: %s", entry->file,
                 entry->line, entry_title(entry), fitting,
                 chosen == menu->preset ? "it is the one that starts by itself" : "it is the first") < 0)
        set->why = NULL;
}

/* 1: found; 0: it starts nothing that is here. */
static int try_file(const struct image_source *source, const struct source_file *f, size_t row,
                    struct boot_set *set, struct error *err)
{
    const struct boot_files files = {source, find_text};
    const struct boot_text start = {f->path, buf_slice(&f->text)};
    struct boot_menu menu;
    size_t fitting;
    if (configurations[row].parse(&files, &start, &menu, err) < 0)
        return -1;
    size_t chosen = choose(source, &menu, &fitting);
    int result = 0;
    if (chosen != BOOT_NONE) {
        result = fill(source, &menu.entry[chosen], set, err) < 0 ? -1 : 1;
        explain(&menu, chosen, fitting, set);
    }
    boot_menu_fini(&menu);
    return result;
}

static unsigned depth_of(const char *path)
{
    unsigned depth = 0;
    for (; (path = strchr(path, '/')); path++)
        depth++;
    return depth;
}

/* The next one of its kind that is as deep, from i on. */
static const struct source_file *next_file(const struct image_source *source, size_t row, unsigned depth,
                                           size_t *i)
{
    for (; *i < source->file_count; ++*i) {
        const struct source_file *f = &source->file[*i];
        if (f->is_text && depth_of(f->path) == depth && source_base_like(f->path, configurations[row].name))
            return &source->file[(*i)++];
    }
    return NULL;
}

static void explain_others(struct boot_set *set, const struct source_file *f, const struct source_file *other)
{
    char *text;
    if (!other ||
        asprintf(&text,
                 "%s%s%s counts; %s is another boot configuration: give its folder for what that one "
                 "boots",
                 set->why ? set->why : "", set->why ? "; " : "", f->path, other->path) < 0)
        return;
    free(set->why);
    set->why = text;
}

static int find_configured(const struct image_source *source, struct boot_set *set, struct error *err)
{
    for (size_t row = 0; row < sizeof configurations / sizeof configurations[0]; row++)
        for (unsigned depth = 0; depth <= DEPTH_MAX; depth++) {
            const struct source_file *f;
            for (size_t i = 0; (f = next_file(source, row, depth, &i));) {
                int result = try_file(source, f, row, set, err);
                if (result > 0)
                    explain_others(set, f, next_file(source, row, depth, &i));
                if (result)
                    return result;
            }
        }
    return 0;
}

void boot_set_find(struct image_source *source)
{
    struct boot_set *set = calloc(1, sizeof *set);
    struct error problem = {0};
    if (!set) {
        error_errno(&source->problem, ENOMEM, "%s", source->name);
        return;
    }
    int configured = find_configured(source, set, &problem);
    bool found = configured || boot_names_find(source, set, &source->problem);
    if (configured < 0)
        error_set(&source->problem, "%s: %.900s", source->name, problem.text);
    if (found && !source->problem.text[0])
        source->boot = set;
    else
        boot_set_free(set);
}
