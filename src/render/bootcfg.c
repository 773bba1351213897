/*
 * boot.cfg as VMware's mboot reads it: lines key=value without a blank before '=', no quoting, no escapes;
 * a repeated key is a trap, so each is written once.
 */
#include "render/render.h"

#include "base/text.h"
#include "render/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* mboot's limits, with NUL: "path options" of a module once prefixed; the kernel's line. */
#define BOOTCFG_MODULE_MAX 256u
#define BOOTCFG_LINE_MAX   4096u
/* The banner is cut behind this many bytes. */
#define BOOTCFG_TITLE_MAX 127
/* mboot hangs at an error; with this it gives the machine back to its firmware, which comes again. */
#define BOOTCFG_ERROR_TIMEOUT_S 60

#define BOOTIF " BOOTIF=01-aa-bb-cc-dd-ee-ff"

/* Whether the release is at least a.b.c; one that tells no version is taken for a new one. */
static bool since(const struct image *image, unsigned long a, unsigned long b, unsigned long c)
{
    const unsigned long want[] = {a, b, c};
    const char *at = image->version;
    char *end;
    for (size_t i = 0; i < 3; i++) {
        unsigned long have = strtoul(at, &end, 10);
        if (end == at)
            return i == 0;
        if (have != want[i])
            return have > want[i];
        at = *end == '.' ? end + 1 : end;
    }
    return true;
}

/* How names are written: below prefix=, or in full. */
struct names {
    const char *root;           /* "http://10.77.0.1/", or "/" by TFTP */
    char folder[PLAN_PATH_MAX]; /* "image/ID/": the prefix, without what is before it */
    bool relative;
};

/* mboot drops blanks from a path and turns backslashes into slashes. */
static int check_name(const struct plan_file *file, bool url, struct error *err)
{
    if (words_check_path(file->path, err))
        return -1;
    const char *bad = strpbrk(file->path, url ? "\\%?#" : "\\");
    return bad ? error_set(err, "the file name \"%s\" has '%c' in it, which mboot does not ask for as it is",
                           file->path, *bad)
               : 0;
}

static int put_name(const struct names *names, const struct plan_file *file, const char *options,
                    struct buf *out, struct error *err)
{
    if (check_name(file, names->root[1] != '\0', err) || words_check_module(options, file->path, err))
        return -1;
    if (names->relative && text_starts(file->path, names->folder))
        buf_append_text(out, file->path + strlen(names->folder));
    else
        buf_format(out, "%s%s", names->root, file->path);
    return 0;
}

/* What mboot makes of it: "prefix/name options". */
static size_t full_size(const struct names *names, const struct plan_file *file, const char *options)
{
    return strlen(names->root) + strlen(file->path) + (options[0] ? 1 : 0) + strlen(options);
}

static int put_kernel(const struct plan *plan, const struct names *names, struct buf *out, struct error *err)
{
    size_t size = full_size(names, &plan->kernel, plan->kernel_options) + strlen(BOOTIF);
    if (size >= BOOTCFG_LINE_MAX)
        return error_set(err,
                         "the kernel's line would have %zu bytes, and mboot takes %u: shorten the "
                         "kernel options",
                         size, BOOTCFG_LINE_MAX - 1);
    buf_append_text(out, "kernel=");
    if (put_name(names, &plan->kernel, plan->kernel_options, out, err))
        return -1;
    buf_append_text(out, "\n");
    if (plan->kernel_options[0])
        buf_format(out, "kernelopt=%s\n", plan->kernel_options);
    return 0;
}

static int put_modules(const struct plan *plan, const struct names *names, struct buf *out, struct error *err)
{
    for (size_t i = 0; i < plan->module_count; i++) {
        const struct plan_file *module = &plan->module[i];
        const char *options = words_of(module);
        size_t size = full_size(names, module, options);
        if (size >= BOOTCFG_MODULE_MAX)
            return error_set(err,
                             "module %s would have %zu bytes with its address and options, and mboot takes "
                             "%u: shorten the node's name, or the module's name and options",
                             module->path, size, BOOTCFG_MODULE_MAX - 1);
        buf_append_text(out, i ? " --- " : "modules=");
        if (put_name(names, module, options, out, err))
            return -1;
        buf_format(out, "%s%s", options[0] ? " " : "", options);
    }
    buf_append_text(out, plan->module_count ? "\n" : "");
    return 0;
}

/*
 * prefix= always: without it mboot takes the folder of the boot.cfg that it read, which may be the card's.
 * VMware documents it from 6.0 on, so older releases get full names, which it does not touch.
 */
int render_bootcfg(const struct plan *plan, bool by_http, struct buf *out, struct error *err)
{
    char id[PLAN_IMAGE_ID + 1], title[WORDS_TEXT_MAX];
    struct names names = {.root = by_http ? plan->base : "/", .relative = since(plan->image, 6, 0, 0)};
    if (plan->shape != PLAN_SHAPE_BOOTCFG)
        return error_set(err, "boot.cfg is for ESXi 5 and later, which this image is not");
    plan_image_id(&plan->manifest, id);
    snprintf(names.folder, sizeof names.folder, "image/%s/", id);
    words_title(plan, title);
    buf_format(out, "title=%.*s\nprefix=%simage/%s\n", BOOTCFG_TITLE_MAX, title, names.root, id);
    if (put_kernel(plan, &names, out, err) || put_modules(plan, &names, out, err))
        return -1;
    if (since(plan->image, 8, 0, 1))
        buf_format(out, "errtimeout=%d\n", BOOTCFG_ERROR_TIMEOUT_S);
    return out->failed ? error_set(err, "out of memory") : 0;
}
