/* Imports of media made by fixture.sh, in a folder of their own that is the working directory. */
#pragma once

#include "base/buf.h"
#include "image/import.h"

int fixture_enter_empty(void **state);   /* a folder of its own, with nothing in it */
int fixture_enter(void **state);         /* group set-up: makes the folder and the media */
int fixture_enter_kernels(void **state); /* the same with what kernels.py makes */
int fixture_leave(void **state);

void run(const char *format, ...)
    __attribute__((format(printf, 1, 2))); /* a shell command that must succeed */

struct imported {
    struct image *image; /* NULL when the import failed */
    struct error err;
    struct buf notes;
    unsigned tables;
};

/* Checks too that every file begun in the sink was finished or discarded, and that each finished one is in
 * the image. */
struct imported import_of(const char *path);
/* The same for one who wants to see partition tables: disk images are read to their end. */
struct imported inspect_of(const char *path);
void imported_free(struct imported *in);

/* Imports and expects success, or an error with these words in it. */
struct image *import_good(const char *path); /* image_free */
void import_bad(const char *path, const char *part);
void import_noted(const char *path, const char *part); /* a note with these words */

/* "kernel module1 module2 ...", then " | " and the extras. */
void expect_files(const struct image *image, const char *list);
