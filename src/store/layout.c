#include "store/layout.h"

#include "base/cleanup.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LAYOUT_FILE     "oci-layout" /* OCI image-spec 1.0, image-layout.md */
#define LAYOUT_VERSION  "1.0.0"
#define LAYOUT_FILE_MAX 4096u
#define EMPTY_INDEX                                                                                          \
    "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[]}"

const char *layout_blob_path(const struct digest *digest, char out[static LAYOUT_BLOB_PATH_MAX])
{
    char hex[SHA256_HEX_SIZE];
    snprintf(out, LAYOUT_BLOB_PATH_MAX, LAYOUT_BLOBS "/%s", digest_format(digest, hex));
    return out;
}

static int folder_make(int at, const char *name, struct error *err)
{
    if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
        return error_errno(err, errno, "create the folder images/%s", name);
    return 0;
}

static bool exists(int at, const char *name)
{
    return faccessat(at, name, F_OK, 0) == 0;
}

static int blobs_empty(int images_fd, bool *empty, struct error *err)
{
    int fd = openat(images_fd, LAYOUT_BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return error_errno(err, code, "open images/" LAYOUT_BLOBS);
    }
    *empty = true;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            *empty = false;
    closedir(d);
    return 0;
}

/* Every step may have been done before, by us or by a run that was cut short. */
static int layout_create(struct store *store, struct error *err)
{
    int images = store->images_fd;
    cleanup_close int lock = -1;
    if (folder_make(images, "blobs", err) < 0 || folder_make(images, LAYOUT_BLOBS, err) < 0 ||
        layout_lock(store, &lock, err) < 0)
        return -1;
    static const char layout[] = "{\"imageLayoutVersion\":\"" LAYOUT_VERSION "\"}";
    if (!exists(images, LAYOUT_FILE) &&
        file_replace_at(images, LAYOUT_FILE, layout, strlen(layout), 0644, err) < 0)
        return -1;
    if (exists(images, LAYOUT_INDEX))
        return 0;
    /* An empty index over existing blobs would hand them all to the garbage collection. */
    bool empty = false;
    if (blobs_empty(images, &empty, err) < 0)
        return -1;
    if (!empty)
        return error_set(err,
                         "images/" LAYOUT_INDEX " is missing but images/" LAYOUT_BLOBS
                         " holds files: restore the index from a backup, or move the folder images away");
    return file_replace_at(images, LAYOUT_INDEX, EMPTY_INDEX, strlen(EMPTY_INDEX), 0644, err);
}

static int layout_check(int images_fd, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    if (file_read_at(images_fd, LAYOUT_FILE, LAYOUT_FILE_MAX, &text, err) < 0)
        return error_wrap(err, "images/ is no OCI image layout");
    json_t *root = json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
    const char *version = json_string_value(json_object_get(root, "imageLayoutVersion"));
    bool fine = version && strcmp(version, LAYOUT_VERSION) == 0;
    json_decref(root);
    return fine ? 0
                : error_set(err, "images/" LAYOUT_FILE " does not say imageLayoutVersion " LAYOUT_VERSION
                                 ", the only one this program knows");
}

/* Takes images_fd over, on failure too. */
static int store_of(int images_fd, bool writable, bool create, struct store **out, struct error *err)
{
    struct store *store = malloc(sizeof *store);
    if (!store) {
        close(images_fd);
        return error_errno(err, ENOMEM, "open the store");
    }
    *store = (struct store){.images_fd = images_fd, .writable = writable};
    if ((create && layout_create(store, err) < 0) || layout_check(images_fd, err) < 0) {
        store_close(store);
        return -1;
    }
    *out = store;
    return 0;
}

int store_open(int root_fd, bool create, struct store **out, struct error *err)
{
    *out = NULL;
    if (create && mkdirat(root_fd, "images", 0755) < 0 && errno != EEXIST)
        return error_errno(err, errno, "create the folder images");
    int fd = openat(root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        error_set(err, "there are no images here yet: import one with `bootherd image import SOURCE`");
        if (err)
            err->code = ENOENT;
        return -1;
    }
    if (fd < 0)
        return error_errno(err, errno, "open the folder images");
    return store_of(fd, true, create, out, err);
}

int store_open_images(int images_fd, struct store **out, struct error *err)
{
    *out = NULL;
    int fd = fcntl(images_fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        return error_errno(err, errno, "open the folder images");
    return store_of(fd, false, false, out, err);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    close(store->images_fd);
    free(store);
}

int layout_lock(struct store *store, int *fd_out, struct error *err)
{
    *fd_out = -1;
    if (!store->writable)
        return error_errno(err, EROFS, "change the store");
    cleanup_close int fd = openat(store->images_fd, LAYOUT_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return error_errno(err, errno, "open images/" LAYOUT_LOCK);
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_errno(err, errno, "lock images/" LAYOUT_LOCK);
    *fd_out = TAKE_FD(fd);
    return 0;
}

int store_blob_open(struct store *store, const struct digest *digest, int *fd_out, uint64_t *size,
                    struct error *err)
{
    char path[LAYOUT_BLOB_PATH_MAX];
    layout_blob_path(digest, path);
    cleanup_close int fd = openat(store->images_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return error_errno(err, errno, "open images/%s", path);
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "look at images/%s", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, "images/%s is no regular file", path);
    *size = (uint64_t)st.st_size;
    *fd_out = TAKE_FD(fd);
    return 0;
}

int store_file_open(struct store *store, const struct image_file *file, int *fd_out, struct error *err)
{
    cleanup_close int fd = -1;
    uint64_t size;
    char hex[SHA256_HEX_SIZE];
    struct error why;
    digest_format(&file->digest, hex);
    if (store_blob_open(store, &file->digest, &fd, &size, &why) < 0)
        return error_set(err, "%s: its blob sha256:%.12s %s%s; import the image again", file->name, hex,
                         why.code == ENOENT ? "is missing" : "cannot be read: ",
                         why.code == ENOENT ? ""
                         : why.code         ? strerror(why.code)
                                            : why.text);
    if (size != file->size)
        return error_set(err,
                         "%s: its blob sha256:%.12s has %llu bytes, expected %llu; import the image again",
                         file->name, hex, (unsigned long long)size, (unsigned long long)file->size);
    *fd_out = TAKE_FD(fd);
    return 0;
}

int store_files_check(struct store *store, const struct image *image, struct error *err)
{
    for (size_t i = 0; i < image->file_count; i++) {
        cleanup_close int fd = -1;
        if (store_file_open(store, &image->files[i], &fd, err) < 0)
            return -1;
    }
    return 0;
}

int layout_read_blob(struct store *store, const struct digest *digest, size_t limit, struct buf *out,
                     struct error *err)
{
    cleanup_close int fd = -1;
    uint64_t size;
    char path[LAYOUT_BLOB_PATH_MAX];
    layout_blob_path(digest, path);
    if (store_blob_open(store, digest, &fd, &size, err) < 0) {
        if (err && err->code == ENOENT) {
            error_set(err, "images/%s is missing; import the image again", path);
            err->code = ENOENT;
        }
        return -1;
    }
    if (file_read_all(fd, path, limit, out, err) < 0)
        return -1;
    struct digest actual;
    digest_of(out->data, out->size, &actual);
    if (!digest_equal(&actual, digest))
        return error_set(err, "images/%s is damaged: its content has another digest; import the image again",
                         path);
    return 0;
}

int layout_hash_fd(int fd, struct digest *out, void *ctx, void (*step)(void *ctx, size_t size),
                   struct error *err)
{
    struct hash *h = hash_new(HASH_SHA256);
    if (!h)
        return error_errno(err, ENOMEM, "hash a blob");
    char chunk[65536];
    ssize_t n;
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        hash_add(h, chunk, (size_t)n);
        if (step)
            step(ctx, (size_t)n);
    }
    int code = errno;
    hash_take(h, out->byte);
    hash_free(h);
    return n < 0 ? error_errno(err, code, "read a blob") : 0;
}

uint64_t store_generation(struct store *store)
{
    struct stat st;
    if (fstatat(store->images_fd, LAYOUT_INDEX, &st, 0) < 0)
        return 0;
    /* A rename brings a new inode; a number used again differs in its time of change. */
    uint64_t mixed = (uint64_t)st.st_ino * 0x9e3779b97f4a7c15u;
    mixed ^= (uint64_t)st.st_ctim.tv_sec * 1000000007u + (uint64_t)st.st_ctim.tv_nsec;
    return mixed ? mixed : 1;
}
