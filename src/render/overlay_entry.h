/*
 * One file, link or folder of an overlay, as the archive writers and the listing take it: sorted by path,
 * parents before what is in them.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* 1980-01-01 00:00:00 UTC, for every entry: equal input gives equal bytes, and no reader takes it for unset.
 */
#define OVERLAY_MTIME      315532800u
#define OVERLAY_MTIME_TEXT "1980-01-01 00:00"

enum overlay_kind {
    OVERLAY_FILE,
    OVERLAY_LINK,
    OVERLAY_FOLDER,
};

struct overlay_entry {
    const char *path; /* relative, without a trailing '/' */
    enum overlay_kind kind;
    unsigned mode;    /* permission bits */
    const char *link; /* target, of a link */
    struct slice content;
};

/* Appends one line an entry, as `tar tv` prints them. */
void overlay_list(const struct overlay_entry *entries, size_t count, struct buf *listing);
