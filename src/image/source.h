/*
 * What is known of a source before its bytes are read: which files it holds, and the small texts among them
 * that say what it boots. Compared as ISO 9660 without extensions needs it: upper and lower case are equal,
 * and a version (";1") does not count.
 */
#pragma once

#include "base/buf.h"
#include "image/loader.h"
#include "media/media.h"

#define SOURCE_PATHS_MAX     20000        /* remembered; Debian's netinst ISO has some 1700 */
#define SOURCE_LINKS_MAX     1024         /* Debian's ISOs have some 20 */
#define SOURCE_FOLLOW_MAX    8            /* links that lead to links */
#define SOURCE_TEXTS_MAX     256          /* Debian's netinst ISO has some 60 */
#define SOURCE_TEXT_SIZE_MAX (256u << 10) /* bytes; Debian's longest grub.cfg has 20 kB */
#define SOURCE_HEAD_MAX      (64u << 10)  /* bytes remembered of a plain file */

struct source_file {
    char *path;    /* within the ISO or directory */
    uint64_t size; /* bytes */
    bool is_text;  /* one of those below */
    struct buf text;
};

struct source_link {
    char *path, *target; /* the target may be a folder; "" is the top */
};

struct boot_set; /* image/boot_set.h */

struct image_source {
    const char *name; /* as the user gave it, for messages */
    enum media_kind kind;
    char volume[33];    /* an ISO's volume id, or "" */
    size_t count;       /* names at the top of an ISO or directory; a plain file's own name; else 0 */
    const char **names; /* borrowed from `file` or `name` */

    /* Everything in an ISO or directory, at any depth, in the order of source_compare. */
    size_t file_count;
    struct source_file *file;
    size_t link_count; /* of an ISO; a directory's are followed as if they were the files */
    struct source_link *link;
    struct buf head; /* the first bytes of a plain file */

    enum loader_kind loader; /* which boot loader is wanted of it */

    /* What it boots, when that is Linux or Xen; or why it cannot be told. */
    struct boot_set *boot; /* owned; NULL when there is none */
    struct error problem;  /* text is empty when there is none */
};

int source_init(int fd, const char *name, struct image_source *out, struct error *err);
void source_fini(struct image_source *source);

int source_compare(const char *a, const char *b); /* paths */

/* NULL when there is none. Links are followed. */
const struct source_file *source_find(const struct image_source *source, const char *path);

/*
 * The file that a boot configuration means. It says where things lie on its own medium; the source may be
 * part of that, or lie around it, as a folder on a TFTP server does. So the name is looked up from the folder
 * of the configuration and from those around it (a name with '/' in front: from the outermost first), and
 * after that without its own first folders. `from` is the path of the configuration.
 */
const struct source_file *source_resolve(const struct image_source *source, const char *from,
                                         const char *named);

const char *source_base(const char *path); /* its last part */

/* Whether the last part of the path is like the pattern (fnmatch). */
bool source_base_like(const char *path, const char *pattern);
