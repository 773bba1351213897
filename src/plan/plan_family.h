/* The families of images as a plan sees them. */
#pragma once

#include "image/image.h"

/* What a family needs to boot over the network. */
struct plan_family {
    const char *name;
    const char *loader;  /* NULL: nothing to boot */
    const char *overlay; /* name of the archive that makes it the node's own; NULL: takes none */
    bool (*is_overlay)(
        const char *name); /* whether the overlay takes this module's place; NULL with overlay */
    const char *firmware;  /* said when the machine is not a BIOS one */
    const char *refusal;   /* why it cannot be booted, or NULL; only without a loader */
    bool strong_hash;      /* $6$ in etc/shadow */
};

/* NULL: an image that a newer bootherd made. */
const struct plan_family *plan_family_of(const struct image *image);
