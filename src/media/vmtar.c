/*
 * VMware's tar ("visor"): all headers first, the files' bytes behind them at page boundaries. A header is a
 * ustar one with magic "visor  ", a prefix of 151 bytes and, at 496, the absolute offset of the bytes; where
 * that is 0 they follow the header as in any tar (long names, type L). Known from readers that others
 * published; VMware never did.
 */
#include "media/walk.h"

#include "base/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VMTAR_FILES_MAX 65536
#define VMTAR_OCTAL_MAX 12

struct vmtar_file {
    uint64_t at;   /* absolute offset of its bytes */
    uint64_t size; /* bytes */
    char *path;    /* owned; clean */
};

struct vmtar {
    struct walk *w;
    const struct place *at;
    struct stream *s;
    struct vmtar_file *file; /* VMTAR_FILES_MAX of them, owned */
    uint32_t count;
    uint64_t bytes_at;              /* where the first of their bytes lie */
    char long_name[MEDIA_PATH_MAX]; /* from an L header, for the next one; "" when there is none */
};

struct vmtar_header {
    char name[256]; /* prefix/name */
    uint64_t size;
    uint64_t data_at;
    char type;
    bool end;
};

static bool octal(struct slice digits, uint64_t *out)
{
    char text[VMTAR_OCTAL_MAX + 1];
    snprintf(text, sizeof text, "%.*s", (int)digits.size, (const char *)digits.data);
    char *end;
    errno = 0;
    *out = strtoull(text, &end, 8);
    return errno == 0 && end != text && (*end == '\0' || *end == ' ');
}

static int header_parse(const uint8_t block[static TAR_BLOCK], struct vmtar_header *out, struct error *err)
{
    static const uint8_t zeros[TAR_BLOCK];
    *out = (struct vmtar_header){.end = memcmp(block, zeros, TAR_BLOCK) == 0};
    if (out->end)
        return 0;
    if (!sniff_tar_header((struct slice){block, TAR_BLOCK}))
        return error_set(err, "a header does not match its checksum: it is damaged; get the image again");
    struct wire_in w = wire_in(block, TAR_BLOCK);
    struct slice name = wire_bytes(&w, 100);
    wire_skip(&w, 24);
    struct slice size = wire_bytes(&w, 12);
    wire_skip(&w, 20);
    out->type = (char)wire_u8(&w);
    wire_skip(&w, 100);
    struct slice magic = wire_bytes(&w, 8);
    bool visor = memcmp(magic.data, "visor  ", 7) == 0;
    wire_skip(&w, 80);
    struct slice prefix = wire_bytes(&w, 151);
    if (visor)
        out->data_at = wire_u32le(&w);
    snprintf(out->name, sizeof out->name, "%.*s%s%.*s", (int)prefix.size, (const char *)prefix.data,
             prefix.data[0] ? "/" : "", (int)name.size, (const char *)name.data);
    if (!octal(size, &out->size))
        return error_set(err, "the header of \"%.60s\" has no size: it is damaged; get the image again",
                         out->name);
    return 0;
}

static int pass_padding(struct vmtar *t, uint64_t size, struct error *err)
{
    uint64_t padding = (TAR_BLOCK - size % TAR_BLOCK) % TAR_BLOCK;
    return stream_skip(t->s, padding, NULL, err);
}

static int read_long_name(struct vmtar *t, const struct vmtar_header *h, struct error *err)
{
    if (h->size == 0 || h->size >= sizeof t->long_name)
        return error_set(err, "%s: a name of %" PRIu64 " bytes: it is damaged; get the image again",
                         t->at->where, h->size);
    memset(t->long_name, 0, sizeof t->long_name);
    if (stream_exact(t->s, t->long_name, (size_t)h->size, "a long name", err) < 0)
        return -1;
    return pass_padding(t, h->size, err);
}

static int add_file(struct vmtar *t, const struct vmtar_header *h, const char *path, struct error *err)
{
    if (t->count == VMTAR_FILES_MAX)
        return error_set(err, "%s: more than %d files; no hypervisor image has so many", t->at->where,
                         VMTAR_FILES_MAX);
    char *copy = quota_alloc(&t->w->quota, strlen(path) + 1, t->at->where, err);
    if (!copy)
        return -1;
    strcpy(copy, path);
    if (h->size && h->data_at < t->bytes_at)
        t->bytes_at = h->data_at;
    t->file[t->count++] = (struct vmtar_file){.at = h->data_at, .size = h->size, .path = copy};
    return 0;
}

static int give(struct vmtar *t, const char *path, uint64_t size, struct error *err)
{
    struct walk_entry entry;
    if (walk_ask(t->w, t->at, path, size, &entry, err) < 0)
        return -1;
    if (entry.want == MEDIA_SKIP)
        return 0;
    char where[STREAM_WHERE_MAX];
    walk_where(where, t->at->where, path);
    uint64_t end = t->s->offset + size;
    struct stream *s = stream_window(t->s, size, where, err);
    if (!s)
        return -1;
    int result = walk_content(t->w, t->at, path, &entry, s, err);
    stream_close(s);
    return result == 0 && t->s->offset < end ? stream_cut_short(t->s, path, err) : result;
}

static int pass_to(struct vmtar *t, uint64_t offset, struct error *err)
{
    uint64_t skipped, due = offset - t->s->offset;
    if (stream_skip(t->s, due, &skipped, err) < 0)
        return -1;
    return skipped < due ? stream_cut_short(t->s, "the bytes of its files", err) : 0;
}

/* A file whose bytes follow its header. */
static int give_inline(struct vmtar *t, const struct vmtar_header *h, const char *path, struct error *err)
{
    uint64_t end = t->s->offset + h->size;
    if (end < h->size)
        return error_set(err, "%s: %s has an impossible size: it is damaged", t->at->where, path);
    if (give(t, path, h->size, err) < 0 || pass_to(t, end, err) < 0)
        return -1;
    return pass_padding(t, h->size, err);
}

static int one_header(struct vmtar *t, const struct vmtar_header *h, struct error *err)
{
    if (h->type == 'L')
        return read_long_name(t, h, err);
    char path[MEDIA_PATH_MAX];
    const char *raw = t->long_name[0] ? t->long_name : h->name;
    bool regular = h->type == '0' || h->type == '\0' || h->type == '7';
    if (!regular) {
        t->long_name[0] = '\0';
        return walk_count(t->w, t->at, err);
    }
    if (path_clean(raw, path, err) < 0)
        return error_wrap(err, "%s", t->at->where);
    t->long_name[0] = '\0';
    return h->data_at ? add_file(t, h, path, err) : give_inline(t, h, path, err);
}

static int read_headers(struct vmtar *t, struct error *err)
{
    for (;;) {
        uint8_t block[TAR_BLOCK];
        struct vmtar_header h;
        /* A list that fills its last page has no block of zeros behind it. */
        if (t->s->offset == t->bytes_at)
            return 0;
        if (stream_exact(t->s, block, sizeof block, "its list of files", err) < 0)
            return -1;
        if (header_parse(block, &h, err) < 0)
            return error_wrap(err, "%s: at byte %" PRIu64, t->at->where, t->s->offset - TAR_BLOCK);
        if (h.end)
            return 0;
        if (one_header(t, &h, err) < 0)
            return -1;
    }
}

static int by_offset(const void *a, const void *b)
{
    const struct vmtar_file *x = a, *y = b;
    return x->at < y->at ? -1 : x->at > y->at;
}

static int give_files(struct vmtar *t, struct error *err)
{
    qsort(t->file, t->count, sizeof *t->file, by_offset);
    for (uint32_t i = 0; i < t->count; i++) {
        const struct vmtar_file *f = &t->file[i];
        if (f->size && f->at < t->s->offset)
            return error_set(err,
                             "%s: %s begins at byte %" PRIu64
                             ", within what lies before it: it is damaged; get "
                             "the image again",
                             t->at->where, f->path, f->at);
        if (f->size && pass_to(t, f->at, err) < 0)
            return -1;
        uint64_t end = t->s->offset + f->size;
        if (give(t, f->path, f->size, err) < 0 || pass_to(t, end, err) < 0)
            return -1;
    }
    return 0;
}

int vmtar_walk(struct walk *w, const struct place *at, struct stream *s, struct error *err)
{
    struct vmtar t = {.w = w, .at = at, .s = s, .bytes_at = UINT64_MAX};
    size_t size = VMTAR_FILES_MAX * sizeof *t.file;
    t.file = quota_alloc(&w->quota, size, at->where, err);
    if (!t.file)
        return -1;
    int result = read_headers(&t, err);
    if (result == 0)
        result = give_files(&t, err);
    for (uint32_t i = 0; i < t.count; i++)
        quota_free(&w->quota, t.file[i].path, strlen(t.file[i].path) + 1);
    quota_free(&w->quota, t.file, size);
    return result;
}
