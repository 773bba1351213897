/* Files: whole reads with a limit, whole writes, and a write that is either all there after a crash or not at
 * all. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* Writes every byte or fails (EINTR and short writes handled). */
int file_write_all(int fd, const void *data, size_t size, struct error *err);

/* Whether a write of a line would not wait: a reader that stopped (ctrl-S, `| less`) must not stop a server.
 */
bool file_takes_now(int fd);

/* Appends the whole of fd to out; more than limit bytes is an error. `name` is for the message. */
int file_read_all(int fd, const char *name, size_t limit, struct buf *out, struct error *err);

/* As file_read_all, for a path below dirfd (AT_FDCWD for the working directory). code is ENOENT when there is
 * none. */
int file_read_at(int dirfd, const char *path, size_t limit, struct buf *out, struct error *err);

/* Puts data at dirfd/path by a temporary file in the same directory, fsync, rename, and fsync of the
 * directory. */
int file_replace_at(int dirfd, const char *path, const void *data, size_t size, unsigned mode,
                    struct error *err);

/* A sealed memory file (F_SEAL_WRITE|GROW|SHRINK|SEAL) with these bytes, offset 0. Returns the descriptor,
 * owned. */
int file_sealed(const char *name, const void *data, size_t size, struct error *err);
