#include "base/cleanup.h"
#include "store/layout.h"
#include "store/manifest.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX    8  /* beside the caller's; disks are the limit before that many cores */
#define FILE_SHOWN_MAX 80 /* enough for any boot file's name; longer ones are cut */

enum blob_state {
    BLOB_SOUND,
    BLOB_CLOSED, /* cannot be opened: `why` */
    BLOB_OTHER_SIZE,
    BLOB_UNREADABLE, /* `why` */
    BLOB_DAMAGED,
};

struct verify_blob {
    struct manifest_ref ref;
    const struct store_entry *entry; /* one that names it; borrowed */
    enum blob_state state;
    uint64_t size;     /* as found */
    struct error *why; /* owned; NULL while there is none, or memory has run out */
};

struct verify {
    struct store *store;
    void *ctx;
    void (*found)(void *ctx, const struct store_problem *problem);
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    struct verify_blob *blobs; /* owned */
    size_t count;
    uint64_t total; /* bytes */
    int problems;

    /* Threads share these: */
    pthread_mutex_t lock;
    size_t next;   /* blob that nobody has taken */
    uint64_t done; /* bytes */
};

/* Who reads blobs: the caller, who also tells progress, and threads. */
struct verify_reader {
    struct verify *v;
    bool tells;
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

/* The largest first: then no core is left with one alone at the end. */
static int by_size(const void *a, const void *b)
{
    const struct verify_blob *x = a, *y = b;
    return x->ref.size == y->ref.size ? by_digest(a, b) : x->ref.size < y->ref.size ? 1 : -1;
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
    if (v->count)
        qsort(v->blobs, v->count, sizeof *v->blobs, by_size);
    for (size_t i = 0; i < v->count; i++)
        v->total += v->blobs[i].ref.size;
}

/* --- reading, by several at once --- */

static void hashed(void *ctx, size_t size)
{
    struct verify_reader *r = ctx;
    pthread_mutex_lock(&r->v->lock);
    uint64_t done = r->v->done += size;
    pthread_mutex_unlock(&r->v->lock);
    if (r->tells && r->v->progress)
        r->v->progress(r->v->ctx, done, r->v->total);
}

static enum blob_state read_blob(struct verify_reader *r, struct verify_blob *blob, struct error *why)
{
    cleanup_close int fd = -1;
    struct digest actual;
    if (store_blob_open(r->v->store, &blob->ref.digest, &fd, &blob->size, why) < 0)
        return BLOB_CLOSED;
    if (blob->size != blob->ref.size)
        return BLOB_OTHER_SIZE;
    if (layout_hash_fd(fd, &actual, r, hashed, why) < 0)
        return BLOB_UNREADABLE;
    return digest_equal(&actual, &blob->ref.digest) ? BLOB_SOUND : BLOB_DAMAGED;
}

static struct verify_blob *next_blob(struct verify *v)
{
    pthread_mutex_lock(&v->lock);
    struct verify_blob *blob = v->next < v->count ? &v->blobs[v->next++] : NULL;
    pthread_mutex_unlock(&v->lock);
    return blob;
}

static void *read_blobs(void *reader)
{
    struct verify_blob *blob;
    struct verify_reader *r = reader;
    while ((blob = next_blob(r->v))) {
        struct error why = {0};
        blob->state = read_blob(r, blob, &why);
        if (why.text[0] && (blob->why = malloc(sizeof why)))
            *blob->why = why;
    }
    return NULL;
}

static void read_all(struct verify *v)
{
    pthread_t thread[THREADS_MAX];
    struct verify_reader caller = {v, true}, others = {v, false};
    cpu_set_t set;
    unsigned cores = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1, started = 0;
    pthread_mutex_init(&v->lock, NULL);
    while (started + 1 < cores && started + 1 < v->count && started < THREADS_MAX &&
           pthread_create(&thread[started], NULL, read_blobs, &others) == 0)
        started++;
    read_blobs(&caller);
    while (started)
        pthread_join(thread[--started], NULL);
    pthread_mutex_destroy(&v->lock);
    if (v->progress && v->total)
        v->progress(v->ctx, v->total, v->total);
}

/* --- telling --- */

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

static void tell_blob(struct verify *v, const struct verify_blob *blob)
{
    char file[FILE_SHOWN_MAX], path[LAYOUT_BLOB_PATH_MAX];
    const char *why = blob->why ? blob->why->text : "unreadable";
    bool gone = blob->state == BLOB_CLOSED && blob->why && blob->why->code == ENOENT;
    if (blob->state == BLOB_SOUND || (gone && !still_there(v, blob->entry)))
        return;
    layout_blob_path(&blob->ref.digest, path);
    format_file(v, blob, file);
    if (blob->state == BLOB_CLOSED)
        problem(v, blob->entry, "%s%s; import the image again", why, file);
    else if (blob->state == BLOB_OTHER_SIZE)
        problem(v, blob->entry, "images/%s has %llu bytes, expected %llu%s; import the image again", path,
                (unsigned long long)blob->size, (unsigned long long)blob->ref.size, file);
    else if (blob->state == BLOB_UNREADABLE)
        problem(v, blob->entry, "images/%s: %s", path, why);
    else
        problem(v, blob->entry,
                "images/%s is damaged%s: its content has another digest; import the image again", path, file);
}

static int verify_entries(struct verify *v, const struct store_entry *entries, size_t count,
                          struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (verify_manifest(v, &entries[i], err) < 0)
            return -1;
    each_once(v);
    read_all(v);
    for (size_t i = 0; i < v->count; i++)
        tell_blob(v, &v->blobs[i]);
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
    for (size_t i = 0; i < v.count; i++)
        free(v.blobs[i].why);
    free(v.blobs);
    return result;
}
