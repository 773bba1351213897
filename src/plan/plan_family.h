/* The families of images as a plan sees them. */
#pragma once

#include "plan/plan.h"

/* What a family needs to boot over the network. */
struct plan_family {
    const char *name;
    enum plan_shape shape;
    const char *overlay; /* name of the archive that makes it the node's own; NULL: takes none */
    bool (*is_overlay)(
        const char *name); /* whether the overlay takes this module's place; NULL: it comes last */
    const char *no_uefi;   /* said to UEFI machines, or NULL */
    bool strong_hash;      /* $6$ in etc/shadow */
};

/* NULL: an image that a newer bootherd made. */
const struct plan_family *plan_family_of(const struct image *image);

/* Inside the room: the parts of plan_make. */
__attribute__((format(printf, 2, 3))) void plan_warn(struct plan *plan, const char *format, ...);
int plan_put_files(struct plan *plan, const struct plan_family *family, const struct fleet_settings *settings,
                   struct error *err);
int plan_put_options(struct plan *plan, const struct plan_site *site, const struct fleet_settings *settings,
                     struct error *err);
int plan_check(struct plan *plan, const struct fleet_settings *settings, struct error *err);
/* Warns of what the host's agent will only find out there. */
void plan_check_datastores(struct plan *plan, const struct fleet_settings *settings);
/* Whether the overlay stands behind an initrd, under its name, instead of being a file of its own. */
bool plan_shape_joins(enum plan_shape shape);
bool plan_wants_overlay(const struct fleet_node *node, const struct fleet_settings *settings);
