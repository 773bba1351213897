/*
 * ISO 9660 and tar by libarchive, one format at a time and no filters: our own streams lie below. What
 * libarchive does not limit by itself is limited here.
 */
#include "media/walk.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Bytes of headers (folders of an ISO, long names and sparse maps of a tar) read so far. libarchive keeps
 * about ten bytes for each byte of an ISO's folders until the last entry; ESXi's discs have some 20 kB, the
 * largest of Linux' (12000 packages) 2.3 MB. The memory is reserved as the folders are read: what is packed
 * in a small disc may unpack on all cores. */
#define HEADER_BYTES_MAX (5u << 19)
#define HEADER_MEMORY    10u
#define ISO_MEMORY       (2u << 20) /* its buffers */
#define TAR_MEMORY       (4u << 20) /* one extended header of at most 1 MiB, copied, and buffers */
#define HEADER_BLOCK     2048       /* read in small steps while headers are looked for, to count them well */

struct reader {
    struct archive *a;
    struct stream *in; /* borrowed */
    enum media_kind kind;
    struct error failed; /* of `in`, when text is set: libarchive's own message would be a consequence */
    size_t lent;         /* bytes of `in` given to libarchive, not yet consumed there */
    uint64_t data_left;  /* of the file being read; all else that libarchive asks for is headers */
    uint64_t header_bytes;
    size_t reserved;         /* of the quota */
    uint8_t last[TAR_BLOCK]; /* the last bytes given */
    bool ended;              /* libarchive asked for more than there is */
    locale_t locale, old_locale;
};

static void settle(struct reader *r)
{
    stream_consume(r->in, r->lent);
    r->lent = 0;
}

static void remember_last(struct reader *r, struct slice block)
{
    if (block.size >= TAR_BLOCK) {
        memcpy(r->last, block.data + block.size - TAR_BLOCK, TAR_BLOCK);
    } else {
        memmove(r->last, r->last + block.size, TAR_BLOCK - block.size);
        memcpy(r->last + TAR_BLOCK - block.size, block.data, block.size);
    }
}

/* The memory that libarchive takes for the headers read so far. */
static int reserve_headers(struct reader *r)
{
    size_t memory = ISO_MEMORY + (size_t)r->header_bytes * HEADER_MEMORY;
    if (r->kind != MEDIA_KIND_ISO || memory <= r->reserved)
        return 0;
    if (quota_reserve(r->in->quota, memory - r->reserved, r->in->where, &r->failed) < 0)
        return -1;
    r->reserved = memory;
    return 0;
}

static la_ssize_t reader_read(struct archive *a, void *ctx, const void **bytes)
{
    struct reader *r = ctx;
    struct slice block;
    settle(r);
    if (r->header_bytes > HEADER_BYTES_MAX) {
        error_set(&r->failed, "%s: more than %u bytes of file lists; no hypervisor image has so many",
                  r->in->where, HEADER_BYTES_MAX);
        archive_set_error(a, ENOMEM, "too many headers");
        return -1;
    }
    if (stream_look(r->in, &block, &r->failed) < 0) {
        archive_set_error(a, EIO, "the source failed");
        return -1;
    }
    uint64_t limit = r->data_left > HEADER_BLOCK ? r->data_left : HEADER_BLOCK;
    if (block.size > limit)
        block.size = (size_t)limit;
    if (r->data_left == 0) {
        r->header_bytes += block.size;
        if (reserve_headers(r) < 0) {
            archive_set_error(a, ENOMEM, "no memory for headers");
            return -1;
        }
    }
    r->data_left -= block.size < r->data_left ? block.size : r->data_left;
    if (block.size)
        remember_last(r, block);
    else
        r->ended = true;
    r->lent = block.size;
    *bytes = block.data;
    return (la_ssize_t)block.size;
}

static la_int64_t reader_skip(struct archive *a, void *ctx, la_int64_t size)
{
    struct reader *r = ctx;
    uint64_t skipped = 0;
    settle(r);
    /* libarchive 3.6 takes a negative answer for progress and asks for ever. The stream stays failed, so the
     * read that follows a skip of nothing reports it. */
    if (stream_skip(r->in, (uint64_t)size, &skipped, &r->failed) < 0)
        return 0;
    return (la_int64_t)skipped;
}

static int reader_error(struct reader *r, struct error *err)
{
    if (r->failed.text[0]) {
        *err = r->failed;
        return -1;
    }
    const char *why = archive_error_string(r->a);
    return error_set(err,
                     "%s: near byte %" PRIu64 ": %s: it is damaged or cut short; download or copy it again",
                     r->in->where, r->in->offset, why ? why : "unreadable");
}

/* Disc images say how long they are. */
static int check_iso_size(struct stream *s, struct error *err)
{
    struct slice head;
    if (stream_peek(s, SNIFF_SIZE, &head, err) < 0)
        return -1;
    uint64_t bytes = sniff_iso_bytes(head);
    if (s->size == MEDIA_SIZE_UNKNOWN || bytes <= s->size)
        return 0;
    return error_set(err,
                     "%s: the ISO says it is %" PRIu64 " bytes long, but only %" PRIu64
                     " are there: it is cut short; download or copy it again",
                     s->where, bytes, s->size);
}

static void reader_close(struct reader *r)
{
    if (r->a)
        archive_read_free(r->a);
    settle(r);
    if (r->locale) {
        uselocale(r->old_locale);
        freelocale(r->locale);
    }
    quota_release(r->in->quota, r->reserved);
}

static int reader_open(struct reader *r, struct stream *in, enum media_kind kind, struct error *err)
{
    *r = (struct reader){.in = in, .kind = kind};
    if (kind == MEDIA_KIND_ISO && check_iso_size(in, err) < 0)
        return -1;
    size_t memory = kind == MEDIA_KIND_ISO ? ISO_MEMORY : TAR_MEMORY;
    if (quota_reserve(in->quota, memory, in->where, err) < 0)
        return -1;
    r->reserved = memory;
    /* libarchive turns Joliet and pax names into the locale's characters; ours are UTF-8 in any locale. */
    r->locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (r->locale)
        r->old_locale = uselocale(r->locale);
    r->a = archive_read_new();
    int result = !r->a                    ? ARCHIVE_FATAL
                 : kind == MEDIA_KIND_ISO ? archive_read_support_format_iso9660(r->a)
                                          : archive_read_support_format_tar(r->a);
    if (result == ARCHIVE_OK)
        result = archive_read_open2(r->a, r, NULL, reader_read, reader_skip, NULL);
    if (result == ARCHIVE_OK)
        return 0;
    if (r->a)
        reader_error(r, err);
    else
        error_errno(err, ENOMEM, "%s", in->where);
    reader_close(r);
    return -1;
}

/* An archive that was cut between two entries looks complete to libarchive. */
static int check_tar_end(struct reader *r, struct error *err)
{
    static const uint8_t mark[TAR_BLOCK];
    if (r->kind != MEDIA_KIND_TAR || !r->ended || memcmp(r->last, mark, sizeof mark) == 0)
        return 0;
    return stream_cut_short(r->in, "a tar archive without its end mark", err);
}

static const char *raw_name(struct archive_entry *e)
{
    const char *name = archive_entry_pathname_utf8(e);
    return name ? name : archive_entry_pathname(e);
}

/* The next entry that is a regular file with bytes of its own. *e is NULL at the end. *warned: libarchive has
 * a doubt about it. */
static int reader_next(struct reader *r, struct walk *w, const struct place *at, struct archive_entry **e,
                       bool *warned, struct error *err)
{
    for (;;) {
        r->data_left = 0;
        int result = archive_read_next_header(r->a, e);
        if (r->kind == MEDIA_KIND_TAR)
            r->header_bytes = 0;
        if (result == ARCHIVE_EOF) {
            *e = NULL;
            return check_tar_end(r, err);
        }
        if ((result != ARCHIVE_OK && result != ARCHIVE_WARN) || !raw_name(*e))
            return reader_error(r, err);
        *warned = result == ARCHIVE_WARN;
        if (archive_entry_filetype(*e) != AE_IFREG && walk_count(w, at, err) < 0)
            return -1;
        const char *target = archive_entry_symlink_utf8(*e);
        if (archive_entry_filetype(*e) == AE_IFLNK && target && r->kind == MEDIA_KIND_ISO)
            walk_link(w, at, raw_name(*e), target, true);
        if (archive_entry_hardlink(*e)) {
            if (walk_count(w, at, err) < 0)
                return -1;
            walk_note(w, at->where, "%s is a second name of %s; only that one is read", raw_name(*e),
                      archive_entry_hardlink(*e));
            walk_link(w, at, raw_name(*e), archive_entry_hardlink(*e), false);
        } else if (archive_entry_filetype(*e) == AE_IFREG) {
            return 0;
        }
    }
}

/* The bytes of one entry. */
struct member {
    struct stream base;
    struct reader *r;
    uint64_t given;
    uint64_t hole; /* zeros to give before `rest` */
    struct slice rest;
    bool sparse;
};

static int member_more(struct member *m, struct error *err)
{
    const void *bytes = NULL;
    size_t size = 0;
    la_int64_t offset = 0;
    int result = archive_read_data_block(m->r->a, &bytes, &size, &offset);
    if (result == ARCHIVE_EOF) {
        offset = (la_int64_t)m->base.size; /* a sparse file may end in a hole */
        size = 0;
        if (!m->sparse && m->given != m->base.size)
            return error_set(
                err, "%s: only %" PRIu64 " of its %" PRIu64 " bytes are there: the archive is damaged",
                m->base.where, m->given, m->base.size);
    } else if (result != ARCHIVE_OK) {
        return reader_error(m->r, err);
    }
    if (offset < 0 || (uint64_t)offset < m->given || (uint64_t)offset > m->base.size ||
        size > m->base.size - (uint64_t)offset)
        return error_set(err,
                         "%s: the archive holds pieces of it that do not fit its size of %" PRIu64
                         " bytes: it is damaged",
                         m->base.where, m->base.size);
    m->hole = (uint64_t)offset - m->given;
    m->rest = (struct slice){bytes, size};
    return 0;
}

static int member_fill(struct stream *s, struct slice *out, struct error *err)
{
    static const uint8_t zeros[4096];
    struct member *m = (struct member *)s;
    *out = (struct slice){0};
    while (m->given < s->size && m->hole == 0 && m->rest.size == 0)
        if (member_more(m, err) < 0)
            return -1;
    if (m->hole) {
        *out = (struct slice){zeros, m->hole < sizeof zeros ? (size_t)m->hole : sizeof zeros};
        m->hole -= out->size;
    } else {
        *out = m->rest;
        m->rest = (struct slice){0};
    }
    m->given += out->size;
    return 0;
}

static void member_close(struct stream *s)
{
    free(s);
}

static struct stream *member_open(struct reader *r, struct archive_entry *e, const struct place *at,
                                  const char *path, struct error *err)
{
    static const struct stream_ops ops = {member_fill, NULL, NULL, member_close};
    struct member *m = calloc(1, sizeof *m);
    if (!m) {
        error_errno(err, ENOMEM, "%s", at->where);
        return NULL;
    }
    char where[STREAM_WHERE_MAX];
    walk_where(where, at->where, path);
    stream_init(&m->base, &ops, r->in->quota, where, (uint64_t)archive_entry_size(e));
    m->r = r;
    r->data_left = m->base.size;
    m->sparse = archive_entry_sparse_count(e) > 0;
    return &m->base;
}

static int give(struct walk *w, const struct place *at, struct reader *r, struct archive_entry *e,
                bool warned, struct error *err)
{
    char path[MEDIA_PATH_MAX];
    struct walk_entry entry;
    la_int64_t size = archive_entry_size(e);
    if (size < 0)
        return error_set(err, "%s: %s has a negative size: the archive is damaged", at->where, raw_name(e));
    if (walk_ask_raw(w, at, raw_name(e), (uint64_t)size, path, &entry, err) < 0)
        return -1;
    if (entry.want == MEDIA_SKIP)
        return 0;
    if (warned)
        return reader_error(r, err);
    struct stream *s = member_open(r, e, at, path, err);
    if (!s)
        return -1;
    int result = walk_content(w, at, path, &entry, s, err);
    stream_close(s);
    return result;
}

int archive_walk(struct walk *w, const struct place *at, struct stream *s, enum media_kind kind,
                 struct error *err)
{
    struct reader r;
    if (reader_open(&r, s, kind, err) < 0)
        return -1;
    int result;
    struct archive_entry *e;
    bool warned = false;
    while ((result = reader_next(&r, w, at, &e, &warned, err)) == 0 && e)
        if ((result = give(w, at, &r, e, warned, err)) < 0)
            break;
    reader_close(&r);
    return result;
}
