#include "render/overlay.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "render/overlay_cpio.h"
#include "render/overlay_esxi.h"
#include "render/overlay_esxi5.h"
#include "render/overlay_linux.h"
#include "render/overlay_set.h"
#include "render/overlay_tar.h"

#include <stdlib.h>

static void cleanup_set(struct overlay_set *set)
{
    overlay_set_fini(set);
}

/* What bootherd itself puts, and how it is packed. */
static const struct overlay_family {
    const char *name;
    int (*put)(const struct overlay_input *input, struct overlay_set *set, struct error *err);
    /* Folders that need no entry unless somebody named one of their own; NULL: none. */
    bool (*is_there)(const char *folder);
    int (*pack)(const struct overlay_entry *entries, size_t count, struct buf *archive, struct error *err);
} overlay_families[] = {
    {"esxi_dd", overlay_esxi_put, NULL, overlay_tar},
    {"esxi_bootcfg", overlay_esxi5_put, NULL, overlay_tar},
    {"linux", overlay_linux_put, overlay_linux_is_there, overlay_cpio},
    {"xen", overlay_linux_put, overlay_linux_is_there, overlay_cpio},
};

static const struct overlay_family *overlay_family_of(const struct image *image)
{
    for (size_t i = 0; i < sizeof overlay_families / sizeof overlay_families[0]; i++)
        if (text_equal(overlay_families[i].name, image->family))
            return &overlay_families[i];
    return NULL;
}

static int overlay_put_extra(const struct overlay_extra *extra, struct overlay_set *set, struct error *err)
{
    if (extra->directory)
        return overlay_set_folder(set, extra->path, err);
    struct overlay_entry entry = {.path = extra->path,
                                  .kind = extra->link ? OVERLAY_LINK : OVERLAY_FILE,
                                  .mode = extra->link ? 0777 : extra->mode & 07777,
                                  .link = extra->link};
    if (!extra->link)
        entry.content = extra->content;
    return overlay_set_put(set, &entry, err);
}

static int overlay_check_size(const struct overlay_entry *entries, size_t count, struct error *err)
{
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        size_t more = 2 * 512 + entries[i].content.size; /* header and padding */
        if (entries[i].content.size > OVERLAY_SIZE_MAX || size + more > OVERLAY_SIZE_MAX)
            return error_set(
                err, "the overlay would be larger than %u MiB at %s: put less into the node's own files",
                OVERLAY_SIZE_MAX >> 20, entries[i].path);
        size += more;
    }
    return 0;
}

static int overlay_pack(const struct overlay_family *family, const struct overlay_set *set,
                        struct buf *archive, struct buf *listing, struct error *err)
{
    cleanup_free struct overlay_entry *entries = calloc(set->count + 1, sizeof *entries);
    if (!entries)
        return error_set(err, "out of memory for the overlay");
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++)
        if (!set->items[i].implied || !family->is_there || !family->is_there(set->items[i].path))
            entries[count++] = set->items[i].entry;
    if (overlay_check_size(entries, count, err) || family->pack(entries, count, archive, err))
        return -1;
    overlay_list(entries, count, listing);
    return listing->failed ? error_set(err, "out of memory for the overlay's listing") : 0;
}

int overlay_render(const struct overlay_input *input, struct buf *archive, struct buf *listing,
                   struct error *err)
{
    __attribute__((cleanup(cleanup_set))) struct overlay_set set = {0};
    const struct overlay_family *family = overlay_family_of(input->image);
    if (!family)
        return error_set(err, "images of family %s take no overlay", input->image->family);
    if (family->put(input, &set, err))
        return -1;
    for (size_t i = 0; i < input->extra_count; i++)
        if (overlay_put_extra(&input->extras[i], &set, err))
            return -1;
    if (overlay_set_finish(&set, err))
        return -1;
    return overlay_pack(family, &set, archive, listing, err);
}
