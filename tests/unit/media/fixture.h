/*
 * Media made by foreign tools in a temporary folder, and a visitor that remembers what a walk told. Failures
 * of the fixture itself end the test. Include after cmocka.h.
 */
#pragma once

#include "media/media.h"

#include "base/buf.h"

#include <stddef.h>

struct seen_entry {
    uint32_t id, parent;
    char *path;
    char *where;
    uint64_t size;
    unsigned partition;
    enum media_want want;
    struct buf bytes; /* of those taken */
    bool ended;
};

struct seen {
    enum media_want (*choose)(const struct media_entry *e); /* set by the test; NULL takes everything */
    struct media_limits limits;                             /* zero: the defaults */
    struct seen_entry *entry;
    size_t entries;
    struct buf kinds; /* "ISO 9660, gzip, tar" */
    struct buf notes; /* one a line */
    struct buf links; /* "path=target " */
    struct media_table table;
    unsigned tables;
    bool keep_nothing; /* count bytes only */
    uint64_t bytes;
    struct error err;
};

/* Group setup and teardown for cmocka: a temporary folder becomes the working directory, and is removed. */
int fixture_enter(void **state);
int fixture_leave(void **state);

/* Runs a shell command that has to succeed; its output is shown when it does not. */
void run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Walks a file or directory below the working directory. */
int walk_path(const char *path, struct seen *seen);
void walk_ok(const char *path, struct seen *seen);

/* The walk has to fail with a text that holds all of these (ended by NULL). */
void walk_fails(const char *path, struct seen *seen, ...);

void seen_fini(struct seen *seen);
const struct seen_entry *seen_find(const struct seen *seen, const char *path); /* NULL when not told */
const struct seen_entry *seen_get(const struct seen *seen,
                                  const char *path); /* has to be there, and complete */

/* The entry's bytes are those of a file. */
void same_as_file(const struct seen *seen, const char *path, const char *file);

/* Every file below a folder was told with its bytes, and as many entries as there are files. */
void same_as_folder(const struct seen *seen, const char *folder);

/* Opens what looks like a container by its name, takes the rest and all of a disk's files. */
enum media_want open_containers(const struct media_entry *e);
enum media_want open_all(const struct media_entry *e);
enum media_want skip_all(const struct media_entry *e);

/* Bytes at an offset of a file. */
void poke(const char *file, long offset, const void *bytes, size_t size);
void peek(const char *file, long offset, void *bytes, size_t size);
void flip(const char *file, long offset, unsigned bit);
long size_of(const char *file);
