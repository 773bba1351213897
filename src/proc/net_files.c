#include "proc/net_files.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "render/render.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct pending {
    uint64_t serial; /* 0: free */
    uint32_t file_number;
    boot_answer_fn *answer;
    void *answer_ctx;
};

struct net_files {
    struct image_cache *cache;
    struct net_files_host host;
    struct plan *plan; /* scratch: a plan is large, and one request is planned at a time */
    uint64_t last_serial;
    struct pending pending[NET_FILES_PENDING_MAX];
};

struct request {
    struct net_files *files;
    const char *path; /* clean */
    uint32_t client_ip;
    int64_t now_ms;
    boot_answer_fn *answer;
    void *answer_ctx;
};

static uint64_t answer(const struct request *r, enum boot_answer what, struct boot_file *file,
                       const char *text)
{
    r->answer(r->answer_ctx, what, file, text);
    return 0;
}

/* --- plans --- */

static int plan_for(struct net_files *files, const struct fleet_node *node, const struct plan_client *client,
                    int64_t now_ms, const struct cached_image **image, struct error *err)
{
    const struct fleet *fleet = files->host.fleet(files->host.ctx);
    struct fleet_settings settings = fleet_effective(fleet, node);
    if (!settings.image)
        return error_set(err, "node %s has no image: bootherd node set %s --image NAME", node->name,
                         node->name);
    if (image_cache_by_name(files->cache, settings.image, now_ms, image, err) < 0)
        return error_wrap(err, "image %s", settings.image);
    return plan_make(fleet, node, (*image)->image, &(*image)->manifest, client, files->plan, err);
}

void net_files_boot(struct net_files *files, const struct fleet_node *node, const struct plan_client *client,
                    struct dhcp_boot *out)
{
    const struct cached_image *image;
    struct error err;
    *out = (struct dhcp_boot){0};
    if (!node) {
        snprintf(out->text, sizeof out->text, "lease only: no node has this hardware address");
        return;
    }
    if (plan_for(files, node, client, files->host.now_ms(files->host.ctx), &image, &err) < 0) {
        out->failed = true;
        snprintf(out->text, sizeof out->text, "%.*s", (int)sizeof out->text - 1, err.text);
        return;
    }
    snprintf(out->file, sizeof out->file, "%.*s", (int)sizeof out->file - 1, files->plan->loader);
    snprintf(out->text, sizeof out->text, "boot file %.200s", files->plan->loader);
}

/* --- pxelinux.cfg/... --- */

static const struct fleet_node *node_of_ip(const struct request *r)
{
    const struct fleet *fleet = r->files->host.fleet(r->files->host.ctx);
    struct mac mac;
    if (r->files->host.mac_of(r->files->host.ctx, r->client_ip, &mac))
        return fleet_node_by_mac(fleet, &mac);
    return NULL;
}

/* pxelinux asks by "01-" and the MAC, by UUID, by address in hex, and for "default": the first names a node,
 * the others are answered by who asks. */
static const struct fleet_node *node_of_config(const struct request *r, const char *name)
{
    struct mac mac;
    if (text_starts(name, "01-") && mac_parse(name + 3, &mac))
        return fleet_node_by_mac(r->files->host.fleet(r->files->host.ctx), &mac);
    return node_of_ip(r);
}

static struct boot_file *config_file(struct buf *text, uint32_t files_expected)
{
    struct boot_file *file = text->failed ? NULL : boot_file_from_bytes(text->data, text->size);
    if (file) {
        file->role = BOOT_FILE_CONFIG;
        file->files_expected = files_expected;
    }
    return file;
}

static uint64_t open_config(const struct request *r, const char *name)
{
    const struct fleet_node *node = node_of_config(r, name);
    const struct cached_image *image;
    struct plan_client client = {.firmware = PLAN_FIRMWARE_BIOS}; /* who reads pxelinux.cfg runs on a BIOS */
    struct error err;
    cleanup_buf struct buf text = BUF_INIT;
    uint32_t expected = 0;
    if (!node && strcmp(name, "default") != 0)
        return answer(r, BOOT_ANSWER_MISSING, NULL,
                      "no node answers to this name; pxelinux tries the next one");
    if (!node) {
        render_pxelinux_local("bootherd knows no node with this hardware address", &text);
    } else {
        if (node->mac_count)
            client.mac = node->macs[0];
        if (plan_for(r->files, node, &client, r->now_ms, &image, &err) < 0 ||
            render_pxelinux(r->files->plan, &text, &err) < 0)
            return answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
        expected = (uint32_t)r->files->plan->module_count + 1;
    }
    struct boot_file *file = config_file(&text, expected);
    return file ? answer(r, BOOT_ANSWER_FOUND, file, "")
                : answer(r, BOOT_ANSWER_FAILED, NULL, "out of memory");
}

/* --- image/ID/NAME and loaders --- */

/* A cached file is shared by all machines; role and number are the same for each, since they follow from the
 * image. */
static uint64_t answer_image_file(const struct request *r, const struct cached_image *c, const char *name)
{
    const struct image_file *file = image_find_any_case(c->image, name);
    if (!file)
        return answer(r, BOOT_ANSWER_MISSING, NULL, "the image has no file of this name");
    struct boot_file *open = c->files[file - c->image->files];
    bool loader = strcmp(c->image->family, "loader") == 0;
    open->role = loader                            ? BOOT_FILE_LOADER
                 : file->role == IMAGE_ROLE_KERNEL ? BOOT_FILE_KERNEL
                 : file->role == IMAGE_ROLE_MODULE ? BOOT_FILE_MODULE
                                                   : BOOT_FILE_OTHER;
    open->file_number = open->role == BOOT_FILE_KERNEL   ? 1
                        : open->role == BOOT_FILE_MODULE ? file->order + 1
                                                         : 0;
    return answer(r, BOOT_ANSWER_FOUND, boot_file_ref(open), "");
}

static uint64_t open_image_file(const struct request *r, const char *rest)
{
    const char *slash = strchr(rest, '/');
    char id[PLAN_IMAGE_ID + 1];
    const struct cached_image *c;
    struct error err;
    if (!slash || (size_t)(slash - rest) != PLAN_IMAGE_ID)
        return answer(r, BOOT_ANSWER_MISSING, NULL, "no image has this id");
    memcpy(id, rest, PLAN_IMAGE_ID);
    id[PLAN_IMAGE_ID] = 0;
    if (image_cache_by_id(r->files->cache, id, r->now_ms, &c, &err) < 0)
        return answer(r, err.code == ENOENT ? BOOT_ANSWER_MISSING : BOOT_ANSWER_FAILED, NULL, err.text);
    return answer_image_file(r, c, slash + 1);
}

static uint64_t open_loader_file(const struct request *r)
{
    const struct cached_image *c;
    struct error err;
    if (image_cache_by_name(r->files->cache, NET_FILES_LOADER, r->now_ms, &c, &err) < 0)
        return answer(r, err.code == ENOENT ? BOOT_ANSWER_MISSING : BOOT_ANSWER_FAILED, NULL, err.text);
    return answer_image_file(r, c, r->path);
}

/* --- node/NAME/FILE --- */

static struct pending *pending_take(struct net_files *files)
{
    for (size_t i = 0; i < NET_FILES_PENDING_MAX; i++) {
        struct pending *p = &files->pending[(files->last_serial + i) % NET_FILES_PENDING_MAX];
        if (p->serial == 0)
            return p;
    }
    return NULL;
}

static struct pending *pending_find(struct net_files *files, uint64_t serial)
{
    for (size_t i = 0; serial && i < NET_FILES_PENDING_MAX; i++)
        if (files->pending[i].serial == serial)
            return &files->pending[i];
    return NULL;
}

static uint64_t ask_overlay(const struct request *r, const struct fleet_node *node,
                            const struct cached_image *image)
{
    struct net_files *files = r->files;
    struct pending *p = pending_take(files);
    struct error err;
    if (!p)
        return answer(r, BOOT_ANSWER_FAILED, NULL, "too many overlays are being made at once; ask again");
    *p = (struct pending){
        .serial = ++files->last_serial,
        .file_number = (uint32_t)files->plan->overlay_at + 2,
        .answer = r->answer,
        .answer_ctx = r->answer_ctx,
    };
    uint64_t serial = p->serial;
    if (files->host.ask_overlay(files->host.ctx, serial, node->name, &image->manifest, &err) == 0)
        return serial;
    p->serial = 0;
    return answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
}

/* An overlay holds password hashes: it goes to the machine that holds the node's lease, and to nobody else.
 */
static uint64_t open_node_file(const struct request *r, const char *rest)
{
    const struct fleet *fleet = r->files->host.fleet(r->files->host.ctx);
    const struct fleet_node *asker = node_of_ip(r);
    const struct cached_image *image;
    struct plan_client client = {.firmware = PLAN_FIRMWARE_BIOS};
    struct error err;
    char name[FLEET_NAME_MAX], text[BOOT_EVENT_TEXT_MAX];
    const char *slash = strchr(rest, '/');
    if (!slash || (size_t)(slash - rest) >= sizeof name)
        return answer(r, BOOT_ANSWER_MISSING, NULL, "no node has this name");
    memcpy(name, rest, (size_t)(slash - rest));
    name[slash - rest] = 0;
    const struct fleet_node *owner = fleet_node_by_name(fleet, name);
    if (!owner)
        return answer(r, BOOT_ANSWER_MISSING, NULL, "no node has this name");
    if (asker != owner) {
        snprintf(text, sizeof text, "this overlay is for %s only; the asker %s%s", owner->name,
                 asker ? "is " : "holds no lease of a node", asker ? asker->name : "");
        return answer(r, BOOT_ANSWER_REFUSED, NULL, text);
    }
    if (plan_for(r->files, owner, &client, r->now_ms, &image, &err) < 0)
        return answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    const struct plan *plan = r->files->plan;
    if (plan->overlay_at < 0 || strcmp(plan->module[plan->overlay_at].path, r->path) != 0)
        return answer(r, BOOT_ANSWER_MISSING, NULL, "the node has no overlay of this name");
    return ask_overlay(r, owner, image);
}

void net_files_overlay(struct net_files *files, uint64_t serial, int fd, const char *why)
{
    cleanup_close int owned = fd;
    struct pending *p = pending_find(files, serial);
    if (!p)
        return; /* cancelled meanwhile */
    struct pending done = *p;
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

/* --- the door --- */

static uint64_t files_open(void *ctx, const char *path, uint32_t client_ip, boot_answer_fn *answer_fn,
                           void *answer_ctx)
{
    static const struct {
        const char *prefix;
        uint64_t (*open)(const struct request *r, const char *rest);
    } folders[] = {
        {"image/", open_image_file},
        {"node/", open_node_file},
        {"pxelinux.cfg/", open_config},
    };
    struct net_files *files = ctx;
    struct request r = {files, path, client_ip, files->host.now_ms(files->host.ctx), answer_fn, answer_ctx};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (text_starts(path, folders[i].prefix))
            return folders[i].open(&r, path + strlen(folders[i].prefix));
    return open_loader_file(&r);
}

static void files_cancel(void *ctx, uint64_t handle)
{
    struct pending *p = pending_find(ctx, handle);
    if (p)
        p->serial = 0;
}

struct boot_files net_files_door(struct net_files *files)
{
    return (struct boot_files){.ctx = files, .open = files_open, .cancel = files_cancel};
}

int net_files_new(struct image_cache *cache, const struct net_files_host *host, struct net_files **out,
                  struct error *err)
{
    cleanup_free struct net_files *files = calloc(1, sizeof *files);
    if (!files || !(files->plan = malloc(sizeof *files->plan)))
        return error_errno(err, ENOMEM, "boot files");
    files->cache = cache;
    files->host = *host;
    *out = TAKE_PTR(files);
    return 0;
}

void net_files_free(struct net_files *files)
{
    if (!files)
        return;
    free(files->plan);
    free(files);
}
