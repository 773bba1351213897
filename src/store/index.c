#include "store/index.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "store/manifest.h"

#include <errno.h>
#include <string.h>

#define INDEX_SIZE_MAX (16u << 20) /* bytes; some 60,000 images */
#define NAME_KEY       "org.opencontainers.image.ref.name"
#define REF_HEX_MIN    12

static int index_check(const json_t *root, struct error *err)
{
    json_t *manifests = json_object_get(root, "manifests");
    if (json_integer_value(json_object_get(root, "schemaVersion")) != 2 || !json_is_array(manifests))
        return error_set(err, "images/" LAYOUT_INDEX " is no OCI index (schemaVersion 2 and manifests)");
    for (size_t i = 0; i < json_array_size(manifests); i++)
        if (!json_is_object(json_array_get(manifests, i)))
            return error_set(err, "images/" LAYOUT_INDEX ": manifest %zu is no object", i + 1);
    return 0;
}

int index_read(struct store *store, json_t **root, struct error *err)
{
    *root = NULL;
    cleanup_buf struct buf text = BUF_INIT;
    if (file_read_at(store->images_fd, LAYOUT_INDEX, INDEX_SIZE_MAX, &text, err) < 0)
        return err && err->code == ENOENT
                   ? error_set(err, "images/" LAYOUT_INDEX " is missing: restore it from a backup")
                   : error_wrap(err, "images");
    json_error_t e;
    json_t *index =
        json_loadb(text.size ? (const char *)text.data : "", text.size, JSON_REJECT_DUPLICATES, &e);
    if (!index)
        return error_set(err, "images/" LAYOUT_INDEX ":%d:%d: %s; restore it from a backup", e.line, e.column,
                         e.text);
    if (index_check(index, err) < 0) {
        json_decref(index);
        return -1;
    }
    *root = index;
    return 0;
}

int index_write(struct store *store, const json_t *root, struct error *err)
{
    cleanup_free char *text = json_dumps(root, JSON_COMPACT);
    if (!text)
        return error_errno(err, ENOMEM, "write images/" LAYOUT_INDEX);
    if (file_replace_at(store->images_fd, LAYOUT_INDEX, text, strlen(text), 0644, err) < 0)
        return error_wrap(err, "images");
    return 0;
}

static const char *item_name(const json_t *item)
{
    return json_string_value(json_object_get(json_object_get(item, "annotations"), NAME_KEY));
}

bool index_drop(json_t *root, const char *name)
{
    json_t *manifests = json_object_get(root, "manifests");
    bool found = false;
    for (size_t i = json_array_size(manifests); i-- > 0;) {
        const char *own = item_name(json_array_get(manifests, i));
        if (own && strcmp(own, name) == 0) {
            json_array_remove(manifests, i);
            found = true;
        }
    }
    return found;
}

/* A name that exists keeps its place, so that importing the same again gives the same index. */
static size_t place_of(const json_t *manifests, const char *name)
{
    size_t i;
    for (i = 0; i < json_array_size(manifests); i++) {
        const char *own = item_name(json_array_get(manifests, i));
        if (own && strcmp(own, name) == 0)
            break;
    }
    return i;
}

int index_set(json_t *root, const char *name, const struct digest *manifest, uint64_t size, struct error *err)
{
    json_t *manifests = json_object_get(root, "manifests");
    size_t place = place_of(manifests, name);
    index_drop(root, name);
    char hex[SHA256_HEX_SIZE];
    json_t *item = json_pack("{s:s, s:o, s:I, s:{s:s}}", "mediaType", MANIFEST_TYPE, "digest",
                             json_sprintf("sha256:%s", digest_format(manifest, hex)), "size",
                             (json_int_t)size, "annotations", NAME_KEY, name);
    if (!item || json_array_insert_new(manifests, place, item) < 0)
        return error_errno(err, ENOMEM, "add %s to images/" LAYOUT_INDEX, name);
    return 0;
}

int index_digest(const json_t *item, struct digest *out)
{
    const char *text = json_string_value(json_object_get(item, "digest"));
    return text && text_starts(text, "sha256:") && digest_parse(text + strlen("sha256:"), out) ? 0 : -1;
}

/* Entries without a name that this program could have given, and indexes, are another tool's business. */
static bool item_entry(const json_t *item, struct store_entry *out)
{
    const char *name = item_name(item);
    const char *type = json_string_value(json_object_get(item, "mediaType"));
    if (!name || !type || strcmp(type, MANIFEST_TYPE) != 0 || !image_name_valid(name, NULL))
        return false;
    snprintf(out->name, sizeof out->name, "%s", name);
    return index_digest(item, &out->manifest) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

int store_list(struct store *store, struct store_entry **entries, size_t *count, struct error *err)
{
    *entries = NULL;
    *count = 0;
    json_t *root;
    if (index_read(store, &root, err) < 0)
        return -1;
    json_t *manifests = json_object_get(root, "manifests");
    size_t most = json_array_size(manifests), n = 0;
    struct store_entry *list = calloc(most ? most : 1, sizeof *list);
    for (size_t i = 0; list && i < most; i++)
        n += item_entry(json_array_get(manifests, i), &list[n]);
    json_decref(root);
    if (!list)
        return error_errno(err, ENOMEM, "list the images");
    qsort(list, n, sizeof *list, by_name);
    *entries = list;
    *count = n;
    return 0;
}

static bool is_digest_start(const char *ref)
{
    size_t length = strlen(ref);
    return length >= REF_HEX_MIN && length < SHA256_HEX_SIZE && strspn(ref, "0123456789abcdef") == length;
}

static int find_in(const struct store_entry *list, size_t count, const char *ref, struct store_entry *out,
                   struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i].name, ref) == 0) {
            *out = list[i];
            return 0;
        }
    const struct store_entry *found = NULL;
    for (size_t i = 0; i < count && is_digest_start(ref); i++) {
        char hex[SHA256_HEX_SIZE];
        if (!text_starts(digest_format(&list[i].manifest, hex), ref))
            continue;
        if (found && !digest_equal(&found->manifest, &list[i].manifest))
            return error_set(err, "%s is the start of several images' digests: give more digits", ref);
        found = found ? found : &list[i];
    }
    if (found) {
        *out = *found;
        return 0;
    }
    error_set(err, "there is no image '%.80s': `bootherd image list` names those that are", ref);
    if (err)
        err->code = ENOENT;
    return -1;
}

int store_find(struct store *store, const char *ref, struct store_entry *out, struct error *err)
{
    cleanup_free struct store_entry *list = NULL;
    size_t count;
    if (store_list(store, &list, &count, err) < 0)
        return -1;
    return find_in(list, count, ref, out, err);
}
