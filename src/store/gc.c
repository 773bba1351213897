#include "store/gc.h"

#include "base/cleanup.h"
#include "store/manifest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#define NESTING_MAX 4 /* an index in an index in ...; skopeo writes one level */

struct digest_set {
    struct digest *list; /* owned */
    size_t count, capacity;
};

static int set_add(struct digest_set *set, const struct digest *digest, struct error *err)
{
    if (set->count == set->capacity) {
        size_t capacity = set->capacity ? set->capacity * 2 : 256;
        struct digest *grown = reallocarray(set->list, capacity, sizeof *grown);
        if (!grown)
            return error_errno(err, ENOMEM, "collect garbage");
        set->list = grown;
        set->capacity = capacity;
    }
    set->list[set->count++] = *digest;
    return 0;
}

static int by_digest(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct digest));
}

static int mark(struct store *store, struct digest_set *set, const struct digest *manifest, unsigned depth,
                struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    cleanup_free struct manifest_ref *refs = NULL;
    size_t count;
    if (depth > NESTING_MAX)
        return error_set(err, "indexes lie in indexes more than %d deep", NESTING_MAX);
    if (set_add(set, manifest, err) < 0 ||
        layout_read_blob(store, manifest, MANIFEST_SIZE_MAX, &text, err) < 0 ||
        manifest_refs(buf_slice(&text), &refs, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if ((refs[i].nested ? mark(store, set, &refs[i].digest, depth + 1, err)
                            : set_add(set, &refs[i].digest, err)) < 0)
            return -1;
    return 0;
}

static int mark_all(struct store *store, const json_t *root, struct digest_set *set, struct error *err)
{
    json_t *manifests = json_object_get(root, "manifests");
    for (size_t i = 0; i < json_array_size(manifests); i++) {
        struct digest digest;
        if (index_digest(json_array_get(manifests, i), &digest) < 0)
            return error_set(err, "manifest %zu of images/" LAYOUT_INDEX " has no sha256 digest", i + 1);
        if (mark(store, set, &digest, 1, err) < 0)
            return -1;
    }
    if (set->count)
        qsort(set->list, set->count, sizeof *set->list, by_digest);
    return 0;
}

static int delete_unmarked(struct store *store, const struct digest_set *set, uint64_t *freed,
                           struct error *err)
{
    int fd = openat(store->images_fd, LAYOUT_BLOBS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        int code = errno;
        if (fd >= 0)
            close(fd);
        return error_errno(err, code, "open images/" LAYOUT_BLOBS);
    }
    int result = 0;
    for (struct dirent *e; result == 0 && (e = readdir(d));) {
        struct digest digest;
        struct stat st;
        if (!digest_parse(e->d_name, &digest) ||
            (set->count && bsearch(&digest, set->list, set->count, sizeof digest, by_digest)))
            continue;
        if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
            unlinkat(dirfd(d), e->d_name, 0) < 0)
            result = error_errno(err, errno, "delete images/" LAYOUT_BLOBS "/%s", e->d_name);
        else
            *freed += (uint64_t)st.st_size;
    }
    closedir(d);
    return result;
}

int gc_collect(struct store *store, const json_t *root, uint64_t *freed, struct error *err)
{
    uint64_t bytes = 0;
    struct digest_set set = {0};
    int result = mark_all(store, root, &set, err);
    if (result < 0)
        error_wrap(err, "unused blobs were not deleted");
    else
        result = delete_unmarked(store, &set, &bytes, err);
    free(set.list);
    if (freed)
        *freed = bytes;
    return result;
}

int store_remove(struct store *store, const char *name, uint64_t *freed, struct error *err)
{
    cleanup_close int lock = -1;
    json_t *root;
    if (freed)
        *freed = 0;
    if (layout_lock(store, &lock, err) < 0 || index_read(store, &root, err) < 0)
        return -1;
    int result;
    if (!index_drop(root, name)) {
        result =
            error_set(err, "there is no image '%.80s': `bootherd image list` names those that are", name);
        if (err)
            err->code = ENOENT;
    } else {
        result = index_write(store, root, err);
    }
    if (result == 0 && gc_collect(store, root, freed, err) < 0)
        result = error_wrap(err, "%s was removed", name);
    json_decref(root);
    return result;
}
