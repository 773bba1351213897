/*
 * The overlay: the archive that makes an image this node's own (mod.tgz of the procedure). ustar in one gzip
 * member, no pax headers, root:root, mtime fixed, parents listed, sorted, names of at most 100 bytes
 * (facts 3.2). Never empty.
 */
#pragma once

#include "base/buf.h"
#include "fleet/fleet.h"
#include "image/image.h"

/* One of the operator's own files (ROOT/files/NAME/...), read by the caller. Contents are borrowed. */
struct overlay_extra {
    const char *path; /* relative, clean */
    unsigned mode;    /* permission bits */
    bool directory;
    const char *link; /* target of a symbolic link, or NULL */
    struct slice content;
};

#define OVERLAY_SIZE_MAX (256u << 20) /* bytes, unpacked */

struct overlay_input {
    const struct image *image;
    const struct fleet_settings *settings; /* effective */
    const char *hostname;
    const struct overlay_extra *extras; /* laid over what bootherd makes itself; later wins */
    size_t extra_count;
};

/* What is in it, for explain: one line a file, as `tar tv` has it. */
int overlay_render(const struct overlay_input *input, struct buf *archive, struct buf *listing,
                   struct error *err);

/*
 * etc/shadow: the image's accounts with root's field replaced. Without the image's own, the known accounts of
 * its generation (facts 3.3), all locked but root. hash NULL: root locked.
 */
int overlay_shadow(const struct image *image, const char *hash, struct buf *out, struct error *err);
