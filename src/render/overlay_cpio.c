#include "render/overlay_cpio.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define CPIO_ALIGN 4u /* of names and of contents */
#define CPIO_BLOCK 512u
#define CPIO_END   "TRAILER!!!"

/* To the next multiple of `unit` bytes, counted from where the archive starts. */
static void cpio_pad(struct buf *out, size_t start, size_t unit)
{
    static const uint8_t zeros[CPIO_BLOCK];
    size_t over = (out->size - start) % unit;
    buf_append(out, zeros, over ? unit - over : 0);
}

/* The header's numbers, each eight hexadecimal digits behind the magic "070701". */
enum cpio_field {
    CPIO_INODE,
    CPIO_MODE,
    CPIO_USER,
    CPIO_GROUP,
    CPIO_LINKS,
    CPIO_MTIME,
    CPIO_SIZE,
    CPIO_NAME_SIZE = 11, /* between: the devices that the file is on, and is */
    CPIO_CHECKSUM,       /* 0 in this format */
    CPIO_FIELDS,
};

static void cpio_put(struct buf *out, size_t start, const char *name, const unsigned fields[CPIO_FIELDS],
                     const void *content)
{
    buf_append_text(out, "070701");
    for (size_t i = 0; i < CPIO_FIELDS; i++)
        buf_format(out, "%08X", fields[i]);
    buf_append(out, name, fields[CPIO_NAME_SIZE]);
    cpio_pad(out, start, CPIO_ALIGN);
    buf_append(out, content, fields[CPIO_SIZE]);
    cpio_pad(out, start, CPIO_ALIGN);
}

static void cpio_put_entry(struct buf *out, size_t start, const struct overlay_entry *entry, size_t inode)
{
    static const unsigned types[] = {
        [OVERLAY_FILE] = S_IFREG, [OVERLAY_LINK] = S_IFLNK, [OVERLAY_FOLDER] = S_IFDIR};
    bool link = entry->kind == OVERLAY_LINK;
    const unsigned fields[CPIO_FIELDS] = {
        [CPIO_INODE] = (unsigned)inode,
        [CPIO_MODE] = types[entry->kind] | (entry->mode & 07777),
        /* Files with more than one would be matched by inode. */
        [CPIO_LINKS] = entry->kind == OVERLAY_FOLDER ? 2 : 1,
        [CPIO_MTIME] = OVERLAY_MTIME,
        [CPIO_SIZE] = (unsigned)(link ? strlen(entry->link) : entry->content.size),
        [CPIO_NAME_SIZE] = (unsigned)strlen(entry->path) + 1,
    };
    cpio_put(out, start, entry->path, fields, link ? (const void *)entry->link : entry->content.data);
}

static void cpio_put_end(struct buf *out, size_t start)
{
    const unsigned fields[CPIO_FIELDS] = {[CPIO_LINKS] = 1, [CPIO_NAME_SIZE] = sizeof CPIO_END};
    cpio_put(out, start, CPIO_END, fields, NULL);
    cpio_pad(out, start, CPIO_BLOCK);
}

static int cpio_check(const struct overlay_entry *entry, struct error *err)
{
    const char *too_long = strlen(entry->path) > OVERLAY_CPIO_PATH_MAX                  ? "a path"
                           : entry->link && strlen(entry->link) > OVERLAY_CPIO_PATH_MAX ? "a link to a path"
                                                                                        : NULL;
    if (too_long)
        return error_set(err, "%.100s...: %s of more than %d bytes in the overlay: shorten it", entry->path,
                         too_long, OVERLAY_CPIO_PATH_MAX);
    if (strcmp(entry->path, CPIO_END) == 0)
        return error_set(err, "a file named " CPIO_END " would end the overlay there: rename it");
    if (entry->content.size > UINT32_MAX)
        return error_set(err, "%s: too large for an overlay", entry->path);
    return 0;
}

int overlay_cpio(const struct overlay_entry *entries, size_t count, struct buf *archive, struct error *err)
{
    size_t start = archive->size;
    for (size_t i = 0; i < count; i++) {
        if (cpio_check(&entries[i], err))
            return -1;
        cpio_put_entry(archive, start, &entries[i], i + 1);
    }
    cpio_put_end(archive, start);
    return archive->failed ? error_set(err, "out of memory for the overlay") : 0;
}
