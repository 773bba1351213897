/* What a node would get now, or at another time, byte for byte: the text behind `bootherd explain`. */
#pragma once

#include "base/buf.h"
#include "base/zones.h"
#include "fleet/fleet.h"
#include "plan/plan.h"
#include "serve/dhcp_host.h"
#include "state/state.h"
#include "store/store.h"

struct explain {
    const struct fleet *fleet;
    struct state *state; /* of the virtual machines; NULL: none are known */
    const struct zones *zones;
    int64_t now_s;
    const char *at;        /* as policy_time reads it; "": now */
    struct store *store;   /* NULL: nothing was imported yet */
    int files_root_fd;     /* see overlay_job.h */
    struct plan_site site; /* which server it would talk to; its address and network come from these: */
    size_t interface_count;
    const struct dhcp_interface *interfaces; /* where a server answers; none when none runs */
};

/* who: a node's name or a MAC. firmware: a name of the table in explain.c, told in full; NULL: the first that
 * boots in full, and a line for each of the others. */
int explain_text(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err);
int explain_json(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err);

/* Loads a node's image by the name its settings give. The error says what to do. *image is the caller's. */
int explain_load_image(struct store *store, const struct fleet *fleet, const struct fleet_node *node,
                       struct store_entry *entry, struct image **image, struct error *err);
