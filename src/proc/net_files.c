#include "proc/net_files.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/policy.h"
#include "proc/boot_config.h"
#include "proc/net_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

uint64_t net_answer(const struct net_request *r, enum boot_answer what, struct boot_file *file,
                    const char *text)
{
    r->answer(r->answer_ctx, what, file, text);
    return 0;
}

/* --- plans --- */

static int judge(struct net_files *files, const struct fleet_node *node, bool *local, struct error *err)
{
    struct fleet_settings settings = fleet_effective(files->host.fleet(files->host.ctx), node);
    int64_t now_s = files->host.wall_ms(files->host.ctx) / 1000;
    if (policy_is_local(&settings, files->host.zones, now_s, local, err) < 0)
        return error_wrap(err, "node %s", node->name);
    return 0;
}

int net_begun(struct net_files *files, const struct fleet_node *node, const struct mac *mac, int64_t now_ms,
              struct loader_begun *out, struct error *err)
{
    if (loader_memory_begun(files->loaders, mac, now_ms, out))
        return 0;
    *out = (struct loader_begun){.arch = PLAN_ARCH_UNKNOWN};
    return judge(files, node, &out->local, err);
}

int net_image(struct net_files *files, const struct fleet_node *node, int64_t now_ms,
              const struct cached_image **image, struct error *err)
{
    struct fleet_settings settings = fleet_effective(files->host.fleet(files->host.ctx), node);
    if (!settings.image)
        return error_set(err, "node %s has no image: bootherd node set %s --image NAME", node->name,
                         node->name);
    if (image_cache_by_name(files->cache, settings.image, now_ms, image, err) < 0)
        return error_wrap(err, "image %s", settings.image);
    return 0;
}

int net_plan(struct net_files *files, const struct fleet_node *node, const struct plan_site *site,
             const struct plan_client *client, enum plan_chain chain, int64_t now_ms,
             const struct cached_image **image, struct error *err)
{
    const struct fleet *fleet = files->host.fleet(files->host.ctx);
    *image = NULL;
    if (site->local)
        return plan_make(fleet, node, NULL, NULL, site, client, chain, files->plan, err);
    if (net_image(files, node, now_ms, image, err) < 0)
        return -1;
    return plan_make(fleet, node, (*image)->image, &(*image)->manifest, site, client, chain, files->plan,
                     err);
}

struct plan_site net_asker_site(const struct net_files *files, const struct boot_asker *asker)
{
    return (struct plan_site){.server = asker->server_ip,
                              .http_port = files->host.http_port,
                              .https_port = asker->via == BOOT_VIA_HTTPS ? files->host.https_port : 0,
                              .loaders = PLAN_LOADERS_ALL,
                              .client_ip = asker->client_ip};
}

const struct fleet_node *net_asker_node(const struct net_request *r, struct mac *mac)
{
    const struct net_files_host *host = &r->files->host;
    if (host->mac_of(host->ctx, r->asker->client_ip, mac))
        return fleet_node_by_mac(host->fleet(host->ctx), mac);
    return NULL;
}

/* --- what DHCP tells --- */

/* An address alone sends it there, too: firmware without a boot file goes on to its next boot entry. */
static void boot_text_local(const struct plan *plan, struct dhcp_boot *out)
{
    if (plan->loader[0])
        snprintf(out->text, sizeof out->text, "boot file %.100s: " BOOT_EVENT_LOCAL "%.120s", plan->loader,
                 plan->local_why);
    else
        snprintf(out->text, sizeof out->text, "no boot file: " BOOT_EVENT_LOCAL "%.100s; %.100s",
                 plan->local_why, plan->warning_count ? plan->warning[0] : "");
}

/* The boot file, and why it is not the one of last time. */
static void boot_text(const struct plan *plan, unsigned failed, struct dhcp_boot *out)
{
    size_t used = (size_t)snprintf(out->text, sizeof out->text, "boot file %.100s", plan->loader);
    bool first = true;
    for (enum plan_chain i = PLAN_CHAIN_ANY + 1; i < PLAN_CHAINS && used < sizeof out->text; i++) {
        if (!(failed & (1u << i)) || i == plan->chain)
            continue;
        used += (size_t)snprintf(out->text + used, sizeof out->text - used, "%s%s", first ? ", since " : ", ",
                                 plan_chain_name(i));
        first = false;
    }
    if (!first && used < sizeof out->text)
        snprintf(out->text + used, sizeof out->text - used, " did not get it to its kernel");
}

/* iPXE can say on the screen why it goes no further; without HTTP it has TFTP. */
static void boot_failed(const struct plan_client *client, const struct error *why, struct dhcp_boot *out)
{
    out->failed = true;
    snprintf(out->text, sizeof out->text, "%.*s", (int)sizeof out->text - 1, why->text);
    if (client->ipxe && client->rounds >= PLAN_ROUNDS_MAX)
        snprintf(out->file, sizeof out->file, NET_BOOT_IPXE);
}

/* image: NULL for its own disk. Plans, checks that every config of the plan can be written, and fills what is
 * kept. */
static int boot_make(struct net_files *files, const struct fleet_node *node, const struct cached_image *image,
                     struct boot_kept *kept, struct error *err)
{
    const struct fleet *fleet = files->host.fleet(files->host.ctx);
    const struct plan_client *client = &kept->key.client;
    struct plan *plan = files->plan;
    struct dhcp_boot *out = &kept->boot;
    if (plan_make(fleet, node, image ? image->image : NULL, image ? &image->manifest : NULL, &kept->key.site,
                  client, PLAN_CHAIN_ANY, plan, err) < 0)
        return -1;
    if (boot_config_check(plan, client->http || client->ipxe, err) < 0)
        return error_wrap(err, "node %s", node->name);
    if (strlen(plan->loader) >= sizeof out->file)
        return error_set(err, "the boot file's name has %zu bytes, and DHCP takes %zu: %s",
                         strlen(plan->loader), sizeof out->file - 1, plan->loader);
    memcpy(out->file, plan->loader, strlen(plan->loader));
    snprintf(out->prefix, sizeof out->prefix, "%s", plan->prefix);
    out->local = !image;
    if (out->local)
        boot_text_local(plan, out);
    else
        boot_text(plan, client->failed, out);
    kept->chain = plan->chain;
    kept->is_ipxe = plan_chain_loader(plan->chain, client) == PLAN_LOADER_IPXE;
    return 0;
}

/* Field by field: what lies between them stays zero. */
static void boot_key_make(struct net_files *files, const struct dhcp_boot_ask *ask,
                          const struct plan_client *client, const struct cached_image *image,
                          struct boot_key *key)
{
    bool https = ask->network && ask->network->https == FLEET_ON;
    memset(key, 0, sizeof *key);
    key->node = ask->node;
    if (image)
        key->manifest = image->manifest;
    key->site.local = !image;
    key->site.server = ask->server_ip;
    key->site.http_port = files->host.http_port;
    key->site.https_port = https ? files->host.https_port : 0;
    key->site.loaders = image_cache_loaders(files->cache);
    key->site.loader = ask->network ? ask->network->loader : NULL;
    key->site.client_ip = ask->client_ip;
    key->client.mac = client->mac;
    key->client.arch = client->arch;
    key->client.http = client->http;
    key->client.ipxe = client->ipxe;
    key->client.features = client->features;
    key->client.proxied = client->proxied;
    key->client.rounds = client->rounds;
    key->client.failed = client->failed;
    key->client.worked = client->worked;
}

static int boot_get(struct net_files *files, const struct dhcp_boot_ask *ask,
                    const struct plan_client *client, int64_t now_ms, const struct boot_kept **out,
                    struct error *err)
{
    const struct cached_image *image = NULL;
    struct loader_begun begun;
    struct boot_key key;
    bool is_new;
    if (!loader_memory_goes_on(files->loaders, client, ask->granted, now_ms, &begun)) {
        if (judge(files, ask->node, &begun.local, err) < 0)
            return -1;
        loader_memory_begin(files->loaders, client, begun.local, now_ms);
    }
    if (!begun.local && net_image(files, ask->node, now_ms, &image, err) < 0)
        return -1;
    boot_key_make(files, ask, client, image, &key);
    struct boot_kept *kept = boot_cache_get(files->boots, &key, &is_new);
    if (is_new && boot_make(files, ask->node, image, kept, err) < 0) {
        boot_cache_drop(kept);
        return -1;
    }
    *out = kept;
    return 0;
}

void net_files_boot(struct net_files *files, const struct dhcp_boot_ask *ask, struct dhcp_boot *out)
{
    const struct boot_kept *kept;
    struct plan_client client = *ask->client;
    int64_t now_ms = files->host.now_ms(files->host.ctx);
    struct error err;
    *out = (struct dhcp_boot){0};
    if (!ask->node) {
        snprintf(out->text, sizeof out->text, "lease only: no node has this hardware address");
        return;
    }
    loader_memory_ask(files->loaders, &client, ask->granted, now_ms);
    if (boot_get(files, ask, &client, now_ms, &kept, &err) < 0) {
        boot_failed(&client, &err, out);
        return;
    }
    *out = kept->boot;
    if (ask->granted && kept->chain != PLAN_CHAIN_ANY)
        loader_memory_granted(files->loaders, &client, kept->chain, kept->is_ipxe, now_ms);
}

void net_files_fleet_changed(struct net_files *files)
{
    boot_cache_clear(files->boots);
    config_cache_clear(files->configs);
}

void net_files_event(struct net_files *files, const struct boot_event *event)
{
    loader_memory_event(files->loaders, event, files->host.now_ms(files->host.ctx));
}

/* --- image/ID/NAME and loaders --- */

/* A cached file is shared by all machines; role and number are the same for each, since they follow from the
 * image. */
static uint64_t answer_image_file(const struct net_request *r, const struct cached_image *c,
                                  const struct image_file *file)
{
    struct boot_file *open = c->files[file - c->image->files];
    bool loader = strcmp(c->image->family, "loader") == 0 || text_ends(file->name, "mboot.efi") ||
                  text_ends(file->name, "mboot.c32");
    bool kernel = file->role == IMAGE_ROLE_KERNEL || file == plan_kernel_plain(c->image);
    open->role = loader                            ? BOOT_FILE_LOADER
                 : kernel                          ? BOOT_FILE_KERNEL
                 : file->role == IMAGE_ROLE_MODULE ? BOOT_FILE_MODULE
                                                   : BOOT_FILE_OTHER;
    open->file_number = open->role == BOOT_FILE_KERNEL   ? 1
                        : open->role == BOOT_FILE_MODULE ? file->order + 1
                                                         : 0;
    open->files_expected =
        kernel && plan_shape_of(c->image) == PLAN_SHAPE_EFI; /* firmware reads no config before */
    return net_answer(r, BOOT_ANSWER_FOUND, boot_file_ref(open), "");
}

static uint64_t open_image_file(const struct net_request *r, const char *rest)
{
    const char *slash = strchr(rest, '/');
    char id[PLAN_IMAGE_ID + 1];
    const struct cached_image *c;
    struct error err;
    if (!slash || (size_t)(slash - rest) != PLAN_IMAGE_ID)
        return net_answer(r, BOOT_ANSWER_MISSING, NULL, "no image has this id");
    memcpy(id, rest, PLAN_IMAGE_ID);
    id[PLAN_IMAGE_ID] = 0;
    if (image_cache_by_id(r->files->cache, id, r->now_ms, &c, &err) < 0)
        return net_answer(r, err.code == ENOENT ? BOOT_ANSWER_MISSING : BOOT_ANSWER_FAILED, NULL, err.text);
    const struct image_file *file = image_find_any_case(c->image, slash + 1);
    return file ? answer_image_file(r, c, file)
                : net_answer(r, BOOT_ANSWER_MISSING, NULL, "the image has no file of this name");
}

/* A file of the loader image of that name. False: there is none; then *why says so. */
static bool open_loader_file(const struct net_request *r, const char *loader, const char *name,
                             enum boot_answer *answer, struct error *why)
{
    const struct cached_image *c;
    *answer = BOOT_ANSWER_MISSING;
    if (image_cache_by_name(r->files->cache, loader, r->now_ms, &c, why) < 0) {
        *answer = why->code == ENOENT ? BOOT_ANSWER_MISSING : BOOT_ANSWER_FAILED;
        return false;
    }
    const struct image_file *file = image_find_any_case(c->image, name);
    if (!file || strcmp(c->image->family, "loader") != 0) {
        error_set(why, "boot loader %s has no file of this name", loader);
        return false;
    }
    answer_image_file(r, c, file);
    return true;
}

/* GRUB looks for its modules below the folder it was built to look in, named after its processor. */
static bool open_grub_module(const struct net_request *r, const char *name)
{
    static const struct {
        const char *folder;
        enum plan_loader loader;
    } grubs[] = {{"x86_64-efi/", PLAN_LOADER_GRUB_AMD64},
                 {"arm64-efi/", PLAN_LOADER_GRUB_ARM64},
                 {"i386-efi/", PLAN_LOADER_GRUB_386}};
    enum boot_answer ignored;
    struct error why;
    for (size_t i = 0; i < sizeof grubs / sizeof grubs[0]; i++)
        if (text_starts(name, grubs[i].folder))
            return open_loader_file(r, plan_loader_name(grubs[i].loader), name, &ignored, &why);
    return false;
}

/* "loader/NAME/FILE" -> FILE, and which loader; other paths as they are. */
static const char *beside_loader(const char *path, enum plan_loader *loader)
{
    char name[IMAGE_NAME_MAX];
    const char *rest = path + strlen("loader/");
    *loader = PLAN_LOADER_NONE;
    if (!text_starts(path, "loader/"))
        return path;
    size_t size = strcspn(rest, "/");
    if (!rest[size] || size >= sizeof name)
        return path;
    memcpy(name, rest, size);
    name[size] = '\0';
    *loader = plan_loader_of(name);
    return *loader ? rest + size + 1 : path;
}

/* --- the door --- */

static uint64_t open_path(const struct net_request *r)
{
    static const struct {
        const char *prefix;
        uint64_t (*open)(const struct net_request *r, const char *rest);
    } folders[] = {
        {BOOT_AGENT_FOLDER, net_agent_open},
        {"image/", open_image_file},
        {"node/", net_node_open},
    };
    enum boot_answer answer;
    struct error why;
    uint64_t handle;
    if (r->beside && open_loader_file(r, plan_loader_name(r->beside), r->path, &answer, &why))
        return 0;
    if (net_config_open(r, &handle))
        return handle;
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
        if (text_starts(r->path, folders[i].prefix))
            return folders[i].open(r, r->path + strlen(folders[i].prefix));
    if (text_starts(r->path, "grub/") && open_grub_module(r, r->path + strlen("grub/")))
        return 0;
    if (open_loader_file(r, plan_loader_name(PLAN_LOADER_PXELINUX), r->path, &answer, &why))
        return 0;
    return net_answer(r, answer, NULL, why.text);
}

static uint64_t files_open(void *ctx, const char *path, const struct boot_asker *asker,
                           boot_answer_fn *answer_fn, void *answer_ctx)
{
    struct net_files *files = ctx;
    struct net_request r = {.files = files,
                            .asker = asker,
                            .now_ms = files->host.now_ms(files->host.ctx),
                            .answer = answer_fn,
                            .answer_ctx = answer_ctx};
    r.path = beside_loader(path, &r.beside);
    return open_path(&r);
}

static void files_cancel(void *ctx, uint64_t handle)
{
    net_node_cancel(ctx, handle);
    net_agent_cancel(ctx, handle);
}

struct boot_files net_files_door(struct net_files *files)
{
    return (struct boot_files){.ctx = files, .open = files_open, .cancel = files_cancel};
}

int net_files_new(struct image_cache *cache, const struct net_files_host *host, struct net_files **out,
                  struct error *err)
{
    cleanup_free struct net_files *files = calloc(1, sizeof *files);
    cleanup_free struct plan *plan = malloc(sizeof *plan);
    cleanup_free struct config_cache *configs = config_cache_new();
    cleanup_free struct boot_cache *boots = boot_cache_new();
    if (!files || !plan || !configs || !boots || !(files->loaders = loader_memory_new()))
        return error_errno(err, ENOMEM, "boot files");
    files->configs = TAKE_PTR(configs);
    files->boots = TAKE_PTR(boots);
    files->plan = TAKE_PTR(plan);
    files->cache = cache;
    files->host = *host;
    *out = TAKE_PTR(files);
    return 0;
}

void net_files_free(struct net_files *files)
{
    if (!files)
        return;
    loader_memory_free(files->loaders);
    config_cache_free(files->configs);
    boot_cache_free(files->boots);
    free(files->plan);
    free(files);
}
