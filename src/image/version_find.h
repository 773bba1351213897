/* The version that stands behind a mark ("PXELINUX 6.04") somewhere in a stream of bytes. */
#pragma once

#include "base/buf.h"

#define VERSION_FIND_MAX 32 /* with NUL */

struct version_find {
    struct slice mark; /* lives as long as this; size 0: nothing is looked for */
    char text[VERSION_FIND_MAX];
    bool found; /* text is it: digits and dots */

    /* Between calls: */
    size_t matched;
    size_t size;
};

/* NULs may stand between the mark and the version. The first that counts is kept. */
void version_find_add(struct version_find *v, const void *bytes, size_t size);
