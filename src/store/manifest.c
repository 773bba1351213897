#include "store/manifest.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#define FORMAT        1 /* of our key in the config */
#define DIGEST_PREFIX "sha256:"
#define EPOCH         "1970-01-01T00:00:00Z" /* equal images have equal bytes; umoci wants a date */
#define TITLE_KEY     "org.opencontainers.image.title"

static const char *const role_names[] = {
    [IMAGE_ROLE_KERNEL] = "kernel",
    [IMAGE_ROLE_MODULE] = "module",
    [IMAGE_ROLE_EXTRA] = "extra",
};

/* --- writing --- */

static json_t *digest_json(const struct digest *digest)
{
    char hex[SHA256_HEX_SIZE];
    return json_sprintf(DIGEST_PREFIX "%s", digest_format(digest, hex));
}

/* NULL at any depth makes the whole NULL: jansson refuses texts that are no UTF-8, and lack of memory. */
static json_t *descriptor_json(const char *type, const struct digest *digest, uint64_t size)
{
    return json_pack("{s:s, s:o, s:I}", "mediaType", type, "digest", digest_json(digest), "size",
                     (json_int_t)size);
}

static json_t *file_json(const struct image_file *f)
{
    return json_pack("{s:s, s:s, s:i, s:s*, s:b, s:I}", "name", f->name, "role", role_names[f->role], "order",
                     (int)f->order, "options", f->options, "gzip", f->gzip, "unpacked",
                     (json_int_t)f->unpacked);
}

static json_t *own_json(const struct image *image, json_t *files)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s*, s:s*, s:o}", "format", FORMAT, "family",
                     image->family, "product", image->product, "version", image->version, "build",
                     image->build, "kernelOptions", image->kernel_options, "source", image->source,
                     "accounts", image->accounts, "inetd", image->inetd, "files", files);
}

/* os: there is no word for these systems among Go's; "unknown" is what others write for such content. */
static json_t *config_json(const struct image *image)
{
    json_t *files = json_array(), *ids = json_array(), *history = json_array();
    for (size_t i = 0; i < image->file_count; i++) {
        json_array_append_new(files, file_json(&image->files[i]));
        json_array_append_new(ids, digest_json(&image->files[i].digest));
        json_array_append_new(
            history, json_pack("{s:s, s:s}", "created", EPOCH, "created_by", "bootherd image import"));
    }
    bool complete = json_array_size(files) == image->file_count &&
                    json_array_size(ids) == image->file_count &&
                    json_array_size(history) == image->file_count;
    json_t *labels =
        json_pack("{s:s, s:s, s:s}", TITLE_KEY, image->product, "org.opencontainers.image.version",
                  image->version, "org.opencontainers.image.revision", image->build);
    json_t *root =
        json_pack("{s:s, s:s, s:s, s:{s:o}, s:{s:s, s:o}, s:o, s:o}", "created", EPOCH, "architecture",
                  image->arch, "os", "unknown", "config", "Labels", labels, "rootfs", "type", "layers",
                  "diff_ids", ids, "history", history, "bootherd", own_json(image, files));
    if (!complete) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static json_t *manifest_json(const struct image *image, const struct buf *config)
{
    struct digest digest;
    digest_of(config->data, config->size, &digest);
    json_t *layers = json_array();
    for (size_t i = 0; i < image->file_count; i++) {
        const struct image_file *f = &image->files[i];
        json_t *layer = descriptor_json(MANIFEST_FILE_TYPE, &f->digest, f->size);
        json_object_set_new(layer, "annotations", json_pack("{s:s}", TITLE_KEY, f->name));
        json_array_append_new(layers, layer);
    }
    bool complete = json_array_size(layers) == image->file_count;
    json_t *root = json_pack("{s:i, s:s, s:s, s:o, s:o}", "schemaVersion", 2, "mediaType", MANIFEST_TYPE,
                             "artifactType", MANIFEST_ARTIFACT_TYPE, "config",
                             descriptor_json(MANIFEST_CONFIG_TYPE, &digest, config->size), "layers", layers);
    if (!complete) {
        json_decref(root);
        return NULL;
    }
    return root;
}

static int dump(json_t *root, const char *what, struct buf *out, struct error *err)
{
    char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
    json_decref(root);
    if (!text)
        return error_set(err, "write the image's %s: a text in it is no UTF-8, or memory ran out", what);
    buf_append_text(out, text);
    free(text);
    if (out->failed)
        return error_errno(err, ENOMEM, "write the image's %s", what);
    if (out->size > MANIFEST_SIZE_MAX)
        return error_set(err, "the image's %s would have %zu bytes; registries take at most %u", what,
                         out->size, MANIFEST_SIZE_MAX);
    return 0;
}

int manifest_format(const struct image *image, struct buf *config, struct buf *manifest, struct error *err)
{
    if (image_check(image, err) < 0)
        return error_wrap(err, "the image cannot be stored");
    if (dump(config_json(image), "config", config, err) < 0)
        return -1;
    return dump(manifest_json(image, config), "manifest", manifest, err);
}

/* --- reading --- */

static json_t *load(struct slice text, const char *what, struct error *err)
{
    if (text.size > MANIFEST_SIZE_MAX) {
        error_set(err, "the %s has %zu bytes; the most that is read here is %u", what, text.size,
                  MANIFEST_SIZE_MAX);
        return NULL;
    }
    json_error_t e;
    json_t *root =
        json_loadb(text.size ? (const char *)text.data : "", text.size, JSON_REJECT_DUPLICATES, &e);
    if (!root) {
        error_set(err, "the %s is no JSON: line %d, column %d: %s", what, e.line, e.column, e.text);
        return NULL;
    }
    if (json_is_object(root))
        return root;
    json_decref(root);
    error_set(err, "the %s is no JSON object", what);
    return NULL;
}

static int parse_descriptor(json_t *d, const char *what, const char **type, struct manifest_ref *out,
                            struct error *err)
{
    json_error_t e;
    const char *digest;
    json_int_t size;
    if (json_unpack_ex(d, &e, 0, "{s:s, s:s, s:I}", "mediaType", type, "digest", &digest, "size", &size) < 0)
        return error_set(err, "%s: %s", what, e.text);
    if (!text_starts(digest, DIGEST_PREFIX) || !digest_parse(digest + strlen(DIGEST_PREFIX), &out->digest))
        return error_set(err, "%s: '%.80s' is no sha256 digest", what, digest);
    if (size < 0)
        return error_set(err, "%s: the size %lld is negative", what, (long long)size);
    out->size = (uint64_t)size;
    out->nested = strcmp(*type, MANIFEST_TYPE) == 0 || strcmp(*type, MANIFEST_INDEX_TYPE) == 0;
    return 0;
}

static int parse_layer(json_t *layer, struct image_file *f, struct error *err)
{
    const char *type;
    struct manifest_ref ref;
    char what[IMAGE_FILE_NAME_MAX + 32];
    snprintf(what, sizeof what, "the manifest's layer for %s", f->name);
    if (parse_descriptor(layer, what, &type, &ref, err) < 0)
        return -1;
    if (strcmp(type, MANIFEST_FILE_TYPE) != 0)
        return error_set(err, "%s has the media type '%.80s', expected " MANIFEST_FILE_TYPE, what, type);
    f->digest = ref.digest;
    f->size = ref.size;
    return 0;
}

static int copy_text(char **to, const char *from, struct error *err)
{
    if (!from)
        return 0;
    *to = strdup(from);
    return *to ? 0 : error_errno(err, ENOMEM, "read the image's config");
}

static int parse_role(const char *name, enum image_role *out)
{
    for (size_t i = 0; i < sizeof role_names / sizeof role_names[0]; i++)
        if (strcmp(role_names[i], name) == 0) {
            *out = (enum image_role)i;
            return 0;
        }
    return -1;
}

static int parse_file(json_t *file, size_t number, struct image_file *f, struct error *err)
{
    json_error_t e;
    const char *name, *role, *options = NULL;
    int order, gzip;
    json_int_t unpacked;
    if (json_unpack_ex(file, &e, 0, "{s:s, s:s, s:i, s?s, s:b, s:I}", "name", &name, "role", &role, "order",
                       &order, "options", &options, "gzip", &gzip, "unpacked", &unpacked) < 0)
        return error_set(err, "the image's config: file %zu: %s", number, e.text);
    if (!image_file_name_valid(name))
        return error_set(err, "the image's config: file %zu has a name that is not taken here", number);
    if (parse_role(role, &f->role) < 0 || order < 0 || unpacked < 0)
        return error_set(err, "the image's config: %s has a wrong role, order or size", name);
    f->order = (unsigned)order;
    f->gzip = gzip;
    f->unpacked = (uint64_t)unpacked;
    return copy_text(&f->name, name, err) < 0 || copy_text(&f->options, options, err) < 0 ? -1 : 0;
}

static int parse_files(json_t *files, json_t *layers, struct image *image, struct error *err)
{
    size_t count = json_array_size(files);
    if (!json_is_array(files) || !json_is_array(layers) || count != json_array_size(layers))
        return error_set(err, "the image's config lists %zu files, its manifest %zu layers", count,
                         json_array_size(layers));
    if (count > IMAGE_FILES_MAX)
        return error_set(err, "the image has %zu files; the most that is taken here is %d", count,
                         IMAGE_FILES_MAX);
    image->files = calloc(count ? count : 1, sizeof *image->files);
    if (!image->files)
        return error_errno(err, ENOMEM, "read the image's config");
    for (size_t i = 0; i < count; i++) {
        image->file_count = i + 1;
        if (parse_file(json_array_get(files, i), i + 1, &image->files[i], err) < 0 ||
            parse_layer(json_array_get(layers, i), &image->files[i], err) < 0)
            return -1;
    }
    return 0;
}

static int parse_image(json_t *config, json_t *layers, struct image *image, struct error *err)
{
    json_error_t e;
    int format;
    const char *arch, *family, *product, *version, *build, *options, *source, *accounts = NULL, *inetd = NULL;
    json_t *files;
    if (json_unpack_ex(config, &e, 0, "{s:s, s:{s:i, s:s, s:s, s:s, s:s, s:s, s:s, s?s, s?s, s:o}}",
                       "architecture", &arch, "bootherd", "format", &format, "family", &family, "product",
                       &product, "version", &version, "build", &build, "kernelOptions", &options, "source",
                       &source, "accounts", &accounts, "inetd", &inetd, "files", &files) < 0)
        return error_set(err, "the image's config: %s", e.text);
    if (format != FORMAT)
        return error_set(err, "the image's config has format %d, this program knows %d: use a newer bootherd",
                         format, FORMAT);
    const struct {
        char **to;
        const char *from;
    } texts[] = {
        {&image->arch, arch},       {&image->family, family}, {&image->product, product},
        {&image->version, version}, {&image->build, build},   {&image->kernel_options, options},
        {&image->source, source},   {&image->inetd, inetd},   {&image->accounts, accounts},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (copy_text(texts[i].to, texts[i].from, err) < 0)
            return -1;
    return parse_files(files, layers, image, err) < 0 ? -1 : image_check(image, err);
}

static int check_kind(json_t *manifest, struct error *err)
{
    const char *type = json_string_value(json_object_get(manifest, "artifactType"));
    if (json_integer_value(json_object_get(manifest, "schemaVersion")) != 2)
        return error_set(err, "the manifest is not of schemaVersion 2");
    if (!type || strcmp(type, MANIFEST_ARTIFACT_TYPE) != 0)
        return error_set(err, "the manifest is of no bootherd image: artifactType is '%.80s', expected %s",
                         type ? type : "", MANIFEST_ARTIFACT_TYPE);
    return 0;
}

int manifest_parse(struct slice manifest, struct slice config, struct image **out, struct error *err)
{
    *out = NULL;
    json_t *m = load(manifest, "manifest", err);
    json_t *c = m && check_kind(m, err) == 0 ? load(config, "config", err) : NULL;
    struct image *image = NULL;
    int result = -1;
    if (c && !(image = calloc(1, sizeof *image)))
        error_errno(err, ENOMEM, "read the image's config");
    if (image && (result = parse_image(c, json_object_get(m, "layers"), image, err)) < 0)
        image_free(image);
    else
        *out = image;
    json_decref(m);
    json_decref(c);
    return result;
}

static int add_refs(json_t *list, struct manifest_ref *refs, size_t *count, struct error *err)
{
    size_t i;
    json_t *item;
    const char *type;
    json_array_foreach(list, i, item)
    {
        if (parse_descriptor(item, "a descriptor in the manifest", &type, &refs[*count], err) < 0)
            return -1;
        ++*count;
    }
    return 0;
}

static int collect_refs(json_t *root, struct manifest_ref **out, size_t *count, struct error *err)
{
    json_t *config = json_object_get(root, "config"), *subject = json_object_get(root, "subject");
    json_t *layers = json_object_get(root, "layers"), *manifests = json_object_get(root, "manifests");
    cleanup_free struct manifest_ref *refs =
        calloc(2 + json_array_size(layers) + json_array_size(manifests), sizeof *refs);
    if (!refs)
        return error_errno(err, ENOMEM, "read a manifest");
    if ((layers && !json_is_array(layers)) || (manifests && !json_is_array(manifests)) ||
        (!config && !manifests))
        return error_set(err, "the manifest names neither a config nor manifests, or in no list");
    const char *type;
    json_t *single[] = {config, subject};
    for (size_t i = 0; i < 2; i++) {
        if (!single[i])
            continue;
        if (parse_descriptor(single[i], "the manifest's config or subject", &type, &refs[*count], err) < 0)
            return -1;
        ++*count;
    }
    if (add_refs(layers, refs, count, err) < 0 || add_refs(manifests, refs, count, err) < 0)
        return -1;
    *out = TAKE_PTR(refs);
    return 0;
}

int manifest_refs(struct slice text, struct manifest_ref **refs, size_t *count, struct error *err)
{
    *refs = NULL;
    *count = 0;
    json_t *root = load(text, "manifest", err);
    if (!root)
        return -1;
    int result = collect_refs(root, refs, count, err);
    json_decref(root);
    return result;
}
