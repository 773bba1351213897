#include "proc/overlay_job.h"

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "render/overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EXTRAS_MAX       10000
#define EXTRAS_DEPTH_MAX 16
#define EXTRA_PATH_MAX   512

/* Everything read from the operator's folder; owns paths, links and contents. */
struct extras {
    struct overlay_extra *list;
    size_t count;
    size_t bytes;
};

static void extras_fini(struct extras *x)
{
    for (size_t i = 0; i < x->count; i++) {
        uint8_t *content;
        memcpy(&content, &x->list[i].content.data, sizeof content);
        free(content);
        free((char *)(uintptr_t)x->list[i].path);
        free((char *)(uintptr_t)x->list[i].link);
    }
    free(x->list);
}

static int extras_add(struct extras *x, const struct overlay_extra *extra, const char *path,
                      struct error *err)
{
    if (x->count == EXTRAS_MAX)
        return error_set(err, "more than %d files in the folder: an overlay is for a few", EXTRAS_MAX);
    struct overlay_extra *list = realloc(x->list, (x->count + 1) * sizeof *list);
    char *copy = strdup(path);
    if (list)
        x->list = list;
    if (!list || !copy) {
        free(copy);
        return error_errno(err, ENOMEM, "read %s", path);
    }
    list[x->count] = *extra;
    list[x->count++].path = copy;
    return 0;
}

static int add_file(struct extras *x, int dir, const char *name, const char *path, const struct stat *st,
                    struct error *err)
{
    cleanup_buf struct buf content = BUF_INIT;
    if (faccessat(dir, name, R_OK, AT_EACCESS) < 0 && errno == EACCES)
        return error_set(err, "%s may not be read by the user that bootherd runs as: chmod o+r it", path);
    if (file_read_at(dir, name, OVERLAY_SIZE_MAX - x->bytes, &content, err) < 0)
        return -1;
    x->bytes += content.size;
    struct overlay_extra extra = {.mode = st->st_mode & 07777, .content = buf_slice(&content)};
    if (extras_add(x, &extra, path, err) < 0)
        return -1;
    content = (struct buf)BUF_INIT; /* the extra owns it now */
    return 0;
}

static int add_link(struct extras *x, int dir, const char *name, const char *path, struct error *err)
{
    char target[EXTRA_PATH_MAX];
    ssize_t n = readlinkat(dir, name, target, sizeof target - 1);
    if (n < 0 || (size_t)n == sizeof target - 1)
        return error_errno(err, n < 0 ? errno : ENAMETOOLONG, "read the link %s", path);
    target[n] = 0;
    struct overlay_extra extra = {.mode = 0777, .link = strdup(target)};
    if (!extra.link)
        return error_errno(err, ENOMEM, "read %s", path);
    if (extras_add(x, &extra, path, err) == 0)
        return 0;
    free((char *)(uintptr_t)extra.link);
    return -1;
}

static int walk_folder(struct extras *x, int dir_fd, const char *prefix, unsigned depth, struct error *err);

static int add_entry(struct extras *x, int dir, const char *name, const char *prefix, unsigned depth,
                     struct error *err)
{
    char path[EXTRA_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof path, "%s%s%s", prefix, *prefix ? "/" : "", name);
    if (n < 0 || (size_t)n >= sizeof path)
        return error_set(err, "%s/%s: the path is too long for an overlay", prefix, name);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(err, errno, "%s", path);
    if (S_ISREG(st.st_mode))
        return add_file(x, dir, name, path, &st, err);
    if (S_ISLNK(st.st_mode))
        return add_link(x, dir, name, path, err);
    if (!S_ISDIR(st.st_mode))
        return error_set(err, "%s is neither a file, a folder nor a link: take it out of the folder", path);
    int sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (sub < 0)
        return error_errno(err, errno, "open %s", path);
    struct overlay_extra extra = {.mode = st.st_mode & 07777, .directory = true};
    if (extras_add(x, &extra, path, err) < 0) {
        close(sub);
        return -1;
    }
    return walk_folder(x, sub, path, depth + 1, err);
}

/* Takes dir_fd. */
static int walk_folder(struct extras *x, int dir_fd, const char *prefix, unsigned depth, struct error *err)
{
    DIR *dir = depth <= EXTRAS_DEPTH_MAX ? fdopendir(dir_fd) : NULL;
    if (!dir) {
        int code = errno;
        close(dir_fd);
        return depth > EXTRAS_DEPTH_MAX
                   ? error_set(err, "%s: more than %d folders deep", prefix, EXTRAS_DEPTH_MAX)
                   : error_errno(err, code, "open %s", prefix);
    }
    int result = 0;
    for (struct dirent *e; result == 0 && (e = readdir(dir));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            result = add_entry(x, dirfd(dir), e->d_name, prefix, depth, err);
    closedir(dir);
    return result;
}

static int read_extras(int root_fd, const char *files, struct extras *x, struct error *err)
{
    char path[2 * FLEET_NAME_MAX];
    snprintf(path, sizeof path, OVERLAY_FILES_FOLDER "/%s", files);
    struct open_how how = {.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_BENEATH};
    int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof how);
    if (fd < 0)
        return error_errno(err, errno, "the node's own files: folder %s below --root", path);
    if (walk_folder(x, fd, "", 0, err) < 0)
        return error_wrap(err, "the node's own files: folder %s below --root", path);
    return 0;
}

int overlay_job(int files_root_fd, const struct fleet *fleet, const struct fleet_node *node,
                const struct image *image, const char *agent_list, struct buf *archive, struct buf *listing,
                struct error *err)
{
    struct fleet_settings settings = fleet_effective(fleet, node);
    struct extras extras = {0};
    int result = settings.files ? read_extras(files_root_fd, settings.files, &extras, err) : 0;
    if (result == 0) {
        struct overlay_input input = {
            .image = image,
            .settings = &settings,
            .node = node->name,
            .hostname = fleet_hostname(node),
            .ip = node->ip,
            .agent_list = agent_list,
            .extras = extras.list,
            .extra_count = extras.count,
        };
        cleanup_buf struct buf ignored = BUF_INIT;
        result = overlay_render(&input, archive, listing ? listing : &ignored, err);
    }
    extras_fini(&extras);
    return result < 0 ? error_wrap(err, "overlay of %s", node->name) : 0;
}
