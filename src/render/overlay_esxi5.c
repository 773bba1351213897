#include "render/overlay_esxi5.h"

#include "image/esxi_release.h"
#include "render/overlay_agent.h"
#include "render/overlay_parts.h"
#include "render/overlay_script5.h"

#include <stdio.h>

/*
 * The sticky bit makes a file from an archive editable on the running host, by copy on write:
 * passwd, the console and people change these.
 */
#define ESXI5_SHADOW_MODE  01400
#define ESXI5_KEYS_MODE    01600
#define ESXI5_WELCOME_MODE 01644
#define ESXI5_HOOK_MODE    01755
#define ESXI5_SCRIPT_MODE  0755
#define ESXI5_ROOT_MODE    0400

#define ESXI5_SCRIPT_PATH "etc/bootherd/start.sh"
#define ESXI5_HOOK_START                                                                                     \
    "#!/bin/sh\n"                                                                                            \
    "# Made by bootherd for this node. A file of your own in this place has to source it, too:\n"

/*
 * How the script gets to run. VMware's own article on commands at boot (KB 2043564) names etc/rc.local for
 * 5.0 and etc/rc.local.d/local.sh from 5.1 on. Not etc/init.d: which mechanism picks up a file there that
 * chkconfig does not list is uncertain. local.sh is not run under Secure Boot, where a host refuses the whole
 * overlay anyway.
 *
 * The script is sourced, not executed: 8.0 may deny executing what no VIB brought.
 */
static const char esxi5_hook_local[] = ESXI5_HOOK_START ". /" ESXI5_SCRIPT_PATH "\n"
                                                        "exit 0\n";

/* 5.0's own runs what is in rc.local.d, and nothing else (as a listing of 4.1 shows): it is done here, too.
 */
static const char esxi5_hook_rc[] = ESXI5_HOOK_START
    ". /" ESXI5_SCRIPT_PATH "\n"
    "find /etc/rc.local.d -type f 2>/dev/null | sort | while IFS= read -r bootherd_file; do\n"
    "    if [ -x \"$bootherd_file\" ]; then\n"
    "        logger init \"running $bootherd_file\"\n"
    "        \"$bootherd_file\" </dev/null\n"
    "    fi\n"
    "done\n";

struct esxi5_generation {
    unsigned major, minor;
    const char *hook_path;
    const char *hook;
    /*
     * From 7.0 on, accounts are kept in ConfigStore, and etc/shadow may be made of it anew at boot. Its own
     * commands want the password in clear, which nobody here has; so the script puts root's field back
     * whenever it finds it changed, and SSH starts only after that.
     */
    bool config_store;
};

static const struct esxi5_generation esxi5_generations[] = {
    {7, 0, "etc/rc.local.d/local.sh", esxi5_hook_local, true},
    {5, 1, "etc/rc.local.d/local.sh", esxi5_hook_local, false},
    {5, 0, "etc/rc.local", esxi5_hook_rc, false},
};

/* A version that cannot be read is taken for a new one. */
static const struct esxi5_generation *esxi5_generation_of(const struct image *image)
{
    struct esxi_release release;
    snprintf(release.version, sizeof release.version, "%s", image->version);
    for (size_t i = 0; i < sizeof esxi5_generations / sizeof esxi5_generations[0]; i++)
        if (esxi_release_since(&release, esxi5_generations[i].major, esxi5_generations[i].minor))
            return &esxi5_generations[i];
    return &esxi5_generations[0];
}

static int esxi5_put_static(const char *path, unsigned mode, const char *content, struct overlay_set *set,
                            struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    buf_append_text(&text, content);
    return overlay_set_text(set, path, mode, &text, err);
}

static int esxi5_put_script(const struct overlay_script5 *what, const struct esxi5_generation *generation,
                            struct overlay_set *set, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    if (overlay_script5(what, &text, err) ||
        overlay_set_text(set, ESXI5_SCRIPT_PATH, ESXI5_SCRIPT_MODE, &text, err))
        return -1;
    return esxi5_put_static(generation->hook_path, ESXI5_HOOK_MODE, generation->hook, set, err);
}

int overlay_esxi5_put(const struct overlay_input *input, struct overlay_set *set, struct error *err)
{
    const struct fleet_settings *settings = input->settings;
    const struct esxi5_generation *generation = esxi5_generation_of(input->image);
    bool login = overlay_has_login(settings);
    struct overlay_script5 script = {
        .hostname = input->hostname,
        .vlan = settings->vlan,
        .root = login && generation->config_store,
        /* Not with the vendor's accounts: root's password is empty there. */
        .ssh = settings->ssh != FLEET_OFF && (login || settings->files),
        .agent = input->agent_list != NULL,
        .nfs_count = overlay_count_stores(settings, FLEET_STORE_NFS),
        .nfs41_count = overlay_count_stores(settings, FLEET_STORE_NFS41),
    };

    if (login && overlay_put_shadow(input->image, settings->root_hash, ESXI5_SHADOW_MODE, set, err))
        return -1;
    if (script.root && overlay_put_hash(settings->root_hash, OVERLAY_ROOT_PATH, ESXI5_ROOT_MODE, set, err))
        return -1;
    if (settings->key_count &&
        overlay_put_keys(settings, "etc/ssh/keys-root", 0755, ESXI5_KEYS_MODE, set, err))
        return -1;
    if (settings->welcome &&
        overlay_put_welcome(settings->welcome, "etc/vmware/welcome", ESXI5_WELCOME_MODE, set, err))
        return -1;
    if (input->agent_list && overlay_put_agent(input->image, input->agent_list, set, err))
        return -1;
    return overlay_script5_needed(&script) ? esxi5_put_script(&script, generation, set, err) : 0;
}
