/* From the staging folder into the store: blobs first, then the one rename that makes the image be there. */
#include "base/cleanup.h"
#include "base/file.h"
#include "store/gc.h"
#include "store/manifest.h"
#include "store/staging.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

struct publication {
    struct store *store;
    int staging_fd;
};

/* The process that filled the folder read hostile bytes: nothing it left is believed. */
static int open_staged(struct publication *p, const struct digest *digest, int *fd_out, uint64_t *size,
                       struct error *err)
{
    char hex[SHA256_HEX_SIZE];
    struct stat st;
    digest_format(digest, hex);
    cleanup_close int fd = openat(p->staging_fd, hex, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, errno, "open the staged blob %s", hex);
    if (!S_ISREG(st.st_mode))
        return error_set(err, "the staged blob %s is no regular file", hex);
    *size = (uint64_t)st.st_size;
    *fd_out = TAKE_FD(fd);
    return 0;
}

static int check_staged(int fd, const struct digest *digest, struct error *err)
{
    struct digest actual;
    char hex[SHA256_HEX_SIZE];
    if (layout_hash_fd(fd, &actual, NULL, NULL, err) < 0)
        return -1;
    if (!digest_equal(&actual, digest))
        return error_set(err, "the staged blob %s has another digest than its name says",
                         digest_format(digest, hex));
    return 0;
}

/* *staged says where the blob is: in the folder, or in the store already. */
static int check_blob(struct publication *p, const struct manifest_ref *ref, bool *staged, struct error *err)
{
    cleanup_close int fd = -1;
    uint64_t size;
    char hex[SHA256_HEX_SIZE];
    struct error first = {0};
    *staged = open_staged(p, &ref->digest, &fd, &size, &first) == 0;
    if (!*staged && first.code != ENOENT)
        return error_set(err, "%s", first.text);
    if (!*staged && store_blob_open(p->store, &ref->digest, &fd, &size, err) < 0)
        return error_wrap(err, "the image names a blob that is neither staged nor stored");
    if (size != ref->size)
        return error_set(err, "blob %s has %llu bytes, its manifest says %llu",
                         digest_format(&ref->digest, hex), (unsigned long long)size,
                         (unsigned long long)ref->size);
    return *staged ? check_staged(fd, &ref->digest, err) : 0;
}

/* A verified blob may take the place of one of the same name: by rename, so that readers keep what they have,
 * and a damaged one is healed. From now on it is ours and nobody's to write. */
static int move_blob(struct publication *p, const struct digest *digest, struct error *err)
{
    char hex[SHA256_HEX_SIZE], path[LAYOUT_BLOB_PATH_MAX];
    layout_blob_path(digest, path);
    if (fchownat(p->staging_fd, digest_format(digest, hex), geteuid(), getegid(), AT_SYMLINK_NOFOLLOW) < 0 ||
        fchmodat(p->staging_fd, hex, 0444, 0) < 0 ||
        renameat(p->staging_fd, hex, p->store->images_fd, path) < 0)
        return error_errno(err, errno, "move a staged blob to images/%s", path);
    return 0;
}

static int take_blob(struct publication *p, const struct manifest_ref *ref, struct error *err)
{
    bool staged;
    if (check_blob(p, ref, &staged, err) < 0)
        return -1;
    return staged ? move_blob(p, &ref->digest, err) : 0;
}

static int read_staged(struct publication *p, const struct digest *digest, struct buf *out, struct error *err)
{
    cleanup_close int fd = -1;
    uint64_t size;
    return open_staged(p, digest, &fd, &size, err) < 0
               ? -1
               : file_read_all(fd, "a staged blob", MANIFEST_SIZE_MAX, out, err);
}

/* Manifest and config must be an image of ours before any blob moves. The config is the first reference. */
static int read_refs(struct publication *p, const struct digest *manifest, struct manifest_ref **refs,
                     size_t *count, uint64_t *manifest_size, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT, config = BUF_INIT;
    struct image *image = NULL;
    if (read_staged(p, manifest, &text, err) < 0 || manifest_refs(buf_slice(&text), refs, count, err) < 0 ||
        (*count && read_staged(p, &(*refs)[0].digest, &config, err) < 0) ||
        manifest_parse(buf_slice(&text), buf_slice(&config), &image, err) < 0)
        return error_wrap(err, "the staged image");
    image_free(image);
    *manifest_size = text.size;
    return 0;
}

static int sync_blobs(struct store *store, struct error *err)
{
    cleanup_close int fd = openat(store->images_fd, LAYOUT_BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) < 0)
        return error_errno(err, errno, "write the folder images/" LAYOUT_BLOBS " to disk");
    return 0;
}

static int publish(struct publication *p, json_t *root, const char *name, const struct digest *manifest,
                   struct error *err)
{
    cleanup_free struct manifest_ref *refs = NULL;
    size_t count;
    struct manifest_ref self = {.digest = *manifest};
    if (read_refs(p, manifest, &refs, &count, &self.size, err) < 0)
        return -1;
    /* A file may be in an image twice: its blob is staged for the first reference, stored for the second. */
    for (size_t i = 0; i < count; i++)
        if (take_blob(p, &refs[i], err) < 0)
            return -1;
    if (take_blob(p, &self, err) < 0 || sync_blobs(p->store, err) < 0 ||
        index_set(root, name, manifest, self.size, err) < 0)
        return -1;
    return index_write(p->store, root, err);
}

/* What a failed publication moved is garbage, and so is what only the name's old image used. Garbage that
 * cannot be deleted now harms nobody and waits for the next collection, so its error is not this call's. */
static void collect(struct store *store)
{
    json_t *root;
    if (index_read(store, &root, NULL) < 0)
        return;
    gc_collect(store, root, NULL, NULL);
    json_decref(root);
}

static int publish_locked(struct store *store, const char *staging_name, const char *name,
                          const struct digest *manifest, struct error *err)
{
    cleanup_close int fd =
        openat(store->images_fd, staging_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, errno, "open the folder images/%s", staging_name);
    json_t *root;
    if (index_read(store, &root, err) < 0)
        return -1;
    struct publication p = {.store = store, .staging_fd = fd};
    int result = publish(&p, root, name, manifest, err);
    json_decref(root);
    return result;
}

int store_publish(struct store *store, const char *staging_name, const char *name,
                  const struct digest *manifest, struct error *err)
{
    cleanup_close int lock = -1;
    if (!staging_name_valid(staging_name))
        return error_set(err, "'%.80s' is no name of a staging folder", staging_name);
    if (!image_name_valid(name, err) || layout_lock(store, &lock, err) < 0) {
        store_staging_drop(store, staging_name);
        return -1;
    }
    staging_sweep(store, staging_name);
    int result = publish_locked(store, staging_name, name, manifest, err);
    collect(store);
    store_staging_drop(store, staging_name);
    return result;
}
