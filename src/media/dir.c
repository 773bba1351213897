/* A directory as a medium: its regular files in sorted order, never leaving it. */
#include "media/walk.h"

#include "base/cleanup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DIR_LEVELS_MAX 64
#define DIR_NAMES_MAX  (4u << 20) /* bytes of names in one directory */

struct names {
    struct quota *quota;
    char *text;        /* names with their NULs, owned */
    size_t used, room; /* bytes */
    const char **name;
    size_t count;
};

/* Below the top directory only, whatever symbolic links say. */
static int open_below(int top, const char *path)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    return (int)syscall(SYS_openat2, top, path, &how, sizeof how);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void names_fini(struct names *n)
{
    quota_free(n->quota, n->text, n->room);
    free(n->name);
    if (n->name)
        quota_release(n->quota, n->count * sizeof *n->name);
}

static int names_index(struct names *n, const char *where, struct error *err)
{
    if (quota_reserve(n->quota, n->count * sizeof *n->name, where, err) < 0)
        return -1;
    n->name = malloc((n->count + 1) * sizeof *n->name);
    if (!n->name) {
        quota_release(n->quota, n->count * sizeof *n->name);
        return error_errno(err, ENOMEM, "%s", where);
    }
    const char *at = n->text;
    for (size_t i = 0; i < n->count; i++, at += strlen(at) + 1)
        n->name[i] = at;
    qsort(n->name, n->count, sizeof *n->name, by_name);
    return 0;
}

static int names_add(struct names *n, const char *name, size_t size, const char *where, struct error *err)
{
    if (n->used + size > n->room) {
        size_t room = n->room ? 2 * n->room : 4096;
        char *grown = room > DIR_NAMES_MAX ? NULL : quota_alloc(n->quota, room, where, err);
        if (room > DIR_NAMES_MAX)
            error_set(err, "%s: too many files in it; name the folder of the image itself", where);
        if (!grown)
            return -1;
        if (n->used)
            memcpy(grown, n->text, n->used);
        quota_free(n->quota, n->text, n->room);
        n->text = grown;
        n->room = room;
    }
    memcpy(n->text + n->used, name, size);
    n->used += size;
    n->count++;
    return 0;
}

/* The process that reads has a user of its own, who may read less than the operator. */
static int unreadable(struct error *err, int code, const char *where, const char *what)
{
    error_errno(err, code, "%s: %s", where, what);
    if (code != EACCES)
        return -1;
    struct error plain = *err;
    return error_set(err, "%.900s for uid %u, who reads images: let it (chmod -R a+rX), or take a copy",
                     plain.text, (unsigned)geteuid());
}

static int names_read(struct names *n, int dirfd, const char *where, struct error *err)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (!d) {
        unreadable(err, errno, where, "cannot list it");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    int result = 0;
    struct dirent *e;
    for (errno = 0; result == 0 && (e = readdir(d)); errno = 0) {
        size_t size = strlen(e->d_name) + 1;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        result = names_add(n, e->d_name, size, where, err);
    }
    if (result == 0 && errno)
        result = error_errno(err, errno, "%s: cannot list it", where);
    closedir(d);
    return result;
}

static int names_init(struct names *n, struct quota *quota, int dirfd, const char *where, struct error *err)
{
    *n = (struct names){.quota = quota};
    if (names_read(n, dirfd, where, err) == 0 && names_index(n, where, err) == 0)
        return 0;
    names_fini(n);
    return -1;
}

struct level {
    const struct level *up;
    const char *path; /* below the top; "" for the top itself */
    dev_t dev;
    ino_t ino;
    unsigned depth;
};

struct tree {
    struct walk *w;
    const struct place *at;
    int top;
};

static int walk_level(struct tree *t, int fd, const struct level *here, struct error *err);

/* A symbolic link may lead up to where the walk already is. */
static bool is_above(const struct level *here, const struct stat *st)
{
    for (; here; here = here->up)
        if (here->dev == st->st_dev && here->ino == st->st_ino)
            return true;
    return false;
}

static int walk_file(struct tree *t, int fd, const char *path, uint64_t size, struct error *err)
{
    char where[STREAM_WHERE_MAX];
    struct walk_entry entry;
    if (walk_ask(t->w, t->at, path, size, &entry, err) < 0)
        return -1;
    if (entry.want == MEDIA_SKIP)
        return 0;
    walk_where(where, t->at->where, path);
    t->w->progress_due = 0;
    struct stream *s = stream_of_fd(fd, &t->w->quota, where, walk_progress, t->w, err);
    if (!s)
        return -1;
    int result = walk_content(t->w, t->at, path, &entry, s, err);
    stream_close(s);
    return result;
}

static int walk_name(struct tree *t, const struct level *here, const char *name, struct error *err)
{
    char path[MEDIA_PATH_MAX];
    struct stat st;
    if (path_join(here->path, name, path, err) < 0)
        return error_wrap(err, "%s", t->at->where);
    cleanup_close int fd = open_below(t->top, path);
    if (fd < 0 && (errno == EXDEV || errno == ENOENT || errno == ELOOP || errno == ENXIO)) {
        walk_note(t->w, t->at->where, "%s is passed over: %s", path,
                  errno == EXDEV ? "it is a link that leads out of the directory" : strerror(errno));
        return 0;
    }
    if (fd < 0 || fstat(fd, &st) < 0)
        return unreadable(err, errno, t->at->where, path);
    if (S_ISREG(st.st_mode))
        return walk_file(t, fd, path, (uint64_t)st.st_size, err);
    if (!S_ISDIR(st.st_mode) || is_above(here, &st)) {
        walk_note(t->w, t->at->where, "%s is passed over: %s", path,
                  S_ISDIR(st.st_mode) ? "it leads back to a directory above it" : "no regular file");
        return 0;
    }
    if (here->depth == DIR_LEVELS_MAX)
        return error_set(err, "%s: %s: more than %d directories deep; name the folder of the image itself",
                         t->at->where, path, DIR_LEVELS_MAX);
    struct level below = {here, path, st.st_dev, st.st_ino, here->depth + 1};
    if (walk_count(t->w, t->at, err) < 0)
        return -1;
    return walk_level(t, fd, &below, err);
}

static int walk_level(struct tree *t, int fd, const struct level *here, struct error *err)
{
    struct names names;
    if (names_init(&names, &t->w->quota, fd, t->at->where, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < names.count; i++)
        result = walk_name(t, here, names.name[i], err);
    names_fini(&names);
    return result;
}

int dir_walk(struct walk *w, const struct place *at, int fd, struct error *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return error_errno(err, errno, "%s", at->where);
    struct tree tree = {w, at, fd};
    struct level top = {NULL, "", st.st_dev, st.st_ino, 0};
    return walk_level(&tree, fd, &top, err);
}
