#include "proc/boot_config.h"

#include "render/render.h"

#include <stdio.h>

#define CHAIN(name) (1u << PLAN_CHAIN_##name)

static const struct {
    unsigned chains;  /* that read it */
    unsigned shapes;  /* of images; 0: of all */
    const char *name; /* %m: 01-MAC, %i: the image's id */
} configs[BOOT_CONFIGS] = {
    [BOOT_CONFIG_PXELINUX] = {CHAIN(PXELINUX) | CHAIN(LPXELINUX) | CHAIN(PXELINUX3), 0, "pxelinux.cfg/%m"},
    [BOOT_CONFIG_IPXE] = {CHAIN(IPXE), 0, "ipxe/%m"},
    [BOOT_CONFIG_GRUB] = {CHAIN(GRUB), 0, "grub/grub.cfg"},
    [BOOT_CONFIG_GRUB_DISK] = {CHAIN(DISK), 0, "EFI/debian/grub.cfg in the disk image"},
    [BOOT_CONFIG_BOOTCFG] = {CHAIN(MBOOT) | CHAIN(PXELINUX3) | CHAIN(IPXE), 1u << PLAN_SHAPE_BOOTCFG,
                             "image/%i/%m/boot.cfg"},
};

bool boot_config_is_of(enum boot_config config, const struct plan *plan)
{
    return (configs[config].chains & (1u << plan->chain)) &&
           (!configs[config].shapes || (configs[config].shapes & (1u << plan->shape)));
}

const char *boot_config_name(enum boot_config config, const struct plan *plan,
                             char out[static BOOT_CONFIG_NAME_MAX])
{
    char mac[MAC_TEXT_SIZE], id[PLAN_IMAGE_ID + 1];
    size_t used = 0;
    out[0] = '\0';
    plan_image_id(&plan->manifest, id);
    for (const char *p = configs[config].name; *p && used < BOOT_CONFIG_NAME_MAX; p++) {
        int size;
        if (p[0] == '%' && p[1] == 'm')
            size =
                snprintf(out + used, BOOT_CONFIG_NAME_MAX - used, "01-%s", mac_format_dash(&plan->mac, mac));
        else if (p[0] == '%' && p[1] == 'i')
            size = snprintf(out + used, BOOT_CONFIG_NAME_MAX - used, "%s", id);
        else
            size = snprintf(out + used, BOOT_CONFIG_NAME_MAX - used, "%c", *p);
        p += *p == '%';
        used += (size_t)size;
    }
    return out;
}

/* "node n1, outside 19:00-06:00" */
static int render_local(enum boot_config config, const struct plan *plan, struct buf *out, struct error *err)
{
    char reason[FLEET_NAME_MAX + PLAN_TEXT_MAX + 16];
    snprintf(reason, sizeof reason, "node %s, %s", plan->node->name, plan->local_why);
    switch (config) {
    case BOOT_CONFIG_PXELINUX:
        return render_pxelinux_local(reason, out);
    case BOOT_CONFIG_IPXE:
        return render_ipxe_local(reason, out);
    case BOOT_CONFIG_GRUB:
    case BOOT_CONFIG_GRUB_DISK:
        return render_grub_local(reason, out);
    case BOOT_CONFIG_BOOTCFG:
    case BOOT_CONFIGS:
        break;
    }
    return error_set(err, "%s: it starts from its local disk", reason);
}

int boot_config_render(enum boot_config config, const struct plan *plan, bool by_http, struct buf *out,
                       struct error *err)
{
    if (plan->shape == PLAN_SHAPE_LOCAL)
        return render_local(config, plan, out, err);
    switch (config) {
    case BOOT_CONFIG_PXELINUX:
        return render_pxelinux(plan, out, err);
    case BOOT_CONFIG_IPXE:
        return render_ipxe(plan, out, err);
    case BOOT_CONFIG_GRUB:
        return render_grub(plan, RENDER_GRUB_NET, out, err);
    case BOOT_CONFIG_GRUB_DISK:
        return render_grub(plan, RENDER_GRUB_DISK, out, err);
    case BOOT_CONFIG_BOOTCFG:
        return render_bootcfg(plan, by_http, out, err);
    case BOOT_CONFIGS:
        break;
    }
    return error_set(err, "no config of kind %u", (unsigned)config);
}

int boot_config_check(const struct plan *plan, bool by_http, struct error *err)
{
    for (enum boot_config i = 0; i < BOOT_CONFIGS; i++) {
        cleanup_buf struct buf text = BUF_INIT;
        if (boot_config_is_of(i, plan) && boot_config_render(i, plan, by_http, &text, err) < 0)
            return -1;
    }
    return 0;
}

int boot_config_message(enum boot_config config, const char *reason, struct buf *out, struct error *err)
{
    switch (config) {
    case BOOT_CONFIG_PXELINUX:
        return render_pxelinux_local(reason, out);
    case BOOT_CONFIG_IPXE:
        return render_ipxe_message(reason, true, out);
    case BOOT_CONFIG_GRUB:
    case BOOT_CONFIG_GRUB_DISK:
        return render_grub_message(reason, true, out);
    case BOOT_CONFIG_BOOTCFG:
    case BOOT_CONFIGS:
        break;
    }
    return error_set(err, "%s", reason);
}
