/* Inside proc: what explain gathers before it prints. */
#pragma once

#include "fleet/policy.h"
#include "proc/boot_config.h"
#include "proc/explain.h"

/* One chain that boots images of this kind, on one machine. */
struct explain_way {
    enum plan_chain chain;
    char why_not[PLAN_WHY_MAX]; /* "" when it fits */
};

struct explain_config {
    char name[BOOT_CONFIG_NAME_MAX];
    struct buf text;
};

/* One kind of firmware. */
struct explain_view {
    const char *firmware; /* as --firmware takes it */
    struct plan_client client;
    struct plan *plan;    /* owned; NULL: it would not boot */
    struct error why_not; /* then */
    char why[PLAN_WHY_MAX];
    size_t way_count;
    struct explain_way ways[PLAN_CHAINS];
    size_t config_count;
    struct explain_config configs[BOOT_CONFIGS];
};

/* The node, and what it is for each firmware. */
struct explain_subject {
    const struct fleet_node *node;   /* borrowed */
    bool local;                      /* it starts from its own disk: no image, no overlay */
    char next_boot[POLICY_NEXT_MAX]; /* policy_next_text */
    struct store_entry entry;
    struct image *image;         /* NULL: local */
    struct buf archive, listing; /* the overlay, when the plan has one */
    struct explain_view *shown;  /* one of `views`: told in full */
    size_t view_count;
    struct explain_view *views; /* in the order of the table; without --firmware all */
};

/* firmware: NULL for all. Fails when nothing can be told in full. */
int explain_gather(const struct explain *explain, const char *who, const char *firmware,
                   struct explain_subject *subject, struct error *err);
void explain_subject_fini(struct explain_subject *subject);

/* Bytes of a file of the plan as it is served; *digest of what the image has of it, or of the overlay alone.
 */
uint64_t explain_file_size(const struct explain_subject *subject, const struct plan_file *file,
                           struct digest *digest);

void explain_print_text(const struct explain_subject *subject, struct buf *out);
int explain_print_json(const struct explain_subject *subject, struct buf *out, struct error *err);
