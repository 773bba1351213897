#include "proc/explain_views.h"

#include "base/text.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* --- for people --- */

static void print_file(const struct explain_subject *subject, size_t number, const struct plan_file *file,
                       struct buf *out)
{
    struct digest digest;
    char hex[SHA256_HEX_SIZE];
    uint64_t size = explain_file_size(subject, file, &digest);
    buf_format(out, "%3zu  %-40s %12llu  sha256:%s%s\n", number, file->path, (unsigned long long)size,
               digest_format(&digest, hex), file->overlay && file->file ? " before the overlay" : "");
}

static void print_node(const struct explain_subject *subject, struct buf *out)
{
    const struct fleet_node *node = subject->node;
    char mac[MAC_TEXT_SIZE], ip[IP4_TEXT_SIZE], hex[SHA256_HEX_SIZE];
    buf_format(out, "node %s", node->name);
    for (size_t i = 0; i < node->mac_count; i++)
        buf_format(out, "  %s", mac_format(&node->macs[i], mac));
    buf_format(out, "  %s\n", node->ip ? ip4_format(node->ip, ip) : "address from the pool");
    buf_format(out, "boots %s\n", subject->next_boot);
    if (subject->local)
        return;
    buf_format(out, "image %s  %s %s build %s  sha256:%s\n", subject->entry.name, subject->image->product,
               subject->image->version, subject->image->build, digest_format(&subject->entry.manifest, hex));
}

static void print_chain(const struct explain_view *view, struct buf *out)
{
    const struct plan *plan = view->plan;
    char client[PLAN_CLIENT_TEXT_MAX];
    buf_format(out, "machine %s\n", plan_client_text(&view->client, client));
    if (plan->loader[0])
        buf_format(out, "chain %s, boot file %s%s%s\n", plan_chain_name(plan->chain), plan->loader,
                   plan->prefix[0] ? ", path prefix " : "", plan->prefix);
    else
        buf_append_text(out, "an address, and no boot file\n");
    for (size_t i = 0; i < plan->warning_count; i++)
        buf_format(out, "warning: %s\n", plan->warning[i]);
    buf_format(out, "\n--- ways to boot it (%s)\n", view->why);
    for (size_t i = 0; i < view->way_count; i++) {
        const struct explain_way *way = &view->ways[i];
        buf_format(out, "%-10s %s\n", plan_chain_name(way->chain),
                   way->chain == plan->chain ? "chosen"
                   : way->why_not[0]         ? way->why_not
                                             : "fits, too");
    }
}

static void print_files(const struct explain_subject *subject, struct buf *out)
{
    const struct plan *plan = subject->shown->plan;
    buf_format(out, "\n--- files in load order%s\n",
               plan->chain == PLAN_CHAIN_DISK ? ", below /boot of the disk image" : "");
    print_file(subject, 0, &plan->kernel, out);
    for (size_t i = 0; i < plan->module_count; i++)
        print_file(subject, i + 1, &plan->module[i], out);
    if (plan->overlay_at >= 0)
        buf_format(out, "\n--- overlay of %s (%zu bytes)\n%.*s", subject->node->name, subject->archive.size,
                   (int)subject->listing.size, (const char *)subject->listing.data);
}

/* Without "node n1, image x: ", which stands at the top. */
static const char *bare_why_not(const struct explain_subject *subject, const struct explain_view *view)
{
    const char *text = view->why_not.text, *colon = strstr(text, ": ");
    size_t name = strlen("node ") + strlen(subject->node->name);
    bool same = text_starts(text, "node ") && text_starts(text + strlen("node "), subject->node->name) &&
                (text[name] == ',' || text[name] == ':');
    return same && colon ? colon + 2 : text;
}

static void print_others(const struct explain_subject *subject, struct buf *out)
{
    if (subject->view_count > 1)
        buf_append_text(out, "\n--- other machines (--firmware shows one in full)\n");
    for (size_t i = 0; i < subject->view_count; i++) {
        const struct explain_view *view = &subject->views[i];
        if (view == subject->shown)
            continue;
        if (view->plan && !view->plan->loader[0])
            buf_format(out, "%-10s an address, and no boot file\n", view->firmware);
        else if (view->plan)
            buf_format(out, "%-10s chain %s, boot file %s\n", view->firmware,
                       plan_chain_name(view->plan->chain), view->plan->loader);
        else
            buf_format(out, "%-10s does not boot: %s\n", view->firmware, bare_why_not(subject, view));
    }
}

void explain_print_text(const struct explain_subject *subject, struct buf *out)
{
    const struct explain_view *view = subject->shown;
    print_node(subject, out);
    print_chain(view, out);
    for (size_t i = 0; i < view->config_count; i++)
        buf_format(out, "\n--- %s (%zu bytes)\n%.*s", view->configs[i].name, view->configs[i].text.size,
                   (int)view->configs[i].text.size, (const char *)view->configs[i].text.data);
    if (!subject->local)
        print_files(subject, out);
    print_others(subject, out);
}

/* --- for programs --- */

static json_t *json_file(const struct explain_subject *subject, const struct plan_file *file)
{
    struct digest digest;
    char hex[SHA256_HEX_SIZE];
    uint64_t size = explain_file_size(subject, file, &digest);
    bool joined = file->overlay && file->file;
    return json_pack("{s:s, s:I, s:s, s:b}", "path", file->path, "size_bytes", (json_int_t)size,
                     joined ? "sha256_before_overlay" : "sha256", digest_format(&digest, hex), "overlay",
                     file->overlay);
}

static json_t *json_files(const struct explain_subject *subject)
{
    const struct plan *plan = subject->shown->plan;
    json_t *files = json_array();
    if (subject->local)
        return files;
    json_array_append_new(files, json_file(subject, &plan->kernel));
    for (size_t i = 0; i < plan->module_count; i++)
        json_array_append_new(files, json_file(subject, &plan->module[i]));
    return files;
}

static json_t *json_ways(const struct explain_view *view)
{
    json_t *ways = json_array();
    for (size_t i = 0; i < view->way_count; i++) {
        json_t *way = json_pack("{s:s, s:b}", "chain", plan_chain_name(view->ways[i].chain), "fits",
                                view->ways[i].why_not[0] == '\0');
        if (view->ways[i].why_not[0])
            json_object_set_new(way, "why_not", json_string(view->ways[i].why_not));
        json_array_append_new(ways, way);
    }
    return ways;
}

static json_t *json_configs(const struct explain_view *view)
{
    json_t *configs = json_array();
    for (size_t i = 0; i < view->config_count; i++)
        json_array_append_new(configs, json_pack("{s:s, s:s%}", "name", view->configs[i].name, "text",
                                                 (const char *)view->configs[i].text.data,
                                                 view->configs[i].text.size));
    return configs;
}

static json_t *json_others(const struct explain_subject *subject)
{
    json_t *others = json_array();
    for (size_t i = 0; i < subject->view_count; i++) {
        const struct explain_view *view = &subject->views[i];
        if (view == subject->shown)
            continue;
        json_array_append_new(
            others, view->plan
                        ? json_pack("{s:s, s:s, s:s}", "firmware", view->firmware, "chain",
                                    plan_chain_name(view->plan->chain), "boot_file", view->plan->loader)
                        : json_pack("{s:s, s:s}", "firmware", view->firmware, "why_not", view->why_not.text));
    }
    return others;
}

static json_t *json_subject(const struct explain_subject *subject)
{
    const struct explain_view *view = subject->shown;
    char hex[SHA256_HEX_SIZE] = "";
    json_t *warnings = json_array();
    for (size_t i = 0; i < view->plan->warning_count; i++)
        json_array_append_new(warnings, json_string(view->plan->warning[i]));
    if (!subject->local)
        digest_format(&subject->entry.manifest, hex);
    return json_pack("{s:s, s:s?, s:s?, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:s%, s:o, s:o}", "node",
                     subject->node->name, "image", subject->local ? NULL : subject->entry.name,
                     "manifest_sha256", subject->local ? NULL : hex, "boots", subject->next_boot, "firmware",
                     view->firmware, "chain", plan_chain_name(view->plan->chain), "why", view->why,
                     "boot_file", view->plan->loader, "path_prefix", view->plan->prefix, "ways",
                     json_ways(view), "configs", json_configs(view), "files", json_files(subject),
                     "overlay_listing", subject->listing.size ? (const char *)subject->listing.data : "",
                     subject->listing.size, "warnings", warnings, "other_machines", json_others(subject));
}

int explain_print_json(const struct explain_subject *subject, struct buf *out, struct error *err)
{
    json_t *root = json_subject(subject);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    if (text)
        buf_format(out, "%s\n", text);
    free(text);
    json_decref(root);
    return text ? 0 : error_errno(err, ENOMEM, "explain %s", subject->node->name);
}
