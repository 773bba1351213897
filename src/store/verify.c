#include "base/cleanup.h"
#include "store/layout.h"
#include "store/manifest.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#define FILE_SHOWN_MAX 80 /* enough for any boot file's name; longer ones are cut */

struct verify_blob {
    struct manifest_ref ref;
    const struct store_entry *entry; /* one that names it; borrowed */
};

struct verify {
    struct store *store;
    void *ctx;
    void (*found)(void *ctx, const struct store_problem *problem);
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    struct verify_blob *blobs; /* owned */
    size_t count;
    uint64_t done, total; /* bytes */
    int problems;
};

static void __attribute__((format(printf, 3, 4)))
problem(struct verify *v, const struct store_entry *entry, const char *format, ...)
{
    struct store_problem p;
    int n = snprintf(p.text, sizeof p.text, "%s: ", entry->name);
    va_list args;
    va_start(args, format);
    vsnprintf(p.text + n, sizeof p.text - (size_t)n, format, args);
    va_end(args);
    v->problems++;
    if (v->found)
        v->found(v->ctx, &p);
}

static int add_blobs(struct verify *v, const struct store_entry *entry, const struct manifest_ref *refs,
                     size_t count, struct error *err)
{
    struct verify_blob *grown = reallocarray(v->blobs, v->count + count + 1, sizeof *grown);
    if (!grown)
        return error_errno(err, ENOMEM, "verify the images");
    v->blobs = grown;
    for (size_t i = 0; i < count; i++)
        v->blobs[v->count++] = (struct verify_blob){.ref = refs[i], .entry = entry};
    return 0;
}

/* An image that was removed while we look is no problem; one that is still named is. */
static bool still_there(struct verify *v, const struct store_entry *entry)
{
    struct store_entry now;
    return store_find(v->store, entry->name, &now, NULL) == 0 &&
           digest_equal(&now.manifest, &entry->manifest);
}

static int verify_manifest(struct verify *v, const struct store_entry *entry, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    cleanup_free struct manifest_ref *refs = NULL;
    size_t count = 0;
    struct image *image = NULL;
    struct error what = {0};
    if (store_load(v->store, &entry->manifest, &image, &what) < 0 ||
        layout_read_blob(v->store, &entry->manifest, MANIFEST_SIZE_MAX, &text, &what) < 0 ||
        manifest_refs(buf_slice(&text), &refs, &count, &what) < 0) {
        if (still_there(v, entry))
            problem(v, entry, "%s", what.text);
        count = 0;
    }
    image_free(image);
    return add_blobs(v, entry, refs, count, err);
}

static int by_digest(const void *a, const void *b)
{
    const struct verify_blob *x = a, *y = b;
    return memcmp(&x->ref.digest, &y->ref.digest, sizeof x->ref.digest);
}

static void each_once(struct verify *v)
{
    size_t kept = 0;
    if (v->count)
        qsort(v->blobs, v->count, sizeof *v->blobs, by_digest);
    for (size_t i = 0; i < v->count; i++)
        if (!kept || by_digest(&v->blobs[kept - 1], &v->blobs[i]) != 0)
            v->blobs[kept++] = v->blobs[i];
    v->count = kept;
    for (size_t i = 0; i < v->count; i++)
        v->total += v->blobs[i].ref.size;
}

static void hashed(void *ctx, size_t size)
{
    struct verify *v = ctx;
    v->done += size;
    if (v->progress)
        v->progress(v->ctx, v->done, v->total);
}

/* " (sys.vgz)": what the image calls the blob; "" for its manifest and config. The rare case, so it loads
 * again. */
static void format_file(const struct verify *v, const struct verify_blob *blob, char out[FILE_SHOWN_MAX])
{
    struct image *image = NULL;
    out[0] = 0;
    if (store_load(v->store, &blob->entry->manifest, &image, NULL) < 0)
        return;
    for (size_t i = 0; i < image->file_count; i++)
        if (digest_equal(&image->files[i].digest, &blob->ref.digest)) {
            snprintf(out, FILE_SHOWN_MAX, " (%s)", image->files[i].name);
            break;
        }
    image_free(image);
}

static void verify_blob(struct verify *v, const struct verify_blob *blob)
{
    char file[FILE_SHOWN_MAX];
    cleanup_close int fd = -1;
    uint64_t size;
    char path[LAYOUT_BLOB_PATH_MAX];
    struct digest actual;
    struct error what = {0};
    layout_blob_path(&blob->ref.digest, path);
    if (store_blob_open(v->store, &blob->ref.digest, &fd, &size, &what) < 0) {
        if (what.code != ENOENT || still_there(v, blob->entry)) {
            format_file(v, blob, file);
            problem(v, blob->entry, "%s%s; import the image again", what.text, file);
        }
    } else if (size != blob->ref.size) {
        format_file(v, blob, file);
        problem(v, blob->entry, "images/%s has %llu bytes, expected %llu%s; import the image again", path,
                (unsigned long long)size, (unsigned long long)blob->ref.size, file);
    } else if (layout_hash_fd(fd, &actual, v, hashed, &what) < 0) {
        problem(v, blob->entry, "images/%s: %s", path, what.text);
    } else if (!digest_equal(&actual, &blob->ref.digest)) {
        format_file(v, blob, file);
        problem(v, blob->entry,
                "images/%s is damaged%s: its content has another digest; import the image again", path, file);
    }
}

static int verify_entries(struct verify *v, const struct store_entry *entries, size_t count,
                          struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (verify_manifest(v, &entries[i], err) < 0)
            return -1;
    each_once(v);
    for (size_t i = 0; i < v->count; i++)
        verify_blob(v, &v->blobs[i]);
    return v->problems;
}

int store_verify(struct store *store, const char *ref, void *ctx,
                 void (*found)(void *ctx, const struct store_problem *problem),
                 void (*progress)(void *ctx, uint64_t done, uint64_t total), struct error *err)
{
    cleanup_free struct store_entry *list = NULL;
    struct store_entry one;
    size_t count = 1;
    if ((ref ? store_find(store, ref, &one, err) : store_list(store, &list, &count, err)) < 0)
        return -1;
    struct verify v = {.store = store, .ctx = ctx, .found = found, .progress = progress};
    int result = verify_entries(&v, ref ? &one : list, count, err);
    free(v.blobs);
    return result;
}
