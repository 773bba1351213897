/* Boot loaders of the syslinux kind: pxelinux.0 and its modules (*.c32), from a folder or one by one. */
#include "image/family.h"

#include "base/text.h"

#include <stdlib.h>
#include <string.h>

#define VERSION_MARK "PXELINUX " /* "PXELINUX 6.04 PXE 20200816" inside pxelinux.0 */

static bool is_nbp(const char *name)
{
    return strcmp(name, "pxelinux.0") == 0 || strcmp(name, "lpxelinux.0") == 0 ||
           strcmp(name, "gpxelinux.0") == 0;
}

static bool is_loader_name(const char *name)
{
    return is_nbp(name) || text_ends(name, ".c32");
}

static bool loader_recognise(const struct image_source *source)
{
    if (source->kind != MEDIA_KIND_DIRECTORY && source->kind != MEDIA_KIND_FILE)
        return false;
    for (size_t i = 0; i < source->count; i++)
        if (is_loader_name(source->names[i]))
            return true;
    return false;
}

static enum image_pick loader_pick(const struct image_source *source, const struct media_entry *entry)
{
    if (strchr(entry->path, '/') || !is_loader_name(entry->path))
        return PICK_SKIP;
    return is_nbp(entry->path) ? PICK_KEEP_READ : PICK_KEEP;
}

static char *find_version(const struct collection *c)
{
    for (size_t i = 0; i < c->count; i++) {
        const struct buf *head = &c->file[i].head;
        const char *at =
            head->size ? memmem(head->data, head->size, VERSION_MARK, strlen(VERSION_MARK)) : NULL;
        if (!at)
            continue;
        char text[32] = "";
        size_t left = head->size - (size_t)(at - (const char *)head->data) - strlen(VERSION_MARK);
        memcpy(text, at + strlen(VERSION_MARK), left < sizeof text - 1 ? left : sizeof text - 1);
        text[strspn(text, "0123456789.")] = 0;
        if (*text)
            return strdup(text);
    }
    return strdup("unknown");
}

static int by_path(const void *a, const void *b)
{
    return strcmp((*(struct collected *const *)a)->path, (*(struct collected *const *)b)->path);
}

static int loader_build(const struct image_source *source, struct collection *c, struct image *image,
                        struct error *err)
{
    image->product = strdup("PXELINUX");
    image->version = find_version(c);
    image->build = strdup("unknown");
    image->arch = strdup("386"); /* BIOS */
    image->kernel_options = strdup("");
    if (!image->product || !image->version || !image->build || !image->arch || !image->kernel_options)
        return error_set(err, "out of memory");
    struct collected *sorted[COLLECT_FILES_MAX];
    for (size_t i = 0; i < c->count; i++)
        sorted[i] = &c->file[i];
    qsort(sorted, c->count, sizeof sorted[0], by_path);
    for (size_t i = 0; i < c->count; i++) {
        if (!sorted[i]->size)
            return error_set(err, "%s is empty: it is no boot loader", sorted[i]->where);
        if (collect_take(c, sorted[i], image, sorted[i]->path, IMAGE_ROLE_EXTRA, NULL, err) < 0)
            return -1;
    }
    return 0;
}

const struct image_family image_family_loader = {
    .name = "loader",
    .takes = "boot loaders (pxelinux.0 and *.c32, one file or a folder of them)",
    .recognise = loader_recognise,
    .pick = loader_pick,
    .build = loader_build,
};
