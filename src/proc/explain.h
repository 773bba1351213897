/* What a node would get now, byte for byte: the text behind `bootherd explain`. */
#pragma once

#include "base/buf.h"
#include "fleet/fleet.h"
#include "plan/plan.h"
#include "store/store.h"

struct explain {
    const struct fleet *fleet;
    struct store *store;   /* NULL: nothing was imported yet */
    int files_root_fd;     /* see overlay_job.h */
    struct plan_site site; /* which server it would talk to */
};

/* who: a node's name or a MAC. firmware: a name of the table in explain.c. */
int explain_text(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err);
int explain_json(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err);

/* Loads a node's image by the name its settings give. The error says what to do. *image is the caller's. */
int explain_load_image(struct store *store, const struct fleet *fleet, const struct fleet_node *node,
                       struct store_entry *entry, struct image **image, struct error *err);
