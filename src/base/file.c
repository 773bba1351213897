#include "base/file.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

int file_write_all(int fd, const void *data, size_t size, struct error *err)
{
    const char *at = data;
    while (size) {
        ssize_t n = write(fd, at, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "write");
        at += n;
        size -= (size_t)n;
    }
    return 0;
}

bool file_takes_now(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    return poll(&p, 1, 0) == 1 && (p.revents & POLLOUT);
}

int file_read_all(int fd, const char *name, size_t limit, struct buf *out, struct error *err)
{
    char chunk[65536];
    size_t total = 0;
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_errno(err, errno, "read %s", name);
        if (n == 0)
            break;
        total += (size_t)n;
        if (total > limit)
            return error_set(err, "%s is larger than %zu bytes, the most that is read here", name, limit);
        buf_append(out, chunk, (size_t)n);
    }
    return out->failed ? error_errno(err, ENOMEM, "read %s", name) : 0;
}

int file_read_at(int dirfd, const char *path, size_t limit, struct buf *out, struct error *err)
{
    cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_errno(err, errno, "open %s", path);
    return file_read_all(fd, path, limit, out, err);
}

int file_replace_at(int dirfd, const char *path, const void *data, size_t size, unsigned mode,
                    struct error *err)
{
    char temporary[4096], copy[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return error_errno(err, ENAMETOOLONG, "write %s", path);
    cleanup_close int fd = openat(dirfd, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return error_errno(err, errno, "create %s", temporary);
    if (file_write_all(fd, data, size, err) < 0 || fsync(fd) < 0) {
        int code = err && err->code ? err->code : errno;
        unlinkat(dirfd, temporary, 0);
        return error_errno(err, code, "write %s", path);
    }
    if (renameat(dirfd, temporary, dirfd, path) < 0) {
        int code = errno;
        unlinkat(dirfd, temporary, 0);
        return error_errno(err, code, "rename %s to %s", temporary, path);
    }
    strcpy(copy, path);
    cleanup_close int parent = openat(dirfd, dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0 || fsync(parent) < 0)
        return error_errno(err, errno, "sync the folder of %s", path);
    return 0;
}

int file_sealed(const char *name, const void *data, size_t size, struct error *err)
{
    cleanup_close int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return error_errno(err, errno, "memory file %s", name);
    if (file_write_all(fd, data, size, err) < 0)
        return error_wrap(err, "memory file %s", name);
    if (lseek(fd, 0, SEEK_SET) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return error_errno(err, errno, "seal memory file %s", name);
    return TAKE_FD(fd);
}
