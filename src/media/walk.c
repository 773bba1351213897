#include "media/walk.h"

#include "media/unpack.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_STEP (1u << 20) /* source bytes */

void walk_where(char out[static STREAM_WHERE_MAX], const char *outer, const char *inner)
{
    static const char cut[] = "...";
    int size = snprintf(out, STREAM_WHERE_MAX, "%s: %s", outer, inner);
    if (size >= STREAM_WHERE_MAX)
        memcpy(out + STREAM_WHERE_MAX - sizeof cut, cut, sizeof cut);
}

int walk_count(struct walk *w, const struct place *at, struct error *err)
{
    if (w->entries >= MEDIA_ENTRIES_MAX)
        return error_set(err, "%s: more than %d files and folders; no hypervisor image has so many",
                         at->where, MEDIA_ENTRIES_MAX);
    w->entries++;
    return 0;
}

int walk_ask(struct walk *w, const struct place *at, const char *path, uint64_t size,
             struct walk_entry *entry, struct error *err)
{
    if (walk_count(w, at, err) < 0)
        return -1;
    struct media_entry told = {
        .id = w->entries,
        .parent = at->parent,
        .path = path,
        .where = at->where,
        .size = size,
        .partition = at->partition,
    };
    *entry = (struct walk_entry){.id = told.id, .want = w->visitor->want(w->visitor->ctx, &told)};
    return 0;
}

int walk_ask_raw(struct walk *w, const struct place *at, const char *raw, uint64_t size,
                 char path[static MEDIA_PATH_MAX], struct walk_entry *entry, struct error *err)
{
    if (path_clean(raw, path, err) < 0)
        return error_wrap(err, "%s", at->where);
    return walk_ask(w, at, path, size, entry, err);
}

int walk_data(struct walk *w, const char *where, struct walk_entry *entry, const void *bytes, size_t size,
              struct error *err)
{
    if (quota_unpacked(&w->quota, &entry->bytes, size, where, err) < 0)
        return -1;
    return w->visitor->data ? w->visitor->data(w->visitor->ctx, entry->id, bytes, size, err) : 0;
}

int walk_end(struct walk *w, const struct walk_entry *entry, struct error *err)
{
    return w->visitor->end ? w->visitor->end(w->visitor->ctx, entry->id, err) : 0;
}

void walk_link(struct walk *w, const struct place *at, const char *raw, const char *target, bool symbolic)
{
    char path[MEDIA_PATH_MAX], to[MEDIA_PATH_MAX];
    struct error ignored;
    if (w->visitor->link && path_clean(raw, path, &ignored) == 0 &&
        path_follow(symbolic ? path : "", target, to))
        w->visitor->link(w->visitor->ctx, at->parent, path, to);
}

void walk_note(struct walk *w, const char *where, const char *format, ...)
{
    if (!w->visitor->note)
        return;
    char text[ERROR_TEXT_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    w->visitor->note(w->visitor->ctx, where, text);
}

void walk_progress(void *walk, uint64_t done, uint64_t total)
{
    struct walk *w = walk;
    if (!w->visitor->progress || (done < w->progress_due && done != total))
        return;
    w->progress_due = done + PROGRESS_STEP;
    w->visitor->progress(w->visitor->ctx, done, total);
}

static int take(struct walk *w, struct walk_entry *entry, struct stream *s, struct error *err)
{
    for (;;) {
        struct slice block;
        if (stream_look(s, &block, err) < 0)
            return -1;
        if (block.size == 0)
            return 0;
        if (walk_data(w, s->where, entry, block.data, block.size, err) < 0)
            return -1;
        stream_consume(s, block.size);
    }
}

struct tap {
    struct walk *w;
    const char *where;
    struct walk_entry *entry;
};

static int tap_data(void *ctx, const void *bytes, size_t size, struct error *err)
{
    struct tap *t = ctx;
    return walk_data(t->w, t->where, t->entry, bytes, size, err);
}

static int open_inside(struct walk *w, const struct place *at, const char *path, struct walk_entry *entry,
                       struct stream *s, struct error *err)
{
    char where[STREAM_WHERE_MAX];
    walk_where(where, at->where, path);
    struct place inside = {
        .parent = entry->id,
        .depth = at->depth,
        .where = where,
        .name = path_base(path),
    };
    if (entry->want != MEDIA_OPEN_TAKE) {
        if (walk_stream(w, &inside, s, err) < 0)
            return -1;
        w->enough = false;
        return stream_drain(s, err);
    }
    struct tap tap = {w, where, entry};
    struct stream *tee = stream_tee(s, tap_data, &tap, err);
    if (!tee)
        return -1;
    int result = walk_stream(w, &inside, tee, err);
    w->enough = false;
    if (result == 0)
        result = stream_drain(tee, err);
    stream_close(tee);
    return result;
}

int walk_content(struct walk *w, const struct place *at, const char *path, struct walk_entry *entry,
                 struct stream *s, struct error *err)
{
    if (entry->want == MEDIA_SKIP)
        return 0;
    int result = entry->want == MEDIA_TAKE ? take(w, entry, s, err) : open_inside(w, at, path, entry, s, err);
    return result < 0 ? -1 : walk_end(w, entry, err);
}

static int plain_walk(struct walk *w, const struct place *at, struct stream *s, struct error *err)
{
    char path[MEDIA_PATH_MAX];
    struct walk_entry entry;
    if (walk_ask_raw(w, at, at->name, s->size, path, &entry, err) < 0)
        return -1;
    if (entry.want == MEDIA_OPEN)
        return 0;
    if (entry.want == MEDIA_OPEN_TAKE)
        entry.want = MEDIA_TAKE;
    return walk_content(w, at, path, &entry, s, err);
}

static int unpack_walk(struct walk *w, const struct place *at, struct stream *packed,
                       struct stream *(*open)(struct stream *in, struct error *err), struct error *err)
{
    struct stream *s = open(packed, err);
    if (!s)
        return -1;
    char name[MEDIA_PATH_MAX];
    path_unpacked(at->name, name, sizeof name);
    struct place inside = *at;
    inside.name = name;
    int result = walk_stream(w, &inside, s, err);
    if (result == 0)
        result = w->enough ? stream_finish(s, err) : stream_drain(s, err);
    stream_close(s);
    return result;
}

static struct stream *(*unpacker(enum media_kind kind))(struct stream *in, struct error *err)
{
    static struct stream *(*const unpackers[])(struct stream * in, struct error * err) = {
        [MEDIA_KIND_GZIP] = gzip_open,
        [MEDIA_KIND_BZIP2] = bzip2_open,
        [MEDIA_KIND_XZ] = xz_open,
        [MEDIA_KIND_ZSTD] = zstd_open,
    };
    return (size_t)kind < sizeof unpackers / sizeof *unpackers ? unpackers[kind] : NULL;
}

int walk_stream(struct walk *w, const struct place *at, struct stream *s, struct error *err)
{
    struct slice head;
    if (stream_peek(s, SNIFF_SIZE, &head, err) < 0)
        return -1;
    enum media_kind kind = sniff_kind(head);
    bool vmtar = sniff_is_vmtar(head);
    struct place inside = *at;
    if (kind != MEDIA_KIND_FILE && ++inside.depth > MEDIA_DEPTH_MAX)
        return error_set(err,
                         "%s: more than %d containers within each other; no hypervisor image has so many",
                         at->where, MEDIA_DEPTH_MAX);
    if (w->visitor->kind && w->visitor->kind(w->visitor->ctx, at->parent, at->where, kind, err) < 0)
        return -1;
    if (unpacker(kind))
        return unpack_walk(w, &inside, s, unpacker(kind), err);
    if (kind == MEDIA_KIND_ISO || (kind == MEDIA_KIND_TAR && !vmtar))
        return archive_walk(w, &inside, s, kind, err);
    if (kind == MEDIA_KIND_TAR)
        return vmtar_walk(w, &inside, s, err);
    return kind == MEDIA_KIND_DISK ? disk_walk(w, &inside, s, err) : plain_walk(w, &inside, s, err);
}
