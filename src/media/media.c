#include "media/media.h"

#include "media/walk.h"

#include <errno.h>
#include <sys/stat.h>

const char *media_kind_name(enum media_kind kind)
{
    static const char *const names[] = {
        [MEDIA_KIND_FILE] = "plain file", [MEDIA_KIND_DIRECTORY] = "directory",
        [MEDIA_KIND_ISO] = "ISO 9660",    [MEDIA_KIND_TAR] = "tar",
        [MEDIA_KIND_DISK] = "disk image", [MEDIA_KIND_GZIP] = "gzip",
        [MEDIA_KIND_BZIP2] = "bzip2",     [MEDIA_KIND_XZ] = "xz",
        [MEDIA_KIND_ZSTD] = "zstd",
    };
    return names[kind];
}

/* Directory or regular file; anything else is an error. */
static int source_is_dir(int fd, const char *name, bool *is_dir, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "%s", name);
    *is_dir = S_ISDIR(st.st_mode);
    if (!*is_dir && !S_ISREG(st.st_mode))
        return error_set(err, "%s: neither a file nor a directory: copy what it holds to a file first", name);
    return 0;
}

static int walk_source(struct walk *w, int fd, const char *name, struct error *err)
{
    struct place top = {.where = name, .name = path_base(name)};
    bool is_dir;
    if (source_is_dir(fd, name, &is_dir, err) < 0)
        return -1;
    if (is_dir) {
        const struct media_visitor *v = w->visitor;
        if (v->kind && v->kind(v->ctx, 0, name, MEDIA_KIND_DIRECTORY, err) < 0)
            return -1;
        return dir_walk(w, &top, fd, err);
    }
    struct stream *s = stream_of_fd(fd, &w->quota, name, walk_progress, w, err);
    if (!s)
        return -1;
    int result = walk_stream(w, &top, s, err);
    if (result == 0)
        result = stream_drain(s, err);
    stream_close(s);
    return result;
}

int media_walk(int fd, const char *name, const struct media_visitor *visitor,
               const struct media_limits *limits, struct error *err)
{
    struct walk w = {.quota.limits = *limits, .visitor = visitor};
    return walk_source(&w, fd, name, err);
}

static const struct media_limits no_limits = {UINT64_MAX, UINT64_MAX}; /* nothing is unpacked */

int media_kind_of(int fd, const char *name, enum media_kind *out, struct error *err)
{
    bool is_dir;
    if (source_is_dir(fd, name, &is_dir, err) < 0)
        return -1;
    *out = MEDIA_KIND_DIRECTORY;
    if (is_dir)
        return 0;
    struct quota quota = {.limits = no_limits};
    struct stream *s = stream_of_fd(fd, &quota, name, NULL, NULL, err);
    struct slice head;
    int result = s ? stream_peek(s, SNIFF_SIZE, &head, err) : -1;
    if (result == 0)
        *out = sniff_kind(head);
    stream_close(s);
    return result;
}
