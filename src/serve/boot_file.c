#include "serve/boot_file.h"

#include "base/hash.h"

#include <errno.h>
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

ssize_t boot_file_read(const struct boot_file *file, uint64_t offset, void *out, size_t size)
{
    if (offset >= file->size)
        return 0;
    if (size > file->size - offset)
        size = (size_t)(file->size - offset);
    if (file->fd < 0) {
        memcpy(out, file->data + offset, size);
        return (ssize_t)size;
    }
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(file->fd, (uint8_t *)out + done, size - done, (off_t)(offset + done));
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
