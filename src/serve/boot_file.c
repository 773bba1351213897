#include "serve/boot_file.h"

#include "base/hash.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct boot_file *boot_file_ref(struct boot_file *file)
{
    file->references++;
    return file;
}

void boot_file_unref(struct boot_file *file)
{
    if (file && --file->references == 0)
        file->release(file);
}

static void bytes_release(struct boot_file *file)
{
    free(file->owner);
    free(file);
}

static void fd_release(struct boot_file *file)
{
    close(file->fd);
    free(file);
}

void boot_file_tag(struct boot_file *file, const struct digest *digest)
{
    char hex[SHA256_HEX_SIZE];
    snprintf(file->etag, sizeof file->etag, "\"%.16s\"", digest_format(digest, hex));
}

struct boot_file *boot_file_from_bytes(const void *data, size_t size)
{
    struct boot_file *file = calloc(1, sizeof *file);
    uint8_t *copy = malloc(size ? size : 1);
    if (!file || !copy) {
        free(file);
        free(copy);
        return NULL;
    }
    if (size)
        memcpy(copy, data, size);
    *file = (struct boot_file){
        .references = 1, .fd = -1, .data = copy, .size = size, .release = bytes_release, .owner = copy};
    struct digest digest;
    digest_of(copy, size, &digest);
    boot_file_tag(file, &digest);
    return file;
}

struct boot_file *boot_file_from_fd(int fd, uint64_t size)
{
    struct boot_file *file = calloc(1, sizeof *file);
    if (!file) {
        close(fd);
        return NULL;
    }
    *file = (struct boot_file){.references = 1, .fd = fd, .size = size, .release = fd_release};
    return file;
}

static void pieces_release(struct boot_file *file)
{
    for (size_t i = 0; i < file->piece_count; i++)
        boot_file_unref(file->pieces[i].file);
    free(file->pieces);
    free(file);
}

/* The list of what lies where decides the bytes, so its digest is their tag. */
static void pieces_tag(struct boot_file *file)
{
    cleanup_buf struct buf list = BUF_INIT;
    buf_format(&list, "%" PRIu64 "\n", file->size);
    for (size_t i = 0; i < file->piece_count; i++) {
        const struct boot_piece *p = &file->pieces[i];
        if (!*p->file->etag)
            return;
        buf_format(&list, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %s\n", p->at, p->size, p->offset,
                   p->file->etag);
    }
    if (list.failed)
        return;
    struct digest digest;
    digest_of(list.data, list.size, &digest);
    boot_file_tag(file, &digest);
}

struct boot_file *boot_file_compose(const struct boot_piece *pieces, size_t count, uint64_t size)
{
    struct boot_file *file = calloc(1, sizeof *file);
    struct boot_piece *copy = calloc(count ? count : 1, sizeof *copy);
    if (!file || !copy) {
        free(file);
        free(copy);
        for (size_t i = 0; i < count; i++)
            boot_file_unref(pieces[i].file);
        return NULL;
    }
    uint64_t end = 0;
    for (size_t i = 0; i < count; i++) {
        copy[i] = pieces[i];
        assert(copy[i].at >= end && copy[i].at <= size && copy[i].size <= size - copy[i].at);
        assert(copy[i].offset <= copy[i].file->size && copy[i].size <= copy[i].file->size - copy[i].offset);
        end = copy[i].at + copy[i].size;
    }
    *file = (struct boot_file){.references = 1,
                               .fd = -1,
                               .pieces = copy,
                               .piece_count = count,
                               .size = size,
                               .release = pieces_release};
    pieces_tag(file);
    return file;
}

static ssize_t fd_read(const struct boot_file *file, uint64_t offset, uint8_t *out, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(file->fd, out + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        done += (size_t)n;
    }
    return (ssize_t)done;
}

/* The first piece that ends behind `offset`; piece_count when there is none. */
static size_t piece_find(const struct boot_file *file, uint64_t offset)
{
    size_t low = 0, high = file->piece_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (file->pieces[middle].at + file->pieces[middle].size > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static size_t at_most(size_t size, uint64_t limit)
{
    return size < limit ? size : (size_t)limit;
}

static ssize_t pieces_read(const struct boot_file *file, uint64_t offset, uint8_t *out, size_t size)
{
    size_t done = 0;
    for (size_t i = piece_find(file, offset); done < size; i++) {
        const struct boot_piece *p = i < file->piece_count ? &file->pieces[i] : NULL;
        uint64_t at = offset + done;
        if (!p || at < p->at) {
            size_t zeros = at_most(size - done, (p ? p->at : file->size) - at);
            memset(out + done, 0, zeros);
            done += zeros;
            at += zeros;
        }
        if (!p || done == size)
            break;
        size_t wanted = at_most(size - done, p->at + p->size - at);
        ssize_t n = boot_file_read(p->file, p->offset + (at - p->at), out + done, wanted);
        if (n < 0)
            return -1;
        done += (size_t)n;
        if ((size_t)n < wanted)
            break;
    }
    return (ssize_t)done;
}

ssize_t boot_file_read(const struct boot_file *file, uint64_t offset, void *out, size_t size)
{
    if (offset >= file->size)
        return 0;
    size = at_most(size, file->size - offset);
    if (file->pieces)
        return pieces_read(file, offset, out, size);
    if (file->fd >= 0)
        return fd_read(file, offset, out, size);
    memcpy(out, file->data + offset, size);
    return (ssize_t)size;
}

const uint8_t *boot_file_view(const struct boot_file *file, uint64_t offset, size_t size, uint8_t *scratch)
{
    if (file->data && offset <= file->size && size <= file->size - offset)
        return file->data + offset;
    ssize_t n = boot_file_read(file, offset, scratch, size);
    if (n >= 0 && (size_t)n < size)
        errno = ENODATA;
    return n < 0 || (size_t)n < size ? NULL : scratch;
}

/* One component of a path is ".." and nothing else. */
static bool is_parent(const char *component, size_t size)
{
    return size == 2 && component[0] == '.' && component[1] == '.';
}

bool boot_path_clean(const char *asked, size_t size, char out[static BOOT_PATH_MAX])
{
    size_t used = 0;
    size_t component = 0; /* where in out the current component starts */
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)asked[i];
        if (c < 0x20 || c == 0x7f)
            return false;
        if (c == '/' && (used == 0 || out[used - 1] == '/'))
            continue;
        if (c == '/' && is_parent(out + component, used - component))
            return false;
        if (used + 1 >= BOOT_PATH_MAX)
            return false;
        out[used++] = (char)c;
        if (c == '/')
            component = used;
    }
    out[used] = 0;
    return !is_parent(out + component, used - component);
}
