#include "render/overlay_agent.h"

#include "base/text.h"
#include "render/agent_text.h"

#define AGENT_FOLDER      "etc/bootherd/"
#define AGENT_SCRIPT_MODE 0755
#define AGENT_LIST_MODE   0600 /* the boot's identity is in it */

#define KIND(name) (1u << VM_HOST_##name)
#define ALL        (KIND(ESXI4) | KIND(ESXI5) | KIND(XL) | KIND(LINUX))

static const struct {
    const char *name, *source;
    unsigned kinds; /* of hosts that get it */
} agent_files[] = {
    {"agent.sh", "core.sh", ALL},
    {"talk.sh", "talk.sh", ALL},
    {"restore.sh", "restore.sh", ALL},
    {"host.sh", "esxi4.sh", KIND(ESXI4)},
    {"host.sh", "esxi5.sh", KIND(ESXI5)},
    {"host-vim.sh", "vim.sh", KIND(ESXI4) | KIND(ESXI5)},
    {"host.sh", "linux.sh", KIND(XL) | KIND(LINUX)},
    {"host-xl.sh", "xl.sh", KIND(XL)},
    {"host-virsh.sh", "virsh.sh", KIND(LINUX)},
    {"host-qemu.sh", "qemu.sh", KIND(LINUX)},
};

static const struct {
    const char *family;
    enum vm_host_kind kind;
} agent_kinds[] = {
    {"esxi_dd", VM_HOST_ESXI4}, {"esxi_bootcfg", VM_HOST_ESXI5},
    {"xen", VM_HOST_XL},        {"linux", VM_HOST_LINUX},
    {"xen", VM_HOST_XL},
};

enum vm_host_kind overlay_agent_kind(const struct image *image)
{
    for (size_t i = 0; i < sizeof agent_kinds / sizeof agent_kinds[0]; i++)
        if (text_equal(agent_kinds[i].family, image->family))
            return agent_kinds[i].kind;
    return VM_HOST_NONE;
}

static int agent_put_text(const char *name, unsigned mode, const char *content, struct overlay_set *set,
                          struct error *err)
{
    cleanup_buf struct buf text = BUF_INIT, path = BUF_INIT;
    buf_append_text(&text, content);
    buf_format(&path, AGENT_FOLDER "%s", name);
    if (path.failed)
        return error_set(err, "out of memory for the overlay");
    return overlay_set_text(set, buf_text(&path), mode, &text, err);
}

static int agent_put_script(const char *name, const char *source, struct overlay_set *set, struct error *err)
{
    for (const struct agent_text *t = agent_texts; t->name; t++)
        if (text_equal(t->name, source))
            return agent_put_text(name, AGENT_SCRIPT_MODE, t->text, set, err);
    return error_set(err, "the agent's %s is not in this program: build it with agents/%s", source, source);
}

int overlay_put_agent(const struct image *image, const char *list, struct overlay_set *set, struct error *err)
{
    unsigned kind = 1u << overlay_agent_kind(image);
    for (size_t i = 0; i < sizeof agent_files / sizeof agent_files[0]; i++)
        if (agent_files[i].kinds & kind &&
            agent_put_script(agent_files[i].name, agent_files[i].source, set, err))
            return -1;
    return agent_put_text("agent.list", AGENT_LIST_MODE, list, set, err);
}
