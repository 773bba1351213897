/* The names of ESXi 3.5 to 4.1: which files make a boot set, in which order, and which never do. */
#pragma once

#include "image/image.h"

#include <stdbool.h>
#include <stddef.h>

#define ESXI_SET_NAMES_MAX 8

/* A boot set for images without a boot.cfg. */
struct esxi_set {
    const char *version; /* of the only product that uses these names, or NULL */
    const char *kernel;
    size_t required;                       /* of the names, from the first */
    const char *names[ESXI_SET_NAMES_MAX]; /* modules in load order, NULL-ended */
};

extern const struct esxi_set esxi_sets[];
extern const size_t esxi_set_count;

/* Modules that a bootbank may hold beside those its boot.cfg lists, and that are loaded after them. */
extern const char *const esxi_appended[]; /* NULL-ended */

bool esxi_is_overlay(const char *name);   /* mod.tgz by any name: the overlay of a node takes its place */
bool esxi_is_installer(const char *name); /* starts the installer: never loaded, never kept */
bool esxi_is_state(const char *name);     /* one machine's settings: never loaded, never kept */

/* The texts of a module that is loaded: later archives replace files of earlier ones. NULL: it has none.
 * mod.tgz does not count, for a node's overlay takes its place. */
int esxi_adopt_texts(struct image *image, const char *accounts, const char *inetd, const char *module,
                     struct error *err);
