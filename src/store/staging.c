/* The folder in which an import builds its blobs, and the sink that fills it. */
#include "store/staging.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "store/layout.h"
#include "store/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

struct store_staging {
    int fd; /* borrowed */
    unsigned next;
};

struct staged_file {
    int fd;
    struct hash *hash;
    uint64_t size;
    char name[32]; /* while it grows; the digest's digits when finished */
};

int store_staging_make(struct store *store, int *fd_out, char name_out[static 64], struct error *err)
{
    *fd_out = -1;
    cleanup_close int lock = -1; /* so that no sweep comes between mkdir and flock */
    if (layout_lock(store, &lock, err) < 0)
        return -1;
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return error_errno(err, errno, "name a staging folder");
    snprintf(name_out, 64, LAYOUT_STAGING "%016llx", (unsigned long long)number);
    if (mkdirat(store->images_fd, name_out, 0700) < 0)
        return error_errno(err, errno, "create the folder images/%s", name_out);
    cleanup_close int fd = openat(store->images_fd, name_out, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int code = errno;
        unlinkat(store->images_fd, name_out, AT_REMOVEDIR);
        return error_errno(err, code, "open the folder images/%s", name_out);
    }
    *fd_out = TAKE_FD(fd);
    return 0;
}

int store_staging_open(int staging_fd, struct store_staging **out, struct error *err)
{
    *out = calloc(1, sizeof **out);
    if (!*out)
        return error_errno(err, ENOMEM, "open the staging folder");
    (*out)->fd = staging_fd;
    return 0;
}

void store_staging_close(struct store_staging *staging)
{
    free(staging);
}

/* --- the sink --- */

static void staged_free(struct staged_file *f)
{
    close(f->fd);
    hash_free(f->hash);
    free(f);
}

static int sink_begin(void *ctx, const char *name, void **file, struct error *err)
{
    struct store_staging *staging = ctx;
    struct staged_file *f = calloc(1, sizeof *f);
    if (!f || !(f->hash = hash_new(HASH_SHA256))) {
        free(f);
        return error_errno(err, ENOMEM, "store %s", name);
    }
    snprintf(f->name, sizeof f->name, "part.%u", ++staging->next);
    f->fd = openat(staging->fd, f->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (f->fd < 0) {
        int code = errno;
        hash_free(f->hash);
        free(f);
        return error_errno(err, code, "store %s", name);
    }
    *file = f;
    return 0;
}

static int sink_write(void *ctx, void *file, const void *bytes, size_t size, struct error *err)
{
    struct staged_file *f = file;
    hash_add(f->hash, bytes, size);
    f->size += size;
    return file_write_all(f->fd, bytes, size, err) < 0 ? error_wrap(err, "store an image's file") : 0;
}

static void sink_discard(void *ctx, void *file)
{
    struct store_staging *staging = ctx;
    struct staged_file *f = file;
    unlinkat(staging->fd, f->name, 0);
    staged_free(f);
}

static int sink_finish(void *ctx, void *file, struct digest *digest, uint64_t *size, struct error *err)
{
    struct store_staging *staging = ctx;
    struct staged_file *f = file;
    char hex[SHA256_HEX_SIZE];
    hash_take(f->hash, digest->byte);
    digest_format(digest, hex);
    *size = f->size;
    if (renameat(staging->fd, f->name, staging->fd, hex) < 0) {
        int code = errno;
        sink_discard(ctx, file);
        return error_errno(err, code, "name a stored file by its digest");
    }
    staged_free(f);
    return 0;
}

struct image_sink store_staging_sink(struct store_staging *staging)
{
    return (struct image_sink){
        .ctx = staging,
        .begin = sink_begin,
        .write = sink_write,
        .finish = sink_finish,
        .discard = sink_discard,
    };
}

/* --- sealing --- */

static int stage_text(struct store_staging *staging, const struct buf *text, const char *what,
                      struct digest *digest, struct error *err)
{
    void *file;
    uint64_t size;
    if (sink_begin(staging, what, &file, err) < 0)
        return -1;
    if (sink_write(staging, file, text->data, text->size, err) < 0) {
        sink_discard(staging, file);
        return -1;
    }
    return sink_finish(staging, file, digest, &size, err);
}

static int sync_blob(int staging_fd, const struct digest *digest, const char *name, uint64_t size,
                     struct error *err)
{
    char hex[SHA256_HEX_SIZE];
    cleanup_close int fd = openat(staging_fd, digest_format(digest, hex), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, errno, "%s is not in the staging folder", name);
    if ((uint64_t)st.st_size != size)
        return error_set(err, "%s has %lld bytes in the staging folder, expected %llu", name,
                         (long long)st.st_size, (unsigned long long)size);
    return fsync(fd) < 0 ? error_errno(err, errno, "write %s to disk", name) : 0;
}

int store_staging_seal(struct store_staging *staging, const struct image *image, struct digest *manifest,
                       struct error *err)
{
    cleanup_buf struct buf config = BUF_INIT, text = BUF_INIT;
    struct digest config_digest;
    if (manifest_format(image, &config, &text, err) < 0 ||
        stage_text(staging, &config, "the image's config", &config_digest, err) < 0 ||
        stage_text(staging, &text, "the image's manifest", manifest, err) < 0)
        return -1;
    for (size_t i = 0; i < image->file_count; i++) {
        const struct image_file *f = &image->files[i];
        if (sync_blob(staging->fd, &f->digest, f->name, f->size, err) < 0)
            return -1;
    }
    if (sync_blob(staging->fd, &config_digest, "the image's config", config.size, err) < 0 ||
        sync_blob(staging->fd, manifest, "the image's manifest", text.size, err) < 0)
        return -1;
    return fsync(staging->fd) < 0 ? error_errno(err, errno, "write the staging folder to disk") : 0;
}

/* --- removing --- */

bool staging_name_valid(const char *name)
{
    size_t prefix = strlen(LAYOUT_STAGING), length = strlen(name);
    return length > prefix && length < 64 && memcmp(name, LAYOUT_STAGING, prefix) == 0 &&
           strspn(name + prefix, "0123456789abcdef") == length - prefix;
}

/* The folder is flat: begin, finish and seal make nothing else. */
void store_staging_drop(struct store *store, const char *staging_name)
{
    if (!staging_name_valid(staging_name))
        return;
    int fd = openat(store->images_fd, staging_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    unlinkat(store->images_fd, staging_name, AT_REMOVEDIR);
}

static void sweep_one(struct store *store, const char *name)
{
    cleanup_close int fd = openat(store->images_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        store_staging_drop(store, name);
}

/* What file_replace_at leaves of index.json when a crash comes between its steps. */
static bool is_index_remains(const char *name)
{
    size_t length = strlen(name), tail = strlen(".tmp");
    return strncmp(name, LAYOUT_INDEX ".", strlen(LAYOUT_INDEX ".")) == 0 && length > tail &&
           strcmp(name + length - tail, ".tmp") == 0;
}

void staging_sweep(struct store *store, const char *keep)
{
    int fd = openat(store->images_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        if (fd >= 0)
            close(fd);
        return;
    }
    for (struct dirent *e; (e = readdir(d));) {
        if (is_index_remains(e->d_name))
            unlinkat(store->images_fd, e->d_name, 0);
        else if (staging_name_valid(e->d_name) && strcmp(e->d_name, keep) != 0)
            sweep_one(store, e->d_name);
    }
    closedir(d);
}
