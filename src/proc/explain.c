#include "proc/explain.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "proc/explain_views.h"
#include "proc/join_file.h"
#include "proc/overlay_job.h"
#include "proc/state_agent.h"
#include "state/state_vm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* What `--firmware` takes: how such a machine asks (option 93, RFC 4578 section 2.1). */
static const struct {
    const char *name;
    struct plan_client client;
} firmwares[] = {
    {"bios", {.arch = 0}},
    {"uefi", {.arch = 7}},
    {"uefi-http", {.arch = 16, .http = true}},
    {"uefi32", {.arch = 6}},
    {"arm64", {.arch = 11}},
    {"arm64-http", {.arch = 19, .http = true}},
    {"ipxe", {.arch = 0, .ipxe = true}},
    {"ipxe-uefi", {.arch = 7, .ipxe = true}},
};
#define FIRMWARES (sizeof firmwares / sizeof firmwares[0])

int explain_load_image(struct store *store, const struct fleet *fleet, const struct fleet_node *node,
                       struct store_entry *entry, struct image **image, struct error *err)
{
    struct fleet_settings settings = fleet_effective(fleet, node);
    if (!settings.image)
        return error_set(
            err,
            "node %s has no image: bootherd node set %s --image NAME (bootherd image list shows the names)",
            node->name, node->name);
    if (!store)
        return error_set(err, "image %s is not in the store, which is empty: bootherd image import SOURCE",
                         settings.image);
    if (store_find(store, settings.image, entry, err) < 0)
        return err->code != ENOENT
                   ? -1
                   : error_set(err,
                               "image %s is not in the store: bootherd image list shows what is, "
                               "bootherd image import SOURCE --name %s adds it",
                               settings.image, settings.image);
    if (store_load(store, &entry->manifest, image, err) < 0)
        return error_wrap(err, "image %s", settings.image);
    if (store_files_check(store, *image, err) == 0)
        return 0;
    image_free(TAKE_PTR(*image));
    return error_wrap(err, "image %s", settings.image);
}

static int firmware_unknown(const char *firmware, struct error *err)
{
    char list[128] = "";
    for (size_t i = 0, used = 0; i < FIRMWARES; i++)
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", firmwares[i].name);
    return error_set(err, "firmware %s is unknown: use one of %s", firmware, list);
}

static int find_node(const struct fleet *fleet, const char *who, const struct fleet_node **node,
                     struct error *err)
{
    struct mac mac;
    bool is_mac = mac_parse(who, &mac);
    *node = is_mac ? fleet_node_by_mac(fleet, &mac) : fleet_node_by_name(fleet, who);
    if (*node)
        return 0;
    return is_mac ? error_set(err, "%s is no node's: bootherd node set NAME --mac %s --image IMAGE adds it",
                              who, who)
                  : error_set(err, "there is no node %s: bootherd node list shows the nodes", who);
}

/* Why plan_make took this chain, in its order of reasons. */
static void tell_why(const struct fleet *fleet, const struct fleet_node *node, const struct plan_site *site,
                     struct explain_view *view)
{
    struct fleet_settings settings = fleet_effective(fleet, node);
    bool own = plan_chain_of(settings.loader) != PLAN_CHAIN_ANY;
    bool network = !settings.loader && plan_chain_of(site->loader) != PLAN_CHAIN_ANY;
    if (own && text_equal(settings.loader, node->settings.loader))
        snprintf(view->why, sizeof view->why, "setting loader of node %s", node->name);
    else if (own)
        snprintf(view->why, sizeof view->why, "setting loader of profile %s", node->profile);
    else if (network)
        snprintf(view->why, sizeof view->why, "setting loader of its network");
    else if (view->client.ipxe && view->plan->chain == PLAN_CHAIN_IPXE)
        snprintf(view->why, sizeof view->why, "iPXE is in the machine already");
    else
        snprintf(view->why, sizeof view->why, "the first that fits; setting loader chooses another");
}

static void list_ways(const struct explain *explain, const struct explain_subject *subject,
                      const struct plan_site *site, struct explain_view *view)
{
    struct fleet_settings settings = fleet_effective(explain->fleet, subject->node);
    struct plan_need need =
        subject->local ? plan_need_local(&settings, site) : plan_need_of(subject->image, &settings, site);
    for (enum plan_chain i = PLAN_CHAIN_ANY + 1; i < PLAN_CHAINS; i++) {
        if (!plan_chain_takes(i, need.shape))
            continue;
        struct explain_way *way = &view->ways[view->way_count++];
        way->chain = i;
        if (plan_chain_fits(i, &view->client, &need, way->why_not))
            way->why_not[0] = '\0';
    }
}

/* All that its loader will read, each under the name it asks for. */
static int render_configs(struct explain_view *view, struct error *err)
{
    bool by_http = view->client.http || view->client.ipxe;
    for (enum boot_config i = 0; i < BOOT_CONFIGS; i++) {
        struct explain_config *config = &view->configs[view->config_count];
        if (!boot_config_is_of(i, view->plan))
            continue;
        view->config_count++;
        boot_config_name(i, view->plan, config->name);
        if (boot_config_render(i, view->plan, by_http, &config->text, err) < 0)
            return -1;
    }
    return 0;
}

static int make_plan(const struct explain *explain, const struct explain_subject *subject,
                     const struct plan_site *site, struct explain_view *view, struct error *err)
{
    const struct fleet_node *node = subject->node;
    cleanup_free struct plan *plan = malloc(sizeof *plan);
    if (!plan)
        return error_errno(err, ENOMEM, "explain %s", node->name);
    if (node->mac_count)
        view->client.mac = node->macs[0];
    if (plan_make(explain->fleet, node, subject->image, &subject->entry.manifest, site, &view->client,
                  PLAN_CHAIN_ANY, plan, err) < 0)
        return -1;
    view->plan = TAKE_PTR(plan);
    tell_why(explain->fleet, node, site, view);
    list_ways(explain, subject, site, view);
    return render_configs(view, err) < 0 ? error_wrap(err, "node %s", node->name) : 0;
}

static void drop_plan(struct explain_view *view)
{
    for (size_t i = 0; i < view->config_count; i++)
        buf_fini(&view->configs[i].text);
    view->config_count = 0;
    free(view->plan);
    view->plan = NULL;
}

/* A node without an address may be anywhere: in the only network, if there is but one. */
static const struct fleet_network *network_of(const struct fleet *fleet, const struct fleet_node *node)
{
    if (node->ip)
        return fleet_network_of(fleet, node->ip);
    return fleet->network_count == 1 ? &fleet->networks[0] : NULL;
}

/* The server's address on the node's network, and what that network says of loaders. */
static struct plan_site site_of(const struct explain *explain, const struct fleet_node *node, bool local)
{
    struct plan_site site = explain->site;
    const struct fleet_network *network = network_of(explain->fleet, node);
    for (size_t i = 0; i < explain->interface_count && node->ip && !site.server; i++) {
        const struct dhcp_interface *interface = &explain->interfaces[i];
        if (((node->ip ^ interface->ip) & ip4_mask(interface->prefix)) == 0)
            site.server = interface->ip;
    }
    if (!site.server && explain->interface_count)
        site.server = explain->interfaces[0].ip;
    if (!network || network->https != FLEET_ON)
        site.https_port = 0;
    site.loader = network ? network->loader : NULL;
    site.local = local;
    return site;
}

/* One view, or all; the one in full is the first that boots. */
static int make_views(const struct explain *explain, const char *firmware, struct explain_subject *subject,
                      struct error *err)
{
    const struct fleet_network *network = network_of(explain->fleet, subject->node);
    struct plan_site site = site_of(explain, subject->node, subject->local);
    subject->views = calloc(FIRMWARES, sizeof *subject->views);
    if (!subject->views)
        return error_errno(err, ENOMEM, "explain %s", subject->node->name);
    for (size_t i = 0; i < FIRMWARES; i++) {
        struct explain_view *view = &subject->views[subject->view_count];
        if (firmware && strcmp(firmware, firmwares[i].name) != 0)
            continue;
        subject->view_count++;
        view->firmware = firmwares[i].name;
        view->client = firmwares[i].client;
        view->client.proxied = network && fleet_network_is_proxy(network);
        if (make_plan(explain, subject, &site, view, &view->why_not) < 0)
            drop_plan(view);
        else if (!subject->shown)
            subject->shown = view;
    }
    if (subject->view_count == 0)
        return firmware_unknown(firmware, err);
    if (!subject->shown)
        return error_set(err, "%s", subject->views[0].why_not.text);
    return 0;
}

/* Which of its roles the node has at that time. */
static int judge(const struct explain *explain, struct explain_subject *subject, struct error *err)
{
    struct fleet_settings settings = fleet_effective(explain->fleet, subject->node);
    struct policy policy;
    int64_t at_s;
    if (policy_time(&settings, explain->zones, explain->at, explain->now_s, &at_s, err) < 0 ||
        policy_at(&settings, explain->zones, at_s, &policy, err) < 0)
        return error_wrap(err, "node %s", subject->node->name);
    subject->local = policy.local;
    policy_next_text(&settings, &policy, at_s, subject->next_boot);
    return 0;
}

/* What its agent would be told; 0: it has none. */
static int agent_list(const struct explain *explain, const struct fleet_node *node, struct buf *out,
                      struct error *err)
{
    char server[STATE_AGENT_SERVER_MAX];
    if (!explain->state)
        return 0;
    state_agent_server(site_of(explain, node, false).server, explain->site.http_port, server);
    return state_vm_overlay_shown(explain->state, node->name, server, explain->now_s * 1000, out, err);
}

int explain_gather(const struct explain *explain, const char *who, const char *firmware,
                   struct explain_subject *subject, struct error *err)
{
    if (find_node(explain->fleet, who, &subject->node, err) < 0 || judge(explain, subject, err) < 0)
        return -1;
    if (!subject->local && explain_load_image(explain->store, explain->fleet, subject->node, &subject->entry,
                                              &subject->image, err) < 0)
        return -1;
    if (make_views(explain, firmware, subject, err) < 0)
        return -1;
    if (subject->shown->plan->overlay_at < 0)
        return 0;
    cleanup_buf struct buf list = BUF_INIT;
    int agent = agent_list(explain, subject->node, &list, err);
    if (agent < 0)
        return -1;
    return overlay_job(explain->files_root_fd, explain->fleet, subject->node, subject->image,
                       agent ? buf_text(&list) : NULL, &subject->archive, &subject->listing, err);
}

void explain_subject_fini(struct explain_subject *subject)
{
    for (size_t i = 0; i < subject->view_count; i++)
        drop_plan(&subject->views[i]);
    free(subject->views);
    image_free(subject->image);
    buf_fini(&subject->archive);
    buf_fini(&subject->listing);
}

uint64_t explain_file_size(const struct explain_subject *subject, const struct plan_file *file,
                           struct digest *digest)
{
    if (!file->file) {
        digest_of(subject->archive.data, subject->archive.size, digest);
        return subject->archive.size;
    }
    *digest = file->file->digest;
    return file->overlay ? join_size(file->file->size, subject->archive.size) : file->file->size;
}

int explain_text(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err)
{
    struct explain_subject subject = {0};
    int result = explain_gather(explain, who, firmware, &subject, err);
    if (result == 0)
        explain_print_text(&subject, out);
    explain_subject_fini(&subject);
    return result;
}

int explain_json(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err)
{
    struct explain_subject subject = {0};
    int result = explain_gather(explain, who, firmware, &subject, err);
    if (result == 0)
        result = explain_print_json(&subject, out, err);
    explain_subject_fini(&subject);
    return result;
}
