/* Configs of loaders, rendered when they are asked for. */
#include "proc/boot_config.h"
#include "proc/net_request.h"

#include "base/text.h"

#include <string.h>

/* A name of a config, taken apart. */
struct config_name {
    enum boot_config config;
    enum plan_chain chain;
    char by[BOOT_PATH_MAX];        /* "01-MAC" and the like, or "": by the asker's address */
    char image[PLAN_IMAGE_ID + 1]; /* boot.cfg: of which image; else "" */
};

static enum plan_chain pxelinux_chain(const struct net_request *r)
{
    if (r->asker->via != BOOT_VIA_TFTP)
        return PLAN_CHAIN_LPXELINUX;
    return r->beside == PLAN_LOADER_PXELINUX3 ? PLAN_CHAIN_PXELINUX3 : PLAN_CHAIN_PXELINUX;
}

/* image/ID/boot.cfg, image/ID/01-MAC/boot.cfg; mboot also looks beside itself for what it was given as a
 * path. */
static bool parse_bootcfg(const char *path, struct config_name *out)
{
    const char *rest = path + strlen("image/"), *file = strrchr(path, '/');
    if (!text_starts(path, "image/") || strlen(rest) <= PLAN_IMAGE_ID || rest[PLAN_IMAGE_ID] != '/' ||
        strcmp(file, "/boot.cfg") != 0)
        return false;
    memcpy(out->image, rest, PLAN_IMAGE_ID);
    out->image[PLAN_IMAGE_ID] = '\0';
    rest += PLAN_IMAGE_ID + 1;
    size_t size = file > rest ? (size_t)(file - rest) : 0;
    memcpy(out->by, rest, size);
    out->by[size] = '\0';
    out->config = BOOT_CONFIG_BOOTCFG;
    out->chain = PLAN_CHAIN_MBOOT;
    return !strchr(out->by, '/');
}

static bool parse(const struct net_request *r, struct config_name *out)
{
    static const struct {
        const char *prefix;
        enum boot_config config;
        enum plan_chain chain;
        bool exact;
    } names[] = {
        {"pxelinux.cfg/", BOOT_CONFIG_PXELINUX, PLAN_CHAIN_PXELINUX, false},
        {"ipxe/", BOOT_CONFIG_IPXE, PLAN_CHAIN_IPXE, false},
        {NET_BOOT_IPXE, BOOT_CONFIG_IPXE, PLAN_CHAIN_IPXE, true},
        {"grub/grub.cfg", BOOT_CONFIG_GRUB, PLAN_CHAIN_GRUB, true},
        {"grub/grub.cfg-", BOOT_CONFIG_GRUB, PLAN_CHAIN_GRUB, false},
    };
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!text_starts(r->path, names[i].prefix))
            continue;
        const char *rest = r->path + strlen(names[i].prefix);
        if (names[i].exact ? *rest : !*rest || strchr(rest, '/'))
            continue;
        memcpy(out->by, rest, strlen(rest) + 1);
        out->config = names[i].config;
        out->chain = names[i].config == BOOT_CONFIG_PXELINUX ? pxelinux_chain(r) : names[i].chain;
        return true;
    }
    return parse_bootcfg(r->path, out);
}

/* By "01-" and a MAC, which names a node; every other name is answered by who asks. */
static const struct fleet_node *config_node(const struct net_request *r, const struct config_name *name,
                                            struct mac *mac)
{
    if (text_starts(name->by, "01-") && mac_parse(name->by + 3, mac))
        return fleet_node_by_mac(r->files->host.fleet(r->files->host.ctx), mac);
    return net_asker_node(r, mac);
}

/* files_expected: 0 for one that starts the machine's own disk, or is a message. */
static struct boot_file *config_file(const struct buf *text, enum boot_file_role role,
                                     uint32_t files_expected)
{
    struct boot_file *file = text->failed ? NULL : boot_file_from_bytes(text->data, text->size);
    if (file) {
        file->role = role;
        file->files_expected = files_expected;
    }
    return file;
}

static uint64_t answer_text(const struct net_request *r, const struct buf *text)
{
    struct boot_file *file = config_file(text, BOOT_FILE_CONFIG, 0);
    return file ? net_answer(r, BOOT_ANSWER_FOUND, file, "")
                : net_answer(r, BOOT_ANSWER_FAILED, NULL, "out of memory");
}

/* A machine that nobody knows: the loader's last name gets an answer, those before it are only tries. */
static uint64_t answer_stranger(const struct net_request *r, const struct config_name *name)
{
    cleanup_buf struct buf text = BUF_INIT;
    struct error err;
    bool last = name->config != BOOT_CONFIG_PXELINUX || strcmp(name->by, "default") == 0;
    if (!last || name->config == BOOT_CONFIG_BOOTCFG)
        return net_answer(r, BOOT_ANSWER_MISSING, NULL,
                          "no node answers to this name; the loader tries the next one");
    if (boot_config_message(name->config, "bootherd knows no node with this hardware address", &text, &err) <
        0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    return answer_text(r, &text);
}

/* iPXE that was sent iPXE again and again: net_files_boot told it to come here. */
static uint64_t answer_loop(const struct net_request *r, unsigned rounds)
{
    cleanup_buf struct buf text = BUF_INIT;
    char why[PLAN_WHY_MAX];
    struct error err;
    plan_rounds_why(rounds, why);
    if (boot_config_message(BOOT_CONFIG_IPXE, why, &text, &err) < 0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    return answer_text(r, &text);
}

static int render(const struct net_request *r, const struct config_key *key, struct boot_file **out,
                  struct error *err)
{
    struct plan_client client = {
        .arch = PLAN_ARCH_UNKNOWN, .mac = key->mac, .ipxe = key->chain == PLAN_CHAIN_IPXE};
    struct plan_site site = net_asker_site(r->files, r->asker);
    const struct cached_image *image;
    cleanup_buf struct buf text = BUF_INIT;
    site.local = key->local;
    if (net_plan(r->files, key->node, &site, &client, key->chain, r->now_ms, &image, err) < 0 ||
        boot_config_render(key->config, r->files->plan, r->asker->via != BOOT_VIA_TFTP, &text, err) < 0)
        return -1;
    *out = key->local ? config_file(&text, BOOT_FILE_LOCAL, 0)
                      : config_file(&text, BOOT_FILE_CONFIG, (uint32_t)r->files->plan->module_count + 1);
    return *out ? 0 : error_set(err, "out of memory");
}

static uint64_t answer_rendered(const struct net_request *r, const struct config_key *key)
{
    struct boot_file *file = config_cache_get(r->files->configs, key);
    struct error err;
    if (file)
        return net_answer(r, BOOT_ANSWER_FOUND, boot_file_ref(file), "");
    if (render(r, key, &file, &err) < 0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    config_cache_put(r->files->configs, key, file);
    return net_answer(r, BOOT_ANSWER_FOUND, file, "");
}

static uint64_t answer_config(const struct net_request *r, const struct config_name *name)
{
    struct config_key key = {.config = name->config, .chain = name->chain, .asker = *r->asker};
    const struct cached_image *image;
    struct loader_begun begun;
    struct error err;
    key.node = config_node(r, name, &key.mac);
    if (!key.node)
        return answer_stranger(r, name);
    unsigned rounds = loader_memory_rounds(r->files->loaders, &key.mac, r->now_ms);
    if (name->config == BOOT_CONFIG_IPXE && rounds >= PLAN_ROUNDS_MAX)
        return answer_loop(r, rounds);
    if (net_begun(r->files, key.node, &key.mac, r->now_ms, &begun, &err) < 0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    key.local = begun.local;
    if (key.local)
        return answer_rendered(r, &key);
    if (net_image(r->files, key.node, r->now_ms, &image, &err) < 0)
        return net_answer(r, BOOT_ANSWER_FAILED, NULL, err.text);
    if (name->image[0] && strcmp(name->image, image->id) != 0)
        return net_answer(r, BOOT_ANSWER_MISSING, NULL, "the node boots another image now");
    key.manifest = image->manifest;
    return answer_rendered(r, &key);
}

bool net_config_open(const struct net_request *r, uint64_t *handle)
{
    struct config_name name;
    if (!parse(r, &name))
        return false;
    *handle = answer_config(r, &name);
    return true;
}
