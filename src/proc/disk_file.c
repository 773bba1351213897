#include "proc/disk_file.h"

#include "base/cleanup.h"
#include "render/fat_image.h"

/* The references of the rendered bytes and of all files that have bytes go into the pieces, which ascend as
 * fat_image_make lays the files out in their order. */
static struct boot_file *compose(const struct fat_image *image, const struct fat_image_file *files,
                                 const struct disk_entry *entries, size_t count)
{
    cleanup_free struct boot_piece *pieces = calloc(FAT_IMAGE_PIECES + count, sizeof *pieces);
    struct boot_file *rendered = boot_file_from_bytes(image->bytes.data, image->bytes.size);
    if (!pieces || !rendered) {
        boot_file_unref(rendered);
        return NULL;
    }
    size_t used = 0;
    for (size_t i = 0; i < FAT_IMAGE_PIECES; i++) {
        const struct fat_image_piece *p = &image->piece[i];
        pieces[used++] = (struct boot_piece){p->at, p->size, boot_file_ref(rendered), p->offset};
    }
    boot_file_unref(rendered);
    for (size_t i = 0; i < count; i++)
        if (files[i].size)
            pieces[used++] =
                (struct boot_piece){files[i].at, files[i].size, boot_file_ref(entries[i].file), 0};
    return boot_file_compose(pieces, used, image->size);
}

static int make(const struct disk_entry *entries, size_t count, uint32_t volume_id, struct boot_file **out,
                struct error *err)
{
    cleanup_free struct fat_image_file *files = calloc(count ? count : 1, sizeof *files);
    if (!files)
        return error_set(err, "out of memory");
    for (size_t i = 0; i < count; i++)
        files[i] = (struct fat_image_file){.path = entries[i].path, .size = entries[i].file->size};
    struct fat_image image;
    if (fat_image_make(files, count, volume_id, &image, err) < 0)
        return -1;
    *out = compose(&image, files, entries, count);
    fat_image_fini(&image);
    return *out ? 0 : error_set(err, "out of memory");
}

int disk_file_make(const struct disk_entry *entries, size_t count, uint32_t volume_id, struct boot_file **out,
                   struct error *err)
{
    int result = make(entries, count, volume_id, out, err);
    for (size_t i = 0; i < count; i++)
        boot_file_unref(entries[i].file);
    return result;
}
