/* Checks of what machines are to boot: images, boot loaders, nodes. */
#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/policy.h"
#include "plan/plan.h"
#include "proc/doctor.h"

#include <stdio.h>
#include <string.h>

#define NODES_MAX  1000 /* planned one by one */
#define ERRORS_MAX 5    /* nodes told one by one */
#define TEXTS_MAX  16   /* different warnings */

static const struct doctor_image *image_of(const struct doctor_facts *facts, const struct fleet_node *node)
{
    const char *name = fleet_effective(facts->fleet, node).image;
    for (size_t i = 0; name && i < facts->image_count; i++)
        if (strcmp(facts->image[i].name, name) == 0)
            return &facts->image[i];
    return NULL;
}

static int plan_node(const struct doctor_facts *facts, const struct fleet_node *node,
                     const struct doctor_image *image, const struct plan_client *client, unsigned loaders,
                     struct plan *plan, struct error *err)
{
    const struct fleet_network *network = node->ip ? fleet_network_of(facts->fleet, node->ip) : NULL;
    struct plan_site site = {.loaders = loaders, .loader = network ? network->loader : NULL};
    return plan_make(facts->fleet, node, image->image, &image->manifest, &site, client, PLAN_CHAIN_ANY, plan,
                     err);
}

/* --- images --- */

static void check_image(const struct doctor_facts *facts, const struct doctor_image *image,
                        struct doctor_report *report)
{
    struct doctor_some nodes = {0};
    for (size_t i = 0; i < facts->fleet->node_count; i++)
        if (image_of(facts, &facts->fleet->nodes[i]) == image)
            doctor_some_add(&nodes, facts->fleet->nodes[i].name);
    if (image->missing)
        doctor_find(
            report, DOCTOR_FAULT,
            "image %s is not in the store, and these boot it: %s\nbootherd image import SOURCE --name "
            "%s, or another of bootherd image list: bootherd node set NODE --image NAME",
            image->name, doctor_some_text(&nodes), image->name);
    else if (image->why[0])
        doctor_find(report, DOCTOR_FAULT,
                    "%s; these boot it: %s\nbootherd image import SOURCE --name %s again, from its medium",
                    image->why, doctor_some_text(&nodes), image->name);
    else
        doctor_find(report, DOCTOR_OK, "image %s is whole: %s %s, %zu files", image->name,
                    image->image->product, image->image->version, image->image->file_count);
    buf_fini(&nodes.names);
}

void doctor_check_image(const struct doctor_facts *facts, struct doctor_report *report)
{
    for (size_t i = 0; i < facts->image_count; i++)
        check_image(facts, &facts->image[i], report);
    for (size_t i = 0; i < facts->missing_count; i++)
        doctor_find(report, DOCTOR_FAULT,
                    "setting files names %s, and there is no folder %s/files/%s: those nodes get no overlay\n"
                    "make that folder, or unset it: bootherd node set NODE --files ''",
                    facts->missing[i], facts->folder.path, facts->missing[i]);
}

/* --- loaders --- */

static const struct kind {
    const char *cpu; /* of the image */
    const char *name;
    struct plan_client client;
} kinds[] = {
    {"amd64", "BIOS", {.arch = 0}},
    {"amd64", "UEFI", {.arch = 7}},
    {"amd64", "UEFI HTTP Boot", {.arch = 16, .http = true}},
    {"386", "BIOS", {.arch = 0}},
    {"386", "32-bit UEFI", {.arch = 6}},
    {"arm64", "UEFI arm64", {.arch = 11}},
    {"arm64", "UEFI arm64 HTTP Boot", {.arch = 19, .http = true}},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

/* What is known of an image after all kinds of machines were tried. */
struct tried {
    struct buf boots, lacks[PLAN_LOADERS]; /* kinds of machines: those that boot, those that lack a loader */
    char why[ERROR_TEXT_MAX];              /* of one that will not boot with any loader */
};

static void try_kind(const struct doctor_facts *facts, const struct fleet_node *node,
                     const struct doctor_image *image, const struct kind *kind, struct plan *plan,
                     struct tried *tried)
{
    struct error err = {0}, more = {0};
    struct buf *list = NULL;
    if (plan_node(facts, node, image, &kind->client, facts->loaders, plan, &err) == 0)
        list = &tried->boots;
    else if (plan_node(facts, node, image, &kind->client, PLAN_LOADERS_ALL, plan, &more) == 0)
        list = &tried->lacks[plan_chain_loader(plan->chain, &kind->client)];
    else if (!tried->why[0])
        snprintf(tried->why, sizeof tried->why, "%s", more.text);
    if (list)
        buf_format(list, "%s%s", list->size ? ", " : "", kind->name);
}

static void tell_tried(const struct doctor_image *image, struct tried *tried, struct doctor_report *report)
{
    bool told = false;
    for (enum plan_loader i = PLAN_LOADER_NONE + 1; i < PLAN_LOADERS; i++) {
        if (!tried->lacks[i].size)
            continue;
        doctor_find(report, tried->boots.size ? DOCTOR_WARNING : DOCTOR_FAULT,
                    "boot loader %s is not there, without which image %s does not boot: %s machines\n%s",
                    plan_loader_name(i), image->name, buf_text(&tried->lacks[i]), plan_loader_remedy(i));
        told = true;
    }
    if (tried->boots.size)
        doctor_find(report, DOCTOR_OK, "image %s has its boot loaders for: %s machines", image->name,
                    buf_text(&tried->boots));
    else if (!told)
        doctor_find(report, DOCTOR_FAULT, "no machine boots image %s: %s\nbootherd explain NODE says more",
                    image->name, tried->why);
}

/* By the first node that boots it: of its own settings the check of nodes tells. */
static void check_loaders_of(const struct doctor_facts *facts, const struct doctor_image *image,
                             struct plan *plan, struct doctor_report *report)
{
    const struct fleet_node *node = NULL;
    struct tried tried = {0};
    for (size_t i = 0; !node && i < facts->fleet->node_count; i++)
        if (image_of(facts, &facts->fleet->nodes[i]) == image)
            node = &facts->fleet->nodes[i];
    if (!node || !image->image)
        return;
    bool any = false;
    for (size_t i = 0; i < KINDS; i++)
        if (text_equal(kinds[i].cpu, image->image->arch)) {
            try_kind(facts, node, image, &kinds[i], plan, &tried);
            any = true;
        }
    if (any)
        tell_tried(image, &tried, report);
    buf_fini(&tried.boots);
    for (size_t i = 0; i < PLAN_LOADERS; i++)
        buf_fini(&tried.lacks[i]);
}

void doctor_check_loader(const struct doctor_facts *facts, struct doctor_report *report)
{
    cleanup_free struct plan *plan = malloc(sizeof *plan);
    report->failed |= !plan;
    for (size_t i = 0; plan && i < facts->image_count; i++)
        if (!facts->image[i].why[0])
            check_loaders_of(facts, &facts->image[i], plan, report);
}

/* --- nodes --- */

/* Warnings of plans: equal ones are told once. */
struct warnings {
    size_t count;
    struct {
        char text[PLAN_TEXT_MAX];
        struct doctor_some nodes;
    } of[TEXTS_MAX];
};

static void warnings_add(struct warnings *w, const char *text, const char *node)
{
    size_t i = 0;
    while (i < w->count && strcmp(w->of[i].text, text) != 0)
        i++;
    if (i == TEXTS_MAX)
        return;
    if (i == w->count) {
        snprintf(w->of[i].text, sizeof w->of[i].text, "%s", text);
        w->count++;
    }
    doctor_some_add(&w->of[i].nodes, node);
}

static void warnings_tell(struct warnings *w, struct doctor_report *report)
{
    for (size_t i = 0; i < w->count; i++) {
        doctor_find(report, DOCTOR_WARNING, "%s: %s\nbootherd explain NODE shows what it gets",
                    doctor_some_text(&w->of[i].nodes), w->of[i].text);
        buf_fini(&w->of[i].nodes.names);
    }
}

static void check_plans(const struct doctor_facts *facts, struct doctor_report *report)
{
    const struct plan_client any = {.arch = PLAN_ARCH_UNKNOWN};
    cleanup_free struct plan *plan = malloc(sizeof *plan);
    cleanup_free struct warnings *warnings = calloc(1, sizeof *warnings);
    size_t planned = 0, errors = 0, i;
    report->failed |= !plan || !warnings;
    for (i = 0; plan && warnings && i < facts->fleet->node_count && planned < NODES_MAX; i++) {
        const struct fleet_node *node = &facts->fleet->nodes[i];
        const struct doctor_image *image = image_of(facts, node);
        struct error err = {0};
        if (!image || !image->image)
            continue; /* told elsewhere */
        planned++;
        if (plan_node(facts, node, image, &any, PLAN_LOADERS_ALL, plan, &err) < 0) {
            if (errors++ < ERRORS_MAX)
                doctor_find(report, DOCTOR_FAULT,
                            "node %s cannot boot: %s\nbootherd explain %s says whether it is mended",
                            node->name, err.text, node->name);
            continue;
        }
        for (size_t k = 0; k < plan->warning_count; k++)
            warnings_add(warnings, plan->warning[k], node->name);
    }
    if (errors > ERRORS_MAX)
        doctor_find(report, DOCTOR_FAULT,
                    "%zu more nodes cannot boot\nmend the first ones, and ask the doctor again",
                    errors - ERRORS_MAX);
    if (warnings)
        warnings_tell(warnings, report);
    if (planned > errors)
        doctor_find(report, DOCTOR_OK, "%zu of %zu nodes can be told what to boot%s", planned - errors,
                    facts->fleet->node_count,
                    planned == NODES_MAX ? ", and were the last ones looked at" : "");
}

/* What a node needs before anything else. */
static void check_bare(const struct doctor_facts *facts, struct doctor_report *report)
{
    struct doctor_some imageless = {0}, cardless = {0};
    for (size_t i = 0; i < facts->fleet->node_count; i++) {
        const struct fleet_node *node = &facts->fleet->nodes[i];
        struct fleet_settings settings = fleet_effective(facts->fleet, node);
        if (!settings.image && policy_needs_image(&settings))
            doctor_some_add(&imageless, node->name);
        if (!node->mac_count)
            doctor_some_add(&cardless, node->name);
    }
    if (imageless.count)
        doctor_find(report, DOCTOR_FAULT,
                    "no image for %s\nbootherd node set NODE --image NAME (bootherd image list shows the "
                    "names), or by a profile",
                    doctor_some_text(&imageless));
    if (cardless.count)
        doctor_find(report, DOCTOR_FAULT,
                    "no MAC for %s: no machine is known as one of them\nbootherd node set NODE --mac MAC",
                    doctor_some_text(&cardless));
    buf_fini(&imageless.names);
    buf_fini(&cardless.names);
}

void doctor_check_node(const struct doctor_facts *facts, struct doctor_report *report)
{
    if (facts->no_fleet[0]) {
        doctor_find(report, DOCTOR_WARNING, "the fleet could not be read: %s", facts->no_fleet);
        return;
    }
    if (!facts->fleet->node_count)
        doctor_find(report, DOCTOR_NOTE,
                    "the fleet has no node, so no machine is told what to boot\nbootherd node set NAME --mac "
                    "MAC --image IMAGE");
    check_bare(facts, report);
    check_plans(facts, report);
}
