#include "render/overlay_esxi.h"

#include "base/text.h"
#include "plan/plan.h"
#include "render/overlay_agent.h"
#include "render/overlay_parts.h"
#include "render/overlay_script.h"

/*
 * The sticky bit makes a file from an archive editable on the running host, by copy on write:
 * passwd and the console change these.
 */
#define ESXI_SHADOW_MODE  01400
#define ESXI_WELCOME_MODE 01644
#define ESXI_SCRIPT_MODE  0755 /* init sources them whatever the mode; people may want to run them */

#define ESXI_INIT "etc/vmware/init/init.d/"

static int esxi_put_hostname(const char *hostname, struct overlay_set *set, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    if (overlay_script_hostname(hostname, &text, err))
        return -1;
    return overlay_set_text(set, ESXI_INIT "48.bootherd-hostname", ESXI_SCRIPT_MODE, &text, err);
}

static int esxi_put_agent(const struct overlay_input *input, struct overlay_set *set, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    overlay_script_agent(overlay_count_stores(input->settings, FLEET_STORE_NFS), &text);
    if (overlay_put_agent(input->image, input->agent_list, set, err))
        return -1;
    return overlay_set_text(set, ESXI_INIT "95.bootherd-agent", ESXI_SCRIPT_MODE, &text, err);
}

/* The name is the procedure's. 3.5 and 4.0 know no tech support mode service. */
static int esxi_put_ssh(const struct image *image, struct overlay_set *set, struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    bool tsm = !text_starts(image->version, "3.") && !text_starts(image->version, "4.0");
    overlay_script_ssh(tsm, &text);
    return overlay_set_text(set, ESXI_INIT "47.enable-ssh", ESXI_SCRIPT_MODE, &text, err);
}

int overlay_esxi_put(const struct overlay_input *input, struct overlay_set *set, struct error *err)
{
    const struct fleet_settings *settings = input->settings;
    const char *hash = plan_takes_strong_hash(input->image) ? settings->root_hash : settings->root_hash_weak;
    bool login = overlay_has_login(settings);

    if (login && overlay_put_shadow(input->image, hash, ESXI_SHADOW_MODE, set, err))
        return -1;
    /* root's home is '/' in 3.5 to 4.1, and dropbear wants the folder to be root's alone. */
    if (settings->key_count && overlay_put_keys(settings, ".ssh", 0700, 0600, set, err))
        return -1;
    /* Not with the vendor's accounts: root's password is empty there. The operator's files may bring
     * accounts. */
    if (settings->ssh != FLEET_OFF && (login || settings->files) && esxi_put_ssh(input->image, set, err))
        return -1;
    if (input->hostname && esxi_put_hostname(input->hostname, set, err))
        return -1;
    if (input->agent_list && esxi_put_agent(input, set, err))
        return -1;
    if (settings->welcome &&
        overlay_put_welcome(settings->welcome, "etc/vmware/welcome", ESXI_WELCOME_MODE, set, err))
        return -1;
    return 0;
}
