/* What is made for one node: its overlay, alone or behind a file of the image. */
#include "proc/net_request.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static struct net_pending *pending_take(struct net_files *files)
{
    for (size_t i = 0; i < NET_FILES_PENDING_MAX; i++) {
        struct net_pending *p = &files->pending[(files->last_serial + i) % NET_FILES_PENDING_MAX];
        if (p->serial == 0)
            return p;
    }
    return NULL;
}

static struct net_pending *pending_find(struct net_files *files, uint64_t serial)
{
    for (size_t i = 0; serial && i < NET_FILES_PENDING_MAX; i++)
        if (files->pending[i].serial == serial)
            return &files->pending[i];
    return NULL;
}

static uint64_t ask_overlay(const struct net_request *r, const struct fleet_node *node,
                            const struct cached_image *image)
{
    struct net_files *files = r->files;
    struct net_pending *p = pending_take(files);
    struct error err;
    if (!p)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, "too many overlays are being made at once; ask again");
    *p = (struct net_pending){
        .serial = ++files->last_serial,
        .file_number = (uint32_t)files->plan->overlay_at + 2,
        .answer = r->answer,
        .answer_ctx = r->answer_ctx,
    };
    uint64_t serial = p->serial;
    if (files->host.ask_overlay(files->host.ctx, serial, node->name, &image->manifest, &err) == 0)
        return serial;
    p->serial = 0;
    return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
}

/* The node that `rest` ("NAME/FILE") belongs to, if the asker is that node; else it is answered. */
static const struct fleet_node *find_owner(const struct net_request *r, const char *rest, struct mac *mac)
{
    const struct fleet *fleet = r->files->host.fleet(r->files->host.ctx);
    char name[FLEET_NAME_MAX], text[BOOT_EVENT_TEXT_MAX];
    const char *slash = strchr(rest, '/');
    const struct fleet_node *owner = NULL, *asker = net_asker_node(r, mac);
    if (slash && (size_t)(slash - rest) < sizeof name) {
        memcpy(name, rest, (size_t)(slash - rest));
        name[slash - rest] = 0;
        owner = fleet_node_by_name(fleet, name);
    }
    if (!owner) {
        net_answer(r, BOOT_ANSWER_MISSING, NULL, "no node has this name");
        return NULL;
    }
    if (asker != owner) {
        snprintf(text, sizeof text, "this overlay is for %s only; the asker %s%s", owner->name,
                 asker ? "is " : "holds no lease of a node", asker ? asker->name : "");
        net_answer(r, BOOT_ANSWER_REFUSED, NULL, text);
        return NULL;
    }
    return owner;
}

/* An overlay holds password hashes: it goes to the machine that holds the node's lease, and to nobody else.
 */
uint64_t net_node_open(const struct net_request *r, const char *rest)
{
    struct plan_client client = {.arch = PLAN_ARCH_UNKNOWN};
    const struct fleet_node *owner = find_owner(r, rest, &client.mac);
    const struct cached_image *image;
    struct plan_site site = net_request_site(r);
    struct error err;
    if (!owner)
        return 0;
    if (net_plan(r->files, owner, &site, &client, PLAN_CHAIN_ANY, r->now_ms, &image, &err) < 0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    const struct plan *plan = r->files->plan;
    if (plan->overlay_at < 0 || strcmp(plan->module[plan->overlay_at].path, r->path) != 0)
        return net_answer(r, BOOT_ANSWER_MISSING, NULL, "the node has no overlay of this name");
    return ask_overlay(r, owner, image);
}

void net_files_overlay(struct net_files *files, uint64_t serial, int fd, const char *why)
{
    cleanup_close int owned = fd;
    struct net_pending *p = pending_find(files, serial);
    if (!p)
        return; /* cancelled meanwhile */
    struct net_pending done = *p;
    p->serial = 0;
    struct stat st;
    if (owned < 0 || fstat(owned, &st) < 0 || st.st_size <= 0) {
        done.answer(done.answer_ctx, BOOT_ANSWER_FAILED, NULL, owned < 0 ? why : "the overlay came empty");
        return;
    }
    struct boot_file *file = boot_file_from_fd(TAKE_FD(owned), (uint64_t)st.st_size);
    if (!file) {
        done.answer(done.answer_ctx, BOOT_ANSWER_FAILED, NULL, "out of memory");
        return;
    }
    file->role = BOOT_FILE_OVERLAY;
    file->file_number = done.file_number;
    done.answer(done.answer_ctx, BOOT_ANSWER_FOUND, file, "");
}

void net_node_cancel(struct net_files *files, uint64_t handle)
{
    struct net_pending *p = pending_find(files, handle);
    if (p)
        p->serial = 0;
}
