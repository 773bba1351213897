#include "render/overlay_tar.h"

#include <stdio.h>
#include <string.h>
#define ZLIB_CONST /* next_in is const */
#include <zlib.h>

#define TAR_BLOCK 512u

/*
 * What a few kilobytes need and no more: with zlib's usual 256 KiB a thousand machines that boot at once
 * would wait for memory that is made ready and given back, and its usual level takes twice the time for a
 * tenth of 1.5 KB.
 */
#define TAR_WINDOW 13 /* bits */
#define TAR_GZIP   16 /* added to the window: one gzip member around it */
#define TAR_MEMORY 6  /* of 9 */

/* POSIX.1-1988 ustar header; numbers are octal text. */
struct tar_header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char link[100];
    char magic[6];
    char version[2];
    char uname[32];
    char gname[32];
    char device_major[8];
    char device_minor[8];
    char prefix[155];
    char rest[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "ustar header");

struct tar_stream {
    z_stream z;
    struct buf *out;
};

static int tar_deflate(struct tar_stream *stream, const void *data, size_t size, int flush)
{
    uint8_t chunk[16384];
    stream->z.next_in = data;
    stream->z.avail_in = (unsigned)size;
    do {
        stream->z.next_out = chunk;
        stream->z.avail_out = sizeof chunk;
        if (deflate(&stream->z, flush) == Z_STREAM_ERROR)
            return -1;
        buf_append(stream->out, chunk, sizeof chunk - stream->z.avail_out);
    } while (stream->z.avail_out == 0);
    return 0;
}

static int tar_fill_header(const struct overlay_entry *entry, struct tar_header *header, struct error *err)
{
    memset(header, 0, sizeof *header);
    bool folder = entry->kind == OVERLAY_FOLDER;
    size_t size = strlen(entry->path) + folder;
    if (size > OVERLAY_NAME_MAX)
        return error_set(err, "%s: a path of %zu bytes in the overlay; at most %d are possible: shorten it",
                         entry->path, size, OVERLAY_NAME_MAX);
    if (entry->link && strlen(entry->link) > OVERLAY_NAME_MAX)
        return error_set(err, "%s: a link to a path of %zu bytes; at most %d are possible: shorten it",
                         entry->path, strlen(entry->link), OVERLAY_NAME_MAX);
    /* The fields may be filled to their last byte, without a NUL. */
    memcpy(header->name, entry->path, strlen(entry->path));
    if (folder)
        header->name[size - 1] = '/';
    if (entry->link)
        memcpy(header->link, entry->link, strlen(entry->link));
    snprintf(header->mode, sizeof header->mode, "%07o", entry->mode & 07777);
    snprintf(header->uid, sizeof header->uid, "%07o", 0u);
    snprintf(header->gid, sizeof header->gid, "%07o", 0u);
    snprintf(header->size, sizeof header->size, "%011o", (unsigned)entry->content.size);
    snprintf(header->mtime, sizeof header->mtime, "%011o", OVERLAY_MTIME);
    static const char types[] = {[OVERLAY_FILE] = '0', [OVERLAY_LINK] = '2', [OVERLAY_FOLDER] = '5'};
    header->type = types[entry->kind];
    memcpy(header->magic, "ustar", 6);
    memcpy(header->version, "00", 2);
    memcpy(header->uname, "root", 4);
    memcpy(header->gname, "root", 4);

    unsigned sum = 0;
    memset(header->checksum, ' ', sizeof header->checksum);
    for (size_t i = 0; i < sizeof *header; i++)
        sum += ((const uint8_t *)header)[i];
    snprintf(header->checksum, 7, "%06o", sum); /* six digits, NUL, and the blank that is there */
    return 0;
}

static int tar_put_entry(struct tar_stream *stream, const struct overlay_entry *entry, struct error *err)
{
    static const uint8_t zeros[TAR_BLOCK];
    struct tar_header header;
    if (tar_fill_header(entry, &header, err))
        return -1;
    size_t padding = (TAR_BLOCK - entry->content.size % TAR_BLOCK) % TAR_BLOCK;
    if (tar_deflate(stream, &header, sizeof header, Z_NO_FLUSH) ||
        tar_deflate(stream, entry->content.data, entry->content.size, Z_NO_FLUSH) ||
        tar_deflate(stream, zeros, padding, Z_NO_FLUSH))
        return error_set(err, "%s: zlib failed", entry->path);
    return 0;
}

int overlay_tar(const struct overlay_entry *entries, size_t count, struct buf *archive, struct error *err)
{
    static const uint8_t end[2 * TAR_BLOCK];
    struct tar_stream stream = {.out = archive};
    /* zlib's own gzip header has mtime 0 and no name. */
    if (deflateInit2(&stream.z, Z_BEST_SPEED, Z_DEFLATED, TAR_WINDOW + TAR_GZIP, TAR_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
        return error_set(err, "out of memory for the overlay");
    int result = 0;
    for (size_t i = 0; i < count && !result; i++)
        result = tar_put_entry(&stream, &entries[i], err);
    if (!result && tar_deflate(&stream, end, sizeof end, Z_FINISH))
        result = error_set(err, "the end of the overlay: zlib failed");
    deflateEnd(&stream.z);
    if (!result && archive->failed)
        result = error_set(err, "out of memory for the overlay");
    return result;
}
