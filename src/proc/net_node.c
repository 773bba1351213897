/* What is made for one node: its overlay, alone, behind a file of the image, or in a disk image. */
#include "proc/join_file.h"
#include "proc/net_request.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define DISK_NAME "boot.img"

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

/* Who asks for the disk image boots from it; other files are the same in every chain. */
static int node_plan(struct net_files *files, const struct fleet_node *node, const struct mac *mac,
                     const struct boot_asker *asker, enum net_node_file what, int64_t now_ms,
                     const struct cached_image **image, unsigned *arch, struct error *err)
{
    struct plan_client client = {.mac = *mac, .arch = PLAN_ARCH_UNKNOWN};
    struct plan_site site = net_asker_site(files, asker);
    struct loader_begun begun;
    if (net_begun(files, node, mac, now_ms, &begun, err) < 0)
        return -1;
    site.local = begun.local;
    *arch = begun.arch;
    return net_plan(files, node, &site, &client, what == NET_NODE_DISK ? PLAN_CHAIN_DISK : PLAN_CHAIN_ANY,
                    now_ms, image, err);
}

static const struct plan_file *overlay_of(const struct plan *plan)
{
    return plan->overlay_at < 0 ? NULL : &plan->module[plan->overlay_at];
}

static uint64_t ask_overlay(const struct net_request *r, const struct fleet_node *node, const struct mac *mac,
                            enum net_node_file what, const struct cached_image *image)
{
    struct net_files *files = r->files;
    struct net_pending *p = pending_take(files);
    struct error err;
    if (!p)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, "too many overlays are being made at once; ask again");
    *p = (struct net_pending){
        .serial = ++files->last_serial,
        .what = what,
        .mac = *mac,
        .asker = *r->asker,
        .answer = r->answer,
        .answer_ctx = r->answer_ctx,
    };
    snprintf(p->node, sizeof p->node, "%s", node->name);
    uint64_t serial = p->serial;
    if (files->host.ask_overlay(files->host.ctx, serial, node->name, &image->manifest, r->asker->server_ip,
                                &err) == 0)
        return serial;
    p->serial = 0;
    return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
}

static uint64_t answer_disk(const struct net_request *r, const struct cached_image *image, unsigned arch)
{
    struct boot_file *file;
    struct error err;
    if (net_disk_make(r->files, image, arch, NULL, r->now_ms, &file, &err) < 0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    return net_answer(r, BOOT_ANSWER_FOUND, file, "");
}

/* An overlay holds password hashes: it goes to the machine that holds the node's lease, and to nobody else.
 */
uint64_t net_node_open(const struct net_request *r, const char *rest)
{
    struct mac mac;
    const struct fleet_node *owner = find_owner(r, rest, &mac);
    const struct cached_image *image;
    struct error err;
    unsigned arch;
    if (!owner)
        return 0;
    bool disk = strcmp(strchr(rest, '/') + 1, DISK_NAME) == 0;
    if (node_plan(r->files, owner, &mac, r->asker, disk ? NET_NODE_DISK : NET_NODE_OVERLAY, r->now_ms, &image,
                  &arch, &err) < 0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    const struct plan_file *overlay = overlay_of(r->files->plan);
    if (disk)
        return overlay ? ask_overlay(r, owner, &mac, NET_NODE_DISK, image) : answer_disk(r, image, arch);
    if (!overlay || strcmp(overlay->path, r->path) != 0)
        return net_answer(r, BOOT_ANSWER_MISSING, NULL,
                          image ? "the node has no overlay of this name"
                                : "the node starts from its local disk now");
    return ask_overlay(r, owner, &mac, overlay->file ? NET_NODE_JOINED : NET_NODE_OVERLAY, image);
}

/* Takes the overlay. The node and its image may have changed while it was made: planned once more. */
static int finish(struct net_files *files, const struct net_pending *p, struct boot_file *overlay,
                  struct boot_file **out, struct error *err)
{
    const struct fleet_node *node = fleet_node_by_name(files->host.fleet(files->host.ctx), p->node);
    int64_t now_ms = files->host.now_ms(files->host.ctx);
    const struct cached_image *image;
    unsigned arch;
    if (!node || node_plan(files, node, &p->mac, &p->asker, p->what, now_ms, &image, &arch, err) < 0) {
        boot_file_unref(overlay);
        return node ? -1 : error_set(err, "node %s is gone", p->node);
    }
    const struct plan_file *at = overlay_of(files->plan);
    if (!at || (p->what == NET_NODE_JOINED) != (at->file && p->what != NET_NODE_DISK)) {
        boot_file_unref(overlay);
        return error_set(err, "node %s was changed meanwhile", p->node);
    }
    if (p->what == NET_NODE_DISK)
        return net_disk_make(files, image, arch, overlay, now_ms, out, err);
    *out = overlay;
    if (p->what == NET_NODE_JOINED)
        *out = join_file(boot_file_ref(image->files[at->file - image->image->files]), overlay);
    if (!*out)
        return error_errno(err, ENOMEM, "%s", at->path);
    (*out)->role = BOOT_FILE_OVERLAY;
    (*out)->file_number = (uint32_t)files->plan->overlay_at + 2;
    return 0;
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
    struct error err;
    if (owned < 0 || fstat(owned, &st) < 0 || st.st_size <= 0) {
        done.answer(done.answer_ctx, BOOT_ANSWER_FAILED, NULL, owned < 0 ? why : "the overlay came empty");
        return;
    }
    struct boot_file *overlay = boot_file_from_fd(TAKE_FD(owned), (uint64_t)st.st_size), *file;
    if (!overlay)
        done.answer(done.answer_ctx, BOOT_ANSWER_FAILED, NULL, "out of memory");
    else if (finish(files, &done, overlay, &file, &err) < 0)
        done.answer(done.answer_ctx, BOOT_ANSWER_FAILED, NULL, err.text);
    else
        done.answer(done.answer_ctx, BOOT_ANSWER_FOUND, file, "");
}

void net_node_cancel(struct net_files *files, uint64_t handle)
{
    struct net_pending *p = pending_find(files, handle);
    if (p)
        p->serial = 0;
}
