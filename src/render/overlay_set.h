/*
 * What goes into an overlay, gathered in any order: sorted, parents added, one entry a path.
 *
 * The set owns paths and texts put by overlay_set_text; everything else is borrowed until the archive is
 * written.
 */
#pragma once

#include "render/overlay_entry.h"

struct overlay_item {
    struct overlay_entry entry;
    size_t turn;     /* when it was put: the later of two wins */
    bool implied;    /* a folder without a mode of its own: gives way to one that has it */
    char *path;      /* owned; entry.path */
    struct buf text; /* owned; entry.content when put by overlay_set_text */
};

struct overlay_set {
    struct overlay_item *items; /* owned */
    size_t count;
    size_t capacity;
};

void overlay_set_fini(struct overlay_set *set);

/* A file whose text is moved into the set. */
int overlay_set_text(struct overlay_set *set, const char *path, unsigned mode, struct buf *text,
                     struct error *err);

/* Refuses paths that are empty, absolute, not clean ("..", "//", a trailing '/'), or hold control characters.
 */
int overlay_set_put(struct overlay_set *set, const struct overlay_entry *entry, struct error *err);

/* The same for a folder with the usual mode, 0755; where one was put with a mode of its own, that counts. */
int overlay_set_folder(struct overlay_set *set, const char *path, struct error *err);

/* Adds parents, sorts, drops what a later entry replaced. Fails when a path is both a folder and something
 * else. */
int overlay_set_finish(struct overlay_set *set, struct error *err);
