#include "proc/explain.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "proc/boot_config.h"
#include "proc/overlay_job.h"

#include <errno.h>
#include <jansson.h>
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

/* Everything that explain gathers before it prints. */
struct findings {
    const struct fleet_node *node;
    struct store_entry entry;
    struct image *image;
    struct plan *plan;
    bool by_http; /* how the loader asks for its config */
    struct buf config, archive, listing;
};

static void findings_fini(struct findings *f)
{
    free(f->plan);
    image_free(f->image);
    buf_fini(&f->config);
    buf_fini(&f->archive);
    buf_fini(&f->listing);
}

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

/* A node without an address may be anywhere: in the only network, if there is but one. */
static bool is_proxied(const struct fleet *fleet, const struct fleet_node *node)
{
    const struct fleet_network *network = fleet->network_count == 1 ? &fleet->networks[0] : NULL;
    if (node->ip)
        network = fleet_network_of(fleet, node->ip);
    return network && fleet_network_is_proxy(network);
}

static int find_client(const struct fleet *fleet, const char *who, const char *firmware,
                       struct plan_client *client, const struct fleet_node **node, struct error *err)
{
    struct mac mac;
    bool is_mac = mac_parse(who, &mac);
    *node = is_mac ? fleet_node_by_mac(fleet, &mac) : fleet_node_by_name(fleet, who);
    if (!*node && is_mac)
        return error_set(err, "%s is no node's: bootherd node set NAME --mac %s --image IMAGE adds it", who,
                         who);
    if (!*node)
        return error_set(err, "there is no node %s: bootherd node list shows the nodes", who);
    for (size_t i = 0; i < FIRMWARES; i++) {
        if (strcmp(firmwares[i].name, firmware) != 0)
            continue;
        *client = firmwares[i].client;
        if ((*node)->mac_count)
            client->mac = (*node)->macs[0];
        client->proxied = is_proxied(fleet, *node);
        return 0;
    }
    return firmware_unknown(firmware, err);
}

/* All that its loader will read, each under the name it asks for. */
static int render_configs(struct findings *f, struct error *err)
{
    char name[BOOT_CONFIG_NAME_MAX];
    for (enum boot_config i = 0; i < BOOT_CONFIGS; i++) {
        cleanup_buf struct buf text = BUF_INIT;
        if (!boot_config_is_of(i, f->plan))
            continue;
        if (boot_config_render(i, f->plan, f->by_http, &text, err) < 0)
            return -1;
        buf_format(&f->config, "\n--- %s (%zu bytes)\n%s", boot_config_name(i, f->plan, name), text.size,
                   buf_text(&text));
    }
    return 0;
}

static int gather(const struct explain *explain, const char *who, const char *firmware, struct findings *f,
                  struct error *err)
{
    struct plan_client client;
    if (find_client(explain->fleet, who, firmware, &client, &f->node, err) < 0 ||
        explain_load_image(explain->store, explain->fleet, f->node, &f->entry, &f->image, err) < 0)
        return -1;
    f->by_http = client.http || client.ipxe;
    f->plan = malloc(sizeof *f->plan);
    if (!f->plan)
        return error_errno(err, ENOMEM, "explain %s", who);
    if (plan_make(explain->fleet, f->node, f->image, &f->entry.manifest, &explain->site, &client,
                  PLAN_CHAIN_ANY, f->plan, err) < 0 ||
        render_configs(f, err) < 0)
        return -1;
    if (f->plan->overlay_at < 0)
        return 0;
    return overlay_job(explain->files_root_fd, explain->fleet, f->node, f->image, &f->archive, &f->listing,
                       err);
}

/* Size and digest of a plan's file; the overlay's come from the archive just rendered. */
static void file_facts(const struct findings *f, const struct plan_file *file, uint64_t *size,
                       struct digest *digest)
{
    if (file->file) {
        *size = file->file->size;
        *digest = file->file->digest;
        return;
    }
    *size = f->archive.size;
    digest_of(f->archive.data, f->archive.size, digest);
}

static void print_file(const struct findings *f, size_t number, const struct plan_file *file, struct buf *out)
{
    uint64_t size;
    struct digest digest;
    char hex[SHA256_HEX_SIZE];
    file_facts(f, file, &size, &digest);
    buf_format(out, "%3zu  %-40s %12llu  sha256:%s\n", number, file->path, (unsigned long long)size,
               digest_format(&digest, hex));
}

static void print_node(const struct findings *f, struct buf *out)
{
    char mac[MAC_TEXT_SIZE], ip[IP4_TEXT_SIZE], hex[SHA256_HEX_SIZE];
    buf_format(out, "node %s", f->node->name);
    for (size_t i = 0; i < f->node->mac_count; i++)
        buf_format(out, "  %s", mac_format(&f->node->macs[i], mac));
    buf_format(out, "  %s\n", f->node->ip ? ip4_format(f->node->ip, ip) : "address from the pool");
    buf_format(out, "image %s  %s %s build %s  sha256:%s\n", f->entry.name, f->image->product,
               f->image->version, f->image->build, digest_format(&f->entry.manifest, hex));
    buf_format(out, "chain %s, boot file %s%s%s\n", plan_chain_name(f->plan->chain), f->plan->loader,
               f->plan->prefix[0] ? ", path prefix " : "", f->plan->prefix);
    for (size_t i = 0; i < f->plan->warning_count; i++)
        buf_format(out, "warning: %s\n", f->plan->warning[i]);
}

int explain_text(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err)
{
    struct findings f = {0};
    int result = gather(explain, who, firmware, &f, err);
    if (result == 0) {
        print_node(&f, out);
        buf_append_text(out, buf_text(&f.config));
        buf_append_text(out, "\n--- files in load order\n");
        print_file(&f, 0, &f.plan->kernel, out);
        for (size_t i = 0; i < f.plan->module_count; i++)
            print_file(&f, i + 1, &f.plan->module[i], out);
        if (f.plan->overlay_at >= 0)
            buf_format(out, "\n--- overlay %s (%zu bytes)\n%s", f.plan->module[f.plan->overlay_at].path,
                       f.archive.size, buf_text(&f.listing));
    }
    findings_fini(&f);
    return result;
}

static json_t *json_file(const struct findings *f, const struct plan_file *file)
{
    uint64_t size;
    struct digest digest;
    char hex[SHA256_HEX_SIZE];
    file_facts(f, file, &size, &digest);
    return json_pack("{s:s, s:I, s:s, s:b}", "path", file->path, "size_bytes", (json_int_t)size, "sha256",
                     digest_format(&digest, hex), "overlay", file->file == NULL);
}

static json_t *json_findings(struct findings *f)
{
    char hex[SHA256_HEX_SIZE];
    json_t *files = json_array(), *warnings = json_array();
    json_array_append_new(files, json_file(f, &f->plan->kernel));
    for (size_t i = 0; i < f->plan->module_count; i++)
        json_array_append_new(files, json_file(f, &f->plan->module[i]));
    for (size_t i = 0; i < f->plan->warning_count; i++)
        json_array_append_new(warnings, json_string(f->plan->warning[i]));
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "node", f->node->name, "image",
                     f->entry.name, "manifest_sha256", digest_format(&f->entry.manifest, hex), "chain",
                     plan_chain_name(f->plan->chain), "boot_file", f->plan->loader, "config",
                     buf_text(&f->config), "files", files, "overlay_listing", buf_text(&f->listing),
                     "warnings", warnings);
}

int explain_json(const struct explain *explain, const char *who, const char *firmware, struct buf *out,
                 struct error *err)
{
    struct findings f = {0};
    int result = gather(explain, who, firmware, &f, err);
    if (result == 0) {
        json_t *root = json_findings(&f);
        char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
        if (text)
            buf_format(out, "%s\n", text);
        else
            result = error_errno(err, ENOMEM, "explain %s", who);
        free(text);
        json_decref(root);
    }
    findings_fini(&f);
    return result;
}
