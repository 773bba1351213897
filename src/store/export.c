#include "base/cleanup.h"
#include "base/file.h"
#include "store/layout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

static int check_empty(int dir_fd, struct error *err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return error_errno(err, code, "open the folder to export to");
    }
    int result = 0;
    for (struct dirent *e; result == 0 && (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            result =
                error_set(err, "the folder to export to is not empty (it holds %s): name another", e->d_name);
    closedir(d);
    return result;
}

/* "a/b/c" needs a and a/b. Names are clean (image_check), and the folder was empty. */
static int make_parents(int dir_fd, const char *name, struct error *err)
{
    char path[IMAGE_FILE_NAME_MAX];
    for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
        memcpy(path, name, (size_t)(slash - name));
        path[slash - name] = 0;
        if (mkdirat(dir_fd, path, 0755) < 0 && errno != EEXIST)
            return error_errno(err, errno, "create the folder %s", path);
    }
    return 0;
}

static int copy_bytes(int from, int to, struct hash *h, struct error *err)
{
    char chunk[65536];
    ssize_t n;
    while ((n = read(from, chunk, sizeof chunk)) > 0) {
        hash_add(h, chunk, (size_t)n);
        if (file_write_all(to, chunk, (size_t)n, err) < 0)
            return -1;
    }
    return n < 0 ? error_errno(err, errno, "read its blob") : 0;
}

static int copy_checked(int from, int to, const struct digest *expected, struct error *err)
{
    struct digest actual;
    struct hash *h = hash_new(HASH_SHA256);
    if (!h)
        return error_errno(err, ENOMEM, "hash it");
    int result = copy_bytes(from, to, h, err);
    hash_take(h, actual.byte);
    hash_free(h);
    if (result == 0 && !digest_equal(&actual, expected))
        return error_set(err, "its blob is damaged: import the image again");
    return result;
}

static int export_file(struct store *store, const struct image_file *f, int dir_fd, struct error *err)
{
    cleanup_close int from = -1;
    uint64_t size;
    if (store_blob_open(store, &f->digest, &from, &size, err) < 0 || make_parents(dir_fd, f->name, err) < 0)
        return -1;
    cleanup_close int to =
        openat(dir_fd, f->name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (to < 0)
        return error_errno(err, errno, "create it");
    if (copy_checked(from, to, &f->digest, err) < 0) {
        unlinkat(dir_fd, f->name, 0); /* no half or wrong file may look like a good one */
        return -1;
    }
    return 0;
}

int store_export(struct store *store, const char *ref, int dir_fd, struct error *err)
{
    struct store_entry entry;
    struct image *image;
    if (store_find(store, ref, &entry, err) < 0 || store_load(store, &entry.manifest, &image, err) < 0)
        return -1;
    int result = check_empty(dir_fd, err);
    for (size_t i = 0; result == 0 && i < image->file_count; i++)
        if (export_file(store, &image->files[i], dir_fd, err) < 0)
            result = error_wrap(err, "export %s", image->files[i].name);
    image_free(image);
    return result;
}
