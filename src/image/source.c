#include "image/source.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/boot_set.h"
#include "image/family.h"
#include "image/kernel.h"
#include "media/path.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define ISO_VOLUME_AT 0x8028u /* ECMA-119 8.4.6: volume identifier of the first volume descriptor */
#define ISO_VOLUME    32

/* The texts that say what a medium boots, and .disk/info, what it is. */
static const char *const text_names[] = {"*.cfg", "*.conf", "*/pxelinux.cfg/default", "pxelinux.cfg/default",
                                         ".disk/info"};

/* --- names --- */

/* ECMA-119 7.5.1: a version number; and the dot of a name without an extension. */
static size_t plain_length(const char *path)
{
    size_t length = strlen(path);
    if (text_ends(path, ";1"))
        length -= 2;
    return length && path[length - 1] == '.' ? length - 1 : length;
}

int source_compare(const char *a, const char *b)
{
    size_t a_length = plain_length(a), b_length = plain_length(b);
    int order = strncasecmp(a, b, a_length < b_length ? a_length : b_length);
    return order ? order : (a_length > b_length) - (a_length < b_length);
}

const char *source_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_like(const char *path, const char *pattern)
{
    char plain[MEDIA_PATH_MAX];
    size_t length = plain_length(path);
    if (length >= sizeof plain)
        return false;
    memcpy(plain, path, length);
    plain[length] = 0;
    return fnmatch(pattern, plain, FNM_CASEFOLD) == 0;
}

bool source_base_like(const char *path, const char *pattern)
{
    return is_like(source_base(path), pattern);
}

bool image_source_has(const struct image_source *source, const char *name)
{
    for (size_t i = 0; i < source->count; i++)
        if (strcasecmp(source->names[i], name) == 0)
            return true;
    return false;
}

const char *image_source_base(const struct image_source *source)
{
    const char *slash = strrchr(source->name, '/');
    return slash && slash[1] ? slash + 1 : source->name;
}

/* --- finding --- */

static int by_path(const void *a, const void *b)
{
    const struct source_file *x = a, *y = b;
    int order = source_compare(x->path, y->path);
    return order ? order : strcmp(x->path, y->path);
}

static int key_to_path(const void *key, const void *file)
{
    return source_compare(key, ((const struct source_file *)file)->path);
}

static const struct source_file *find_file(const struct image_source *source, const char *path)
{
    const struct source_file *found = source->file_count ? bsearch(path, source->file, source->file_count,
                                                                   sizeof *source->file, key_to_path)
                                                         : NULL;
    const struct source_file *exact = found; /* several may differ in case only */
    while (exact && exact > source->file && key_to_path(path, exact - 1) == 0)
        exact--;
    for (; exact && exact < source->file + source->file_count && key_to_path(path, exact) == 0; exact++)
        if (strcmp(exact->path, path) == 0)
            return exact;
    return found;
}

/* What the path is when its first folders, or all of it, are a link. False when they are none. */
static bool follow(const struct image_source *source, char path[static MEDIA_PATH_MAX])
{
    for (size_t i = 0; i < source->link_count; i++) {
        const struct source_link *l = &source->link[i];
        char longer[2 * MEDIA_PATH_MAX];
        size_t length = strlen(l->path);
        bool whole = source_compare(path, l->path) == 0;
        if (!whole && (strncasecmp(path, l->path, length) != 0 || path[length] != '/'))
            continue;
        const char *rest = whole ? "" : path + length + !*l->target;
        int size = snprintf(longer, sizeof longer, "%s%s", l->target, rest);
        if (size >= MEDIA_PATH_MAX)
            return false;
        memcpy(path, longer, (size_t)size + 1);
        return true;
    }
    return false;
}

const struct source_file *source_find(const struct image_source *source, const char *path)
{
    char followed[MEDIA_PATH_MAX];
    const struct source_file *found = find_file(source, path);
    if (found || strlen(path) >= sizeof followed)
        return found;
    snprintf(followed, sizeof followed, "%s", path);
    for (unsigned i = 0; i < SOURCE_FOLLOW_MAX && !found && follow(source, followed); i++)
        found = find_file(source, followed);
    return found;
}

/* From the folder of `from` and those around it. */
static const struct source_file *find_around(const struct image_source *source, const char *from,
                                             const char *named)
{
    char path[2 * MEDIA_PATH_MAX];
    const struct source_file *found = NULL;
    for (size_t size = strlen(from); !found;) {
        while (size && from[size - 1] != '/')
            size--;
        snprintf(path, sizeof path, "%.*s%s", (int)size, from, named);
        found = source_find(source, path);
        if (!size)
            break;
        size--;
    }
    return found;
}

const struct source_file *source_resolve(const struct image_source *source, const char *from,
                                         const char *named)
{
    char path[MEDIA_PATH_MAX];
    bool absolute = *named == '/' || strncmp(named, "::", 2) == 0; /* PXELINUX's word for the server's root */
    struct error ignored;
    named += strspn(named, ":/");
    while (strncmp(named, "../", 3) == 0)
        named += 3;
    if (path_clean(named, path, &ignored) < 0)
        return NULL;
    const struct source_file *found = absolute ? source_find(source, path) : NULL;
    for (const char *rest = path; !found && rest;) {
        found = find_around(source, from, rest);
        rest = strchr(rest, '/');
        rest = rest ? rest + 1 : NULL;
    }
    return found;
}

/* --- looking at the source --- */

struct listing {
    struct image_source *source;
    size_t room; /* in source->file */
    size_t texts;
    uint32_t reading; /* media's id of the text that comes now */
    bool failed;
};

static bool is_text(const struct listing *l, const struct media_entry *entry)
{
    if (l->texts == SOURCE_TEXTS_MAX || !entry->size || entry->size > SOURCE_TEXT_SIZE_MAX)
        return false;
    for (size_t i = 0; i < sizeof text_names / sizeof text_names[0]; i++)
        if (is_like(entry->path, text_names[i]))
            return true;
    return false;
}

static enum media_want on_want(void *ctx, const struct media_entry *entry)
{
    struct listing *l = ctx;
    struct image_source *source = l->source;
    if (source->file_count == SOURCE_PATHS_MAX || l->failed)
        return MEDIA_SKIP; /* somebody's whole downloads are no medium, but the first names may do */
    if (source->file_count == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct source_file *grown = reallocarray(source->file, room, sizeof *grown);
        if ((l->failed = !grown))
            return MEDIA_SKIP;
        source->file = grown;
        l->room = room;
    }
    struct source_file *f = &source->file[source->file_count];
    *f = (struct source_file){.path = strdup(entry->path), .size = entry->size};
    if ((l->failed = !f->path))
        return MEDIA_SKIP;
    source->file_count++;
    if (!is_text(l, entry))
        return MEDIA_SKIP;
    f->is_text = true;
    l->texts++;
    l->reading = entry->id;
    return MEDIA_TAKE;
}

static void on_link(void *ctx, uint32_t parent, const char *path, const char *target)
{
    struct listing *l = ctx;
    struct image_source *source = l->source;
    if (source->link_count == SOURCE_LINKS_MAX || l->failed)
        return;
    struct source_link *grown = reallocarray(source->link, source->link_count + 1, sizeof *grown);
    if ((l->failed = !grown))
        return;
    source->link = grown;
    struct source_link *link = &grown[source->link_count++];
    *link = (struct source_link){strdup(path), strdup(target)};
    l->failed = !link->path || !link->target;
}

static int on_data(void *ctx, uint32_t id, const void *bytes, size_t size, struct error *err)
{
    const struct listing *l = ctx;
    struct source_file *f = &l->source->file[l->source->file_count - 1];
    if (id != l->reading || f->text.size + size > SOURCE_TEXT_SIZE_MAX)
        return error_set(err, "%s: %s changed while it was read", l->source->name, f->path);
    buf_append(&f->text, bytes, size);
    return f->text.failed ? error_errno(err, ENOMEM, "%s", l->source->name) : 0;
}

static int list_names(struct image_source *source, struct error *err)
{
    source->names = calloc(source->file_count + 1, sizeof *source->names);
    if (!source->names)
        return error_errno(err, ENOMEM, "%s", source->name);
    for (size_t i = 0; i < source->file_count; i++)
        if (!strchr(source->file[i].path, '/'))
            source->names[source->count++] = source->file[i].path;
    return 0;
}

static int list(int fd, struct image_source *source, struct error *err)
{
    struct listing l = {.source = source};
    const struct media_visitor visitor = {.ctx = &l, .want = on_want, .data = on_data, .link = on_link};
    const struct media_limits limits = MEDIA_LIMITS_DEFAULT;
    if (media_walk(fd, source->name, &visitor, &limits, err) < 0)
        return -1;
    if (l.failed)
        return error_errno(err, ENOMEM, "%s", source->name);
    if (source->file_count)
        qsort(source->file, source->file_count, sizeof *source->file, by_path);
    return list_names(source, err);
}

/* --- how one file begins --- */

#define PEEK_SIZE 1024 /* bytes; a Linux kernel's marks lie in the first 568 */

struct peek {
    const char *path;
    uint8_t byte[PEEK_SIZE];
    size_t size;
    bool done;
};

static enum media_want peek_want(void *ctx, const struct media_entry *entry)
{
    const struct peek *p = ctx;
    return !p->done && strcmp(entry->path, p->path) == 0 ? MEDIA_TAKE : MEDIA_SKIP;
}

static int peek_data(void *ctx, uint32_t id, const void *bytes, size_t size, struct error *err)
{
    struct peek *p = ctx;
    for (size_t i = 0; i < size && p->size < sizeof p->byte; i++)
        p->byte[p->size++] = ((const uint8_t *)bytes)[i];
    p->done = p->size == sizeof p->byte;
    return p->done ? error_set(err, "enough") : 0; /* the rest comes when the medium is read */
}

/* How the kernel begins says whether it is packed; one that only may be a kernel by its name must be one. */
static int peek_kernel(int fd, struct image_source *source, struct error *err)
{
    struct boot_set *set = source->boot;
    struct peek p = {.path = set->kernel.file->path};
    const struct media_visitor visitor = {.ctx = &p, .want = peek_want, .data = peek_data};
    const struct media_limits limits = MEDIA_LIMITS_DEFAULT;
    if (media_walk(fd, source->name, &visitor, &limits, err) < 0 && !p.done)
        return -1;
    struct slice head = {p.byte, p.size};
    set->packed = kernel_is_gzip(head);
    if (set->guessed && !kernel_is_linux(head))
        boot_set_free(TAKE_PTR(source->boot));
    return 0;
}

static void read_volume(int fd, struct image_source *source)
{
    char id[ISO_VOLUME];
    if (source->kind != MEDIA_KIND_ISO || pread(fd, id, sizeof id, ISO_VOLUME_AT) != sizeof id)
        return;
    size_t size = sizeof id;
    while (size && (id[size - 1] == ' ' || id[size - 1] == 0))
        size--;
    text_printable(id, size, source->volume, sizeof source->volume);
}

static int read_head(int fd, struct image_source *source, struct error *err)
{
    cleanup_free uint8_t *bytes = malloc(SOURCE_HEAD_MAX);
    source->names = calloc(2, sizeof *source->names);
    if (!bytes || !source->names)
        return error_errno(err, ENOMEM, "%s", source->name);
    ssize_t size = pread(fd, bytes, SOURCE_HEAD_MAX, 0);
    if (size < 0)
        return error_errno(err, errno, "%s", source->name);
    buf_append(&source->head, bytes, (size_t)size);
    source->names[source->count++] = image_source_base(source);
    return source->head.failed ? error_errno(err, ENOMEM, "%s", source->name) : 0;
}

int source_init(int fd, const char *name, struct image_source *out, struct error *err)
{
    *out = (struct image_source){.name = name};
    struct stat st;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == 0)
        return error_set(err, "%s is an empty file: download or copy it again", name);
    if (media_kind_of(fd, name, &out->kind, err) < 0)
        return -1;
    read_volume(fd, out);
    if (out->kind == MEDIA_KIND_FILE)
        return read_head(fd, out, err);
    if (out->kind != MEDIA_KIND_ISO && out->kind != MEDIA_KIND_DIRECTORY)
        return 0; /* what is inside is known only when it streams by */
    if (list(fd, out, err) < 0)
        return -1;
    boot_set_find(out);
    return out->boot ? peek_kernel(fd, out, err) : 0;
}

void source_fini(struct image_source *source)
{
    for (size_t i = 0; i < source->file_count; i++) {
        free(source->file[i].path);
        buf_fini(&source->file[i].text);
    }
    for (size_t i = 0; i < source->link_count; i++) {
        free(source->link[i].path);
        free(source->link[i].target);
    }
    free(source->link);
    free(source->file);
    free(source->names);
    buf_fini(&source->head);
    boot_set_free(source->boot);
}
