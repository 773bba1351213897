/*
 * The walk itself, as its parts see it: each container is one function that pulls from a stream and reports
 * what it finds here. Internal to the room.
 */
#pragma once

#include "media/path.h"
#include "media/quota.h"
#include "media/sniff.h"
#include "media/stream.h"

struct walk {
    struct quota quota;
    const struct media_visitor *visitor;
    uint32_t entries;      /* told so far; the last one's id */
    bool enough;           /* the visitor wants no more of the disk image that is being walked */
    uint64_t progress_due; /* source bytes at which to tell progress next */
};

/* Where in the nest of containers something lies. */
struct place {
    uint32_t parent;    /* id of the opened entry */
    unsigned partition; /* 0: none */
    unsigned depth;     /* containers around it */
    const char *where;  /* for messages */
    const char *name;   /* what a plain file here is called */
};

struct walk_entry {
    uint32_t id;
    enum media_want want;
    uint64_t bytes; /* given so far */
};

/* "outer: inner", cut with "..." when it grows too long. */
void walk_where(char out[static STREAM_WHERE_MAX], const char *outer, const char *inner);

/* Asks the visitor about an entry with a clean path. */
int walk_ask(struct walk *w, const struct place *at, const char *path, uint64_t size,
             struct walk_entry *entry, struct error *err);

/* Bytes of an entry that is taken, and its end. */
int walk_data(struct walk *w, const char *where, struct walk_entry *entry, const void *bytes, size_t size,
              struct error *err);
int walk_end(struct walk *w, const struct walk_entry *entry, struct error *err);

/* Does what the visitor wanted with an entry whose bytes are `s`: nothing, all to the visitor, or inside.
 * Reads s to its end unless it is skipped. */
int walk_content(struct walk *w, const struct place *at, const char *path, struct walk_entry *entry,
                 struct stream *s, struct error *err);

/* Cleans a raw name and asks. */
int walk_ask_raw(struct walk *w, const struct place *at, const char *raw, uint64_t size,
                 char path[static MEDIA_PATH_MAX], struct walk_entry *entry, struct error *err);

/* Counts something that is no entry for the visitor but takes time and memory (a folder, a link). */
int walk_count(struct walk *w, const struct place *at, struct error *err);

/* Tells of a link; `target` is as seen from the folder of `raw` when it is symbolic, else from the top. */
void walk_link(struct walk *w, const struct place *at, const char *raw, const char *target, bool symbolic);

void walk_note(struct walk *w, const char *where, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A source or opened entry, whatever its bytes turn out to be. Read to its end when it is a container. */
int walk_stream(struct walk *w, const struct place *at, struct stream *s, struct error *err);

/* The containers. */
int archive_walk(struct walk *w, const struct place *at, struct stream *s, enum media_kind kind,
                 struct error *err);
int vmtar_walk(struct walk *w, const struct place *at, struct stream *s, struct error *err);
int disk_walk(struct walk *w, const struct place *at, struct stream *s, struct error *err);
int dir_walk(struct walk *w, const struct place *at, int fd, struct error *err);

/* s begins where the partition does and ends where it does. *found is false, and nothing was told, when there
 * is no FAT that can be read; err says why. */
int fat_walk(struct walk *w, const struct place *at, struct stream *s, bool *found, struct error *err);

void walk_progress(void *walk, uint64_t done, uint64_t total); /* for stream_of_fd */
