/*
 * The overlay: the archive that makes an image this node's own. The image's family says what is in it and how
 * it is packed: for ESXi ustar in one gzip member, no pax headers, names of at most 100 bytes;
 * for Linux and Xen a newc cpio archive (render/overlay_cpio.h). Both: root:root, mtime fixed, parents
 * listed, sorted. Never empty.
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
    const char *node;                      /* its name in the fleet, or NULL */
    const char *hostname;                  /* or NULL */
    uint32_t ip;                           /* reserved for it, host byte order; 0: from the pool */
    const char *agent_list;                /* for the host's agent (inventory/vm_restore.h); NULL: no agent */
    const struct overlay_extra *extras;    /* laid over what bootherd makes itself; later wins */
    size_t extra_count;
};

/* What is in it, for explain: one line a file, as `tar tv` has it. */
int overlay_render(const struct overlay_input *input, struct buf *archive, struct buf *listing,
                   struct error *err);

/* What locks a password in etc/shadow: no crypt(5) hash, so that none fits, and a key still does. */
#define OVERLAY_LOCKED "*"

/*
 * etc/shadow: the image's accounts with root's field replaced. Without the image's own, the known accounts of
 * its generation, all locked but root. hash NULL: root locked.
 */
int overlay_shadow(const struct image *image, const char *hash, struct buf *out, struct error *err);
