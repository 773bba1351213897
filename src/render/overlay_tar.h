/*
 * A ustar archive inside one gzip member, and its listing. Equal entries give equal bytes: no clock, no names
 * of this machine.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#define OVERLAY_NAME_MAX 100 /* bytes: the name field of ustar; vmtar reuses its prefix field (facts 3.2) */

/* 1980-01-01 00:00:00 UTC, for every entry: facts 3.2 asks for a time above 0. */
#define OVERLAY_MTIME      315532800u
#define OVERLAY_MTIME_TEXT "1980-01-01 00:00"

enum overlay_kind {
    OVERLAY_FILE = '0', /* ustar's typeflag */
    OVERLAY_LINK = '2',
    OVERLAY_FOLDER = '5',
};

struct overlay_entry {
    const char *path; /* relative, without a trailing '/' */
    enum overlay_kind kind;
    unsigned mode;
    const char *link; /* target, of a link */
    struct slice content;
};

/* Appends archive and listing. The entries are written in the order given. */
int overlay_tar(const struct overlay_entry *entries, size_t count, struct buf *archive, struct buf *listing,
                struct error *err);
