#include "image/import.h"

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "image/collect.h"
#include "image/family.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Asked in this order: ESXi's own loader configurations name other systems' loaders, and folders of Linux'
 * may hold boot loaders as well. */
static const struct image_family *const families[] = {
    &image_family_esxi_bootcfg, &image_family_esxi_dd, &image_family_xen,
    &image_family_linux,        &image_family_loader,  &image_family_efi_program,
};

/* Products that are known and cannot be booted stateless: all marks at the top tell one (xCAT's tests). */
static const struct {
    const char *marks[4];
    const char *what;
} refused[] = {
    {{"README", "build_number", "packages.xml", NULL}, "ESX 4"},
    {{"README", "open_source_licenses.txt", NULL}, "ESX 3.5"},
};

/* --- choosing the family --- */

/* "ISO 9660 "ESX-4" with a, b, c and 3 more" */
static void describe_source(const struct image_source *source, struct buf *out)
{
    buf_append_text(out, media_kind_name(source->kind));
    if (source->volume[0])
        buf_format(out, " \"%s\"", source->volume);
    for (size_t i = 0; i < source->count && i < COLLECT_SEEN_MAX; i++) {
        char shown[64];
        text_printable(source->names[i], strlen(source->names[i]), shown, sizeof shown);
        buf_format(out, "%s%s", i ? ", " : " with ", shown);
    }
    if (source->count > COLLECT_SEEN_MAX)
        buf_format(out, " and %zu more", source->count - COLLECT_SEEN_MAX);
}

static int refuse(const struct image_source *source, const char *what, struct error *err)
{
    struct buf seen = BUF_INIT, takes = BUF_INIT;
    describe_source(source, &seen);
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++)
        buf_format(&takes, "%s%s", i ? "; " : "", families[i]->takes);
    error_set(err, "%s is %s (%s). bootherd can import: %s", source->name, what, buf_text(&seen),
              buf_text(&takes));
    buf_fini(&seen);
    buf_fini(&takes);
    return -1;
}

static const char *refused_product(const struct image_source *source)
{
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        bool all = true;
        for (const char *const *mark = refused[i].marks; *mark; mark++)
            all = all && image_source_has(source, *mark);
        if (all)
            return refused[i].what;
    }
    return NULL;
}

static const struct image_family *recognise(const struct image_source *source, struct error *err)
{
    char what[128] = "none of the media known here";
    const char *product = refused_product(source);
    for (size_t i = 0; !product && i < sizeof families / sizeof families[0]; i++)
        if (families[i]->recognise(source))
            return families[i];
    if (product)
        snprintf(what, sizeof what, "classic %s, which needs an installed service console: not ESXi",
                 product);
    if (product || !source->problem.text[0])
        refuse(source, what, err);
    else
        *err = source->problem;
    return NULL;
}

/* --- the import --- */

struct image *image_new(const struct image_family *family, const char *from)
{
    struct image *image = calloc(1, sizeof *image);
    if (image) {
        image->family = strdup(family->name);
        image->source = strdup(from);
    }
    if (image && image->family && image->source)
        return image;
    image_free(image);
    return NULL;
}

static int make_image(int fd, struct collection *c, struct image **out, struct error *err)
{
    const char *base = image_source_base(c->source);
    char name[IMAGE_FILE_NAME_MAX];
    text_printable(base, strlen(base), name, sizeof name);
    struct image *image = image_new(c->family, name);
    if (!image)
        return error_errno(err, ENOMEM, "%s", c->source->name);
    if (collect_walk(c, fd, err) < 0 || c->family->build(c->source, c, image, err) < 0 ||
        image_check(image, err) < 0) {
        image_free(image);
        return -1;
    }
    *out = image;
    return 0;
}

static int import(const struct image_family *family, int fd, const struct image_source *source,
                  const struct image_sink *sink, const struct image_listener *listener, struct image **out,
                  struct error *err)
{
    cleanup_free struct collection *c = calloc(1, sizeof *c);
    if (!c)
        return error_errno(err, ENOMEM, "%s", source->name);
    c->sink = sink;
    c->listener = listener;
    c->family = family;
    c->source = source;
    int result = make_image(fd, c, out, err);
    collect_fini(c);
    return result;
}

int image_import(int fd, const char *source_name, const struct image_sink *sink,
                 const struct image_listener *listener, struct image **out, struct error *err)
{
    struct image_source source;
    *out = NULL;
    int result = source_init(fd, source_name, &source, err);
    const struct image_family *family = result == 0 ? recognise(&source, err) : NULL;
    result = family ? import(family, fd, &source, sink, listener, out, err) : -1;
    source_fini(&source);
    return result;
}

int loader_import(int fd, const char *source_name, enum loader_kind wish, const struct image_sink *sink,
                  const struct image_listener *listener, struct image **out, struct error *err)
{
    struct image_source source;
    *out = NULL;
    int result = source_init(fd, source_name, &source, err);
    source.loader = wish;
    if (result == 0 && source.kind != MEDIA_KIND_FILE && source.kind != MEDIA_KIND_DIRECTORY)
        result =
            error_set(err,
                      "%s is no boot loader but %s: loaders are taken from a file or a folder, systems by "
                      "bootherd image import",
                      source_name, media_kind_name(source.kind));
    else if (result == 0)
        result = import(&image_family_loader, fd, &source, sink, listener, out, err);
    source_fini(&source);
    return result;
}
