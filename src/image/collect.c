#include "image/collect.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/family.h"
#include "image/tarpick.h"
#include "media/gzip_check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COLLECT_CHUNK 65536 /* bytes read at once */

/* What is done with the bytes. */
static const struct {
    enum media_want want;
    bool keeps, reads;
    enum {
        CHECK_NOTHING,
        CHECK_MODULE,
        CHECK_START
    } check;
} picks[] = {
    [PICK_SKIP] = {MEDIA_SKIP, false, false, CHECK_NOTHING},
    [PICK_OPEN] = {MEDIA_OPEN, false, false, CHECK_NOTHING},
    [PICK_OPEN_SUM] = {MEDIA_OPEN_TAKE, false, false, CHECK_NOTHING},
    [PICK_KEEP] = {MEDIA_TAKE, true, false, CHECK_MODULE},
    [PICK_READ] = {MEDIA_TAKE, false, true, CHECK_NOTHING},
    [PICK_KEEP_READ] = {MEDIA_TAKE, true, true, CHECK_MODULE},
    [PICK_KEEP_PLAIN] = {MEDIA_TAKE, true, true, CHECK_NOTHING},
    [PICK_KEEP_INITRD] = {MEDIA_TAKE, true, false, CHECK_START},
    [PICK_KEEP_OPEN] = {MEDIA_OPEN_TAKE, true, true, CHECK_MODULE},
};

static struct collected *find(struct collection *c, uint32_t id)
{
    for (size_t i = c->count; i-- > 0;)
        if (c->file[i].id == id)
            return &c->file[i];
    return NULL;
}

static void see(struct collection *c, const char *path)
{
    if (c->entries < COLLECT_SEEN_MAX)
        text_printable(path, strlen(path), c->seen[c->entries], sizeof c->seen[0]);
    c->entries++;
}

static int begin(struct collection *c, const struct media_entry *entry, enum image_pick pick,
                 struct error *err)
{
    if (c->count == COLLECT_FILES_MAX)
        return error_set(err, "%s: more than %d files that could be boot files; no known image has so many",
                         entry->where, COLLECT_FILES_MAX);
    struct collected *f = &c->file[c->count++];
    *f = (struct collected){
        .pick = pick, .id = entry->id, .parent = entry->parent, .partition = entry->partition};
    if (c->family->version_mark)
        f->version.mark = c->family->version_mark(entry->path);
    f->path = strdup(entry->path);
    if (asprintf(&f->where, "%s: %s", entry->where, entry->path) < 0)
        f->where = NULL;
    if (pick == PICK_OPEN_SUM)
        f->sum = hash_new(HASH_MD5);
    if (!f->path || !f->where || (pick == PICK_OPEN_SUM && !f->sum))
        return error_errno(err, ENOMEM, "%s", entry->path);
    return picks[pick].keeps ? c->sink->begin(c->sink->ctx, entry->path, &f->sink_file, err) : 0;
}

static enum media_want on_want(void *ctx, const struct media_entry *entry)
{
    struct collection *c = ctx;
    see(c, entry->path);
    enum image_pick pick = c->refused ? PICK_SKIP : c->family->pick(c->source, entry);
    if (pick == PICK_SKIP)
        return MEDIA_SKIP;
    if (begin(c, entry, pick, &c->refusal) < 0) {
        c->refused = true;
        return MEDIA_SKIP;
    }
    return picks[pick].want;
}

/* A defect counts only when the file turns out to be one of the image's. */
static void note_bad(struct collected *f, const char *text)
{
    if (!f->bad)
        f->bad = strdup(text);
}

static int start_check(struct collection *c, struct collected *f, struct error *err)
{
    if (c->checking == COLLECT_OPEN_MAX)
        return error_set(
            err, "%s: more than %d files lie in pieces between each other; no known image has so many",
            f->where, COLLECT_OPEN_MAX);
    if (!(f->check = gzip_check_new()))
        return error_errno(err, ENOMEM, "check %s", f->path);
    c->checking++;
    return 0;
}

static int check_bytes(struct collection *c, struct collected *f, const void *bytes, size_t size,
                       struct error *err)
{
    bool whole = picks[f->pick].check == CHECK_MODULE;
    if (!f->check && start_check(c, f, err) < 0)
        return -1;
    if (whole && !f->pick_texts && !(f->pick_texts = tarpick_new()))
        return error_errno(err, ENOMEM, "read %s", f->path);
    struct error defect = {0};
    if (!f->bad && gzip_check_add(f->check, bytes, size, &defect) < 0 &&
        (whole || !gzip_check_complete(f->check)))
        note_bad(f, defect.text);
    if (whole)
        tarpick_add(f->pick_texts, bytes, size);
    return 0;
}

static int on_data(void *ctx, uint32_t id, const void *bytes, size_t size, struct error *err)
{
    struct collection *c = ctx;
    struct collected *f = find(c, id);
    if (c->refused)
        return error_set(err, "%s", c->refusal.text);
    if (!f)
        return 0;
    f->size += size;
    if (f->sum)
        hash_add(f->sum, bytes, size);
    version_find_add(&f->version, bytes, size);
    if (picks[f->pick].reads && f->head.size < COLLECT_HEAD_MAX) {
        size_t room = COLLECT_HEAD_MAX - f->head.size;
        buf_append(&f->head, bytes, size < room ? size : room);
        if (f->head.failed)
            return error_errno(err, ENOMEM, "read %s", f->path);
    }
    if (!picks[f->pick].keeps)
        return 0;
    if (c->sink->write(c->sink->ctx, f->sink_file, bytes, size, err) < 0)
        return error_wrap(err, "%s", f->path);
    return picks[f->pick].check == CHECK_NOTHING ? 0 : check_bytes(c, f, bytes, size, err);
}

static void end_checks(struct collected *f)
{
    struct error defect = {0};
    if (f->check && !f->bad && gzip_check_end(f->check, &f->gzip, &f->unpacked, &defect) < 0)
        note_bad(f, defect.text);
    f->gzip = f->gzip && picks[f->pick].check == CHECK_MODULE; /* an initrd is not its first member */
    if (f->pick_texts) {
        f->accounts = tarpick_take(f->pick_texts, TARPICK_SHADOW);
        f->inetd = tarpick_take(f->pick_texts, TARPICK_INETD);
    }
    if (f->sum)
        hash_take(f->sum, f->md5);
}

static void free_checks(struct collected *f)
{
    gzip_check_free(f->check);
    tarpick_free(f->pick_texts);
    hash_free(f->sum);
    f->check = NULL;
    f->pick_texts = NULL;
    f->sum = NULL;
}

static int on_end(void *ctx, uint32_t id, struct error *err)
{
    struct collection *c = ctx;
    struct collected *f = find(c, id);
    if (c->refused)
        return error_set(err, "%s", c->refusal.text);
    if (!f)
        return 0;
    f->complete = true;
    end_checks(f);
    c->checking -= f->check != NULL;
    free_checks(f);
    return 0;
}

static int on_table(void *ctx, uint32_t parent, const char *where, const struct media_table *table,
                    struct error *err)
{
    struct collection *c = ctx;
    c->partitions += table->count;
    if (c->listener && c->listener->table)
        c->listener->table(c->listener->ctx, where, table);
    return 0;
}

/* Who is told of partition tables is told all of them. */
static bool on_enough(void *ctx, uint32_t parent, unsigned partition)
{
    struct collection *c = ctx;
    bool told = c->listener && c->listener->table;
    return !told && c->family->enough && c->family->enough(c, parent, partition);
}

static void on_progress(void *ctx, uint64_t done, uint64_t total)
{
    struct collection *c = ctx;
    if (c->listener && c->listener->progress)
        c->listener->progress(c->listener->ctx, done, total);
}

static void on_note(void *ctx, const char *where, const char *text)
{
    collect_note(ctx, "%s: %s", where, text);
}

void collect_note(const struct collection *c, const char *format, ...)
{
    if (!c->listener || !c->listener->note)
        return;
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    c->listener->note(c->listener->ctx, text);
}

int collect_walk(struct collection *c, int fd, struct error *err)
{
    const struct media_visitor visitor = {
        .ctx = c,
        .want = on_want,
        .data = on_data,
        .end = on_end,
        .table = on_table,
        .enough = on_enough,
        .progress = on_progress,
        .note = on_note,
    };
    const struct media_limits limits = MEDIA_LIMITS_DEFAULT;
    if (media_walk(fd, c->source->name, &visitor, &limits, err) < 0)
        return -1;
    return c->refused ? error_set(err, "%s", c->refusal.text) : 0;
}

int collect_file(struct collection *c, const char *path, int fd, struct error *err)
{
    struct media_entry entry = {
        .id = (uint32_t)c->entries + 1, .path = path, .where = c->source->name, .size = MEDIA_SIZE_UNKNOWN};
    uint8_t chunk[COLLECT_CHUNK];
    ssize_t n = 0;
    int result = 0;
    if (on_want(c, &entry) == MEDIA_SKIP)
        return c->refused ? error_set(err, "%s", c->refusal.text) : 0;
    while (result == 0 && (n = read(fd, chunk, sizeof chunk)) > 0)
        result = on_data(c, entry.id, chunk, (size_t)n, err);
    if (n < 0)
        result = error_errno(err, errno, "read %s", path);
    return result < 0 ? result : on_end(c, entry.id, err);
}

void collect_drop(struct collection *c, struct collected *file)
{
    if (file->sink_file)
        c->sink->discard(c->sink->ctx, TAKE_PTR(file->sink_file));
}

void collect_fini(struct collection *c)
{
    for (size_t i = 0; i < c->count; i++) {
        struct collected *f = &c->file[i];
        collect_drop(c, f);
        free_checks(f);
        buf_fini(&f->head);
        free(f->path);
        free(f->where);
        free(f->bad);
        free(f->accounts);
        free(f->inetd);
    }
    c->count = 0;
}

static struct image_file *add_file(struct image *image, const char *name, const char *options)
{
    struct image_file *grown = reallocarray(image->files, image->file_count + 1, sizeof *grown);
    if (!grown)
        return NULL;
    image->files = grown;
    struct image_file *f = &grown[image->file_count++];
    *f = (struct image_file){.name = strdup(name), .options = options ? strdup(options) : NULL};
    return f->name && (!options || f->options) ? f : NULL;
}

int collect_take(struct collection *c, struct collected *file, struct image *image, const char *name,
                 enum image_role role, const char *options, struct error *err)
{
    if (!image_file_name_valid(name))
        return error_set(err, "%s: a boot loader could not ask for a file of that name", file->where);
    if (file->bad)
        return error_set(err, "%s: %s", file->where, file->bad);
    if (!file->size && role != IMAGE_ROLE_EXTRA)
        return error_set(err, "%s is empty: boot loaders take an empty file for a missing one", file->where);
    struct image_file *f = add_file(image, name, options);
    if (!f)
        return error_errno(err, ENOMEM, "%s", name);
    f->role = role;
    f->order = role == IMAGE_ROLE_MODULE ? (unsigned)image_module_count(image) : 0;
    f->gzip = file->gzip;
    f->unpacked = file->gzip ? file->unpacked : file->size;
    file->taken = true;
    return c->sink->finish(c->sink->ctx, TAKE_PTR(file->sink_file), &f->digest, &f->size, err);
}

void collect_seen(const struct collection *c, struct buf *out)
{
    size_t shown = c->entries < COLLECT_SEEN_MAX ? c->entries : COLLECT_SEEN_MAX;
    for (size_t i = 0; i < shown; i++)
        buf_format(out, "%s%s", i ? ", " : "", c->seen[i]);
    if (c->entries > shown)
        buf_format(out, " and %zu more", c->entries - shown);
    if (!shown)
        buf_append_text(out, "nothing");
}
