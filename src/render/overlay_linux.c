#include "render/overlay_linux.h"

#include "base/net.h"
#include "base/text.h"
#include "render/overlay_agent.h"
#include "render/overlay_parts.h"
#include "render/overlay_script.h"

#include <stdio.h>

#define LINUX_FOLDER "etc/bootherd/"

static const char *const linux_folders[] = {"bin",    "lib",  "lib32",    "lib64",
                                            "libx32", "sbin", "var/lock", "var/run"};

bool overlay_linux_is_there(const char *folder)
{
    for (size_t i = 0; i < sizeof linux_folders / sizeof linux_folders[0]; i++)
        if (text_equal(linux_folders[i], folder))
            return true;
    return false;
}

static int linux_put_line(const char *path, unsigned mode, const char *line, struct overlay_set *set,
                          struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT;
    buf_format(&text, "%s\n", line);
    return overlay_set_text(set, path, mode, &text, err);
}

static int linux_put_root(const struct overlay_input *input, struct overlay_set *set, struct error *err)
{
    const struct fleet_settings *settings = input->settings;
    if (input->image->accounts)
        return overlay_put_shadow(input->image, settings->root_hash, 0600, set, err);
    return overlay_put_hash(settings->root_hash, LINUX_FOLDER "root.hash", 0600, set, err);
}

static int linux_put_keys(const struct fleet_settings *settings, struct overlay_set *set, struct error *err)
{
    struct overlay_entry home = {.path = "root", .kind = OVERLAY_FOLDER, .mode = 0700};
    if (overlay_set_put(set, &home, err))
        return -1;
    return overlay_put_keys(settings, "root/.ssh", 0700, 0600, set, err);
}

static int linux_put_welcome(const char *welcome, struct overlay_set *set, struct error *err)
{
    cleanup_buf struct buf issue = BUF_INIT;
    for (const char *p = welcome; *p; p++) {
        buf_append(&issue, p, 1);
        if (*p == '\\')
            buf_append(&issue, p, 1);
    }
    if (overlay_put_welcome(welcome, "etc/motd", 0644, set, err))
        return -1;
    return overlay_put_welcome(buf_text(&issue), "etc/issue", 0644, set, err);
}

static int linux_put_hostname(const char *hostname, struct overlay_set *set, struct error *err)
{
    if (overlay_check_line(hostname, "the host name", err))
        return -1;
    return linux_put_line("etc/hostname", 0644, hostname, set, err);
}

static int linux_put_node(const struct overlay_input *input, struct overlay_set *set, struct error *err)
{
    char ip[IP4_TEXT_SIZE], vlan[16];
    snprintf(vlan, sizeof vlan, "%u", (unsigned)input->settings->vlan);
    const struct {
        const char *name, *value, *what;
    } lines[] = {
        {"NODE", input->node, "the node's name"},
        {"HOSTNAME", input->hostname, "the host name"},
        {"IP", input->ip ? ip4_format(input->ip, ip) : NULL, "the address"},
        {"SSH", input->settings->ssh == FLEET_OFF ? "off" : "on", "the switch"},
        {"VLAN", input->settings->vlan ? vlan : NULL, "the VLAN"},
    };
    cleanup_buf struct buf text = BUF_INIT;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if (!lines[i].value)
            continue;
        buf_format(&text, "BOOTHERD_%s=", lines[i].name);
        if (overlay_script_quote(lines[i].value, lines[i].what, &text, err))
            return -1;
        buf_append_text(&text, "\n");
    }
    return overlay_set_text(set, LINUX_FOLDER "node", 0644, &text, err);
}

int overlay_linux_put(const struct overlay_input *input, struct overlay_set *set, struct error *err)
{
    const struct fleet_settings *settings = input->settings;
    if (linux_put_node(input, set, err) || (input->hostname && linux_put_hostname(input->hostname, set, err)))
        return -1;
    if (overlay_has_login(settings) && linux_put_root(input, set, err))
        return -1;
    if (settings->key_count && settings->ssh != FLEET_OFF && linux_put_keys(settings, set, err))
        return -1;
    if (input->agent_list && overlay_put_agent(input->image, input->agent_list, set, err))
        return -1;
    return settings->welcome ? linux_put_welcome(settings->welcome, set, err) : 0;
}
