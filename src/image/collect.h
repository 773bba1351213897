/*
 * What a walk kept: files that stream into the sink while they are checked, small texts, sums. A family looks
 * at it when the walk is over and takes what makes the image.
 */
#pragma once

#include "base/buf.h"
#include "image/import.h"
#include "image/version_find.h"

#define COLLECT_FILES_MAX 1100        /* IMAGE_FILES_MAX and some that are looked at only; ESXi 8 has 150 */
#define COLLECT_OPEN_MAX  160         /* whose bytes come at once: a FAT's do, and each takes some 90 KiB */
#define COLLECT_HEAD_MAX  (64u << 10) /* bytes remembered of a file; a boot.cfg has some 200 */
#define COLLECT_SEEN_MAX  8           /* names remembered for messages */

enum image_pick {
    PICK_SKIP,
    PICK_OPEN,
    PICK_OPEN_SUM,  /* opened, and its own bytes go through MD5 */
    PICK_KEEP,      /* goes to the sink: may become a file of the image */
    PICK_READ,      /* only its first bytes are wanted */
    PICK_KEEP_READ, /* both */

    /* For files that go through a loader as they are: they need not be what ESXi's loader takes. */
    PICK_KEEP_PLAIN,  /* kept, its first bytes read, nothing checked */
    PICK_KEEP_INITRD, /* kept; when it begins with gzip, that first member is checked: more may follow it */
    PICK_KEEP_OPEN,   /* PICK_KEEP_READ, and what is inside comes as entries of its own */
};

struct collected {
    enum image_pick pick;
    uint32_t id, parent; /* media's */
    unsigned partition;
    char *path;  /* within its container */
    char *where; /* the chain of containers and the path, for messages */
    bool complete;
    bool taken;    /* it is in the image */
    uint64_t size; /* bytes */
    bool gzip;
    uint64_t unpacked;
    char *bad;       /* why no boot loader would take it, or NULL */
    struct buf head; /* the first bytes of a file that is read */
    uint8_t md5[MD5_SIZE];
    char *accounts; /* texts picked from it, when it is an archive; NULL where it has none */
    char *inetd;
    struct version_find version; /* when the family has marks for it */

    /* While its bytes come: */
    void *sink_file;
    struct gzip_check *check;
    struct tarpick *pick_texts;
    struct hash *sum;
};

struct collection {
    const struct image_sink *sink;
    const struct image_listener *listener;
    const struct image_family *family;
    const struct image_source *source;
    size_t count;
    size_t checking; /* files that are being checked now */
    struct collected file[COLLECT_FILES_MAX];
    size_t entries; /* seen in all */
    char seen[COLLECT_SEEN_MAX][64];
    bool refused; /* `want` cannot fail by itself: the next callback does */
    struct error refusal;
    uint32_t partitions; /* in all tables */
};

/* The walk's callbacks, on a collection that the caller has set up. */
int collect_walk(struct collection *c, int fd, struct error *err);
/* As one entry of a walk: a file that was opened by itself. fd is borrowed. */
int collect_file(struct collection *c, const char *path, int fd, struct error *err);
void collect_fini(struct collection *c); /* discards in the sink what was not taken */

/* One line to the listener. */
void collect_note(const struct collection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Finishes the file in the sink and appends it to the image, under `name`. A file no loader would take is an
 * error. Order counts up by itself for modules. */
int collect_take(struct collection *c, struct collected *file, struct image *image, const char *name,
                 enum image_role role, const char *options, struct error *err);

void collect_drop(struct collection *c, struct collected *file); /* discards it in the sink */

/* The first names met, for a message: "a, b, c and 12 more". */
void collect_seen(const struct collection *c, struct buf *out);
