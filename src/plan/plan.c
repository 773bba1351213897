#include "plan/plan.h"

#include "base/text.h"
#include "fleet/policy.h"
#include "image/esxi_release.h"
#include "plan/plan_family.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* RFC 9110, sections 4.2.1 and 4.2.2: these stay out of URLs. */
#define HTTP_PORT  80
#define HTTPS_PORT 443

/* Debian's GRUB and pxelinux know plain HTTP only. */
static bool speaks_https(enum plan_chain chain, const struct plan_client *client)
{
    switch (chain) {
    case PLAN_CHAIN_IPXE:
        return !client->features || (client->features & PLAN_IPXE_HTTPS);
    case PLAN_CHAIN_MBOOT:
    case PLAN_CHAIN_DISK:
    case PLAN_CHAIN_EFI:
        return true; /* the firmware does, which fetches these */
    case PLAN_CHAIN_ANY:
    case PLAN_CHAIN_LPXELINUX:
    case PLAN_CHAIN_PXELINUX:
    case PLAN_CHAIN_PXELINUX3:
    case PLAN_CHAIN_GRUB:
    case PLAN_CHAINS:
        break;
    }
    return false;
}

static void put_base(struct plan *plan, const struct plan_site *site, const struct plan_client *client)
{
    bool secure = site->https_port && speaks_https(plan->chain, client);
    unsigned port = secure ? site->https_port : site->http_port;
    char ip[IP4_TEXT_SIZE] = "SERVER", port_text[8] = "";
    if (port && port != (secure ? HTTPS_PORT : HTTP_PORT))
        snprintf(port_text, sizeof port_text, ":%hu", (unsigned short)port);
    if (site->server)
        ip4_format(site->server, ip);
    snprintf(plan->base, sizeof plan->base, "http%s://%s%s/", secure ? "s" : "", ip, port_text);
}

/* ESXi's loader has known how to boot UEFI machines over the network since 6.0. */
static const char *why_no_uefi(const struct plan_family *family, const struct image *image)
{
    struct esxi_release release = {0};
    if (!family || family->no_uefi || family->shape != PLAN_SHAPE_BOOTCFG)
        return family ? family->no_uefi : NULL;
    snprintf(release.version, sizeof release.version, "%s", image->version);
    return esxi_release_since(&release, 6, 0) ? NULL : "ESXi before 6.0 has no network boot by UEFI";
}

struct plan_need plan_need_of(const struct image *image, const struct fleet_settings *settings,
                              const struct plan_site *site)
{
    return (struct plan_need){.shape = plan_shape_of(image),
                              .cpu = image->arch,
                              .no_uefi = why_no_uefi(plan_family_of(image), image),
                              .secure_boot = settings->secure_boot == FLEET_ON,
                              .loaders = site->loaders};
}

/* The wish of the node or its profile, else of the network; else the table's choice. */
static int choose(struct plan *plan, const struct fleet_settings *settings, const struct plan_site *site,
                  const struct plan_client *client, struct error *err)
{
    struct plan_need need = plan_need_of(plan->image, settings, site);
    enum plan_chain wish = plan->chain ? plan->chain : plan_chain_of(settings->loader);
    enum plan_chain usual = settings->loader ? PLAN_CHAIN_ANY : plan_chain_of(site->loader);
    char why[PLAN_WHY_MAX];
    if (wish == PLAN_CHAIN_ANY) {
        plan->chain = usual; /* the network's: for those of its machines that can */
        if (usual != PLAN_CHAIN_ANY && plan_chain_fits(usual, client, &need, why))
            return 0;
        plan->chain = plan_chain_choose(client, &need, why);
        return plan->chain == PLAN_CHAIN_ANY ? error_set(err, "%s", why) : 0;
    }
    bool wished = plan->chain == PLAN_CHAIN_ANY;
    plan->chain = wish;
    if (plan_chain_fits(wish, client, &need, why))
        return 0;
    return wished ? error_set(err, "setting loader is %s, but %s", plan_chain_name(wish), why)
                  : error_set(err, "%s", why);
}

struct plan_need plan_need_local(const struct fleet_settings *settings, const struct plan_site *site)
{
    return (struct plan_need){.shape = PLAN_SHAPE_LOCAL,
                              .secure_boot = settings->secure_boot == FLEET_ON,
                              .loaders = site->loaders};
}

/*
 * A setting `loader` is about images: it holds where it can do this, too. To fetch an iPXE only to leave it
 * again is no way on UEFI: Debian's ipxe.efi, fetched by HTTP Boot, does not come back to OVMF.
 */
static int choose_local(struct plan *plan, const struct fleet_settings *settings,
                        const struct plan_site *site, const struct plan_client *client, struct error *err)
{
    struct plan_need need = plan_need_local(settings, site);
    enum plan_chain wish = plan_chain_of(settings->loader ? settings->loader : site->loader);
    char why[PLAN_WHY_MAX];
    if (plan->chain != PLAN_CHAIN_ANY)
        return plan_chain_fits(plan->chain, client, &need, why) ? 0 : error_set(err, "%s", why);
    if (wish == PLAN_CHAIN_IPXE && !client->ipxe && plan_client_platform(client) != PLAN_PLATFORM_BIOS)
        wish = PLAN_CHAIN_ANY;
    plan->chain = wish;
    if (wish == PLAN_CHAIN_ANY || !plan_chain_fits(wish, client, &need, why))
        plan->chain = plan_chain_choose(client, &need, why);
    if (plan->chain == PLAN_CHAIN_ANY)
        plan_warn(
            plan,
            "nothing here sends this machine to its disk, so it is given an address and no boot file: %s",
            why);
    return 0;
}

static const char *shim_of(enum plan_loader loader)
{
    return loader == PLAN_LOADER_GRUB_ARM64 ? "shimaa64.efi"
           : loader == PLAN_LOADER_GRUB_386 ? "grubia32.efi" /* Debian signs none of this kind */
                                            : "shimx64.efi";
}

/* The boot file: a path for TFTP, a URL where the firmware fetches by HTTP. */
static void put_loader(struct plan *plan, const struct plan_client *client)
{
    enum plan_loader loader = plan_chain_loader(plan->chain, client);
    bool bios = plan_client_platform(client) == PLAN_PLATFORM_BIOS;
    const char *base = client->http ? plan->base : "";
    char *out = plan->loader, id[PLAN_IMAGE_ID + 1];
    size_t size = sizeof plan->loader;
    plan_image_id(&plan->manifest, id);
    switch (plan->chain) {
    case PLAN_CHAIN_LPXELINUX:
        snprintf(out, size, "lpxelinux.0");
        snprintf(plan->prefix, sizeof plan->prefix, "%s", plan->base);
        break;
    case PLAN_CHAIN_PXELINUX:
        snprintf(out, size, "pxelinux.0");
        break;
    case PLAN_CHAIN_PXELINUX3:
        snprintf(out, size, "loader/%s/pxelinux.0", plan_loader_name(loader));
        break;
    case PLAN_CHAIN_MBOOT:
        snprintf(out, size, "%simage/%s/mboot.efi", base, id);
        break;
    case PLAN_CHAIN_GRUB:
        snprintf(out, size, "loader/%s/%s", plan_loader_name(loader), shim_of(loader));
        break;
    case PLAN_CHAIN_DISK:
        snprintf(out, size, "%snode/%s/boot.img", base, plan->node->name);
        break;
    case PLAN_CHAIN_EFI:
        snprintf(out, size, "%s%s", base, plan->kernel.path);
        break;
    case PLAN_CHAIN_IPXE:
        if (loader == PLAN_LOADER_NONE)
            snprintf(out, size, "%sboot.ipxe", plan->base);
        else
            snprintf(out, size, "%sloader/%s/%s", base, plan_loader_name(loader),
                     bios           ? "undionly.kpxe"
                     : client->http ? "ipxe.efi"
                                    : "snponly.efi");
        break;
    case PLAN_CHAIN_ANY:
    case PLAN_CHAINS:
        break;
    }
}

/* VMware's loader comes with the image; a medium without it cannot use that chain. Who asks for boot.cfg has
 * one, and mboot.efi and mboot.c32 ask for the same name. */
static int check_vendor_loader(const struct plan *plan, const struct plan_client *client, struct error *err)
{
    bool efi = plan->chain == PLAN_CHAIN_MBOOT || plan->chain == PLAN_CHAIN_IPXE;
    const char *name = efi ? "mboot.efi" : "mboot.c32";
    if (plan->shape != PLAN_SHAPE_BOOTCFG || client->arch == PLAN_ARCH_UNKNOWN ||
        image_find(plan->image, name))
        return 0;
    return error_set(err, "the image has no %s, which its medium has as %s: import the vendor's own ISO",
                     name, efi ? "efi/boot/bootx64.efi" : "mboot.c32");
}

static int fill(struct plan *plan, const struct plan_family *family, const struct fleet_settings *settings,
                const struct plan_site *site, const struct plan_client *client, struct error *err)
{
    if (choose(plan, settings, site, client, err) || check_vendor_loader(plan, client, err))
        return -1;
    put_base(plan, site, client);
    if (plan_put_files(plan, family, settings, err) || plan_put_options(plan, site, settings, err) ||
        plan_check(plan, settings, err))
        return -1;
    put_loader(plan, client);
    return 0;
}

static int fill_local(struct plan *plan, const struct fleet_settings *settings, const struct plan_site *site,
                      const struct plan_client *client, struct error *err)
{
    plan->shape = PLAN_SHAPE_LOCAL;
    policy_why(settings, true, plan->local_why);
    if (choose_local(plan, settings, site, client, err))
        return error_wrap(err, "node %s starts from its local disk (%s)", plan->node->name, plan->local_why);
    put_base(plan, site, client);
    put_loader(plan, client);
    return 0;
}

int plan_make(const struct fleet *fleet, const struct fleet_node *node, const struct image *image,
              const struct digest *manifest, const struct plan_site *site, const struct plan_client *client,
              enum plan_chain chain, struct plan *plan, struct error *err)
{
    memset(plan, 0, offsetof(struct plan, module)); /* the rest is large, and cleared as it is used */
    plan->module_count = plan->warning_count = 0;
    plan->node = node;
    plan->image = image;
    plan->chain = chain;
    plan->overlay_at = -1;
    plan->mac = client->mac;
    struct fleet_settings settings = fleet_effective(fleet, node);
    plan->secure_boot = settings.secure_boot == FLEET_ON;
    if (site->local)
        return fill_local(plan, &settings, site, client, err);
    if (!settings.image)
        return error_set(err, "node %s has no image: bootherd node set %s --image NAME (bootherd image list)",
                         node->name, node->name);
    if (!image)
        return error_set(err, "node %s: there is no image %s (bootherd image list)", node->name,
                         settings.image);
    plan->manifest = *manifest;

    const struct plan_family *family = plan_family_of(image);
    if (!family || family->shape == PLAN_SHAPE_NONE)
        return error_set(
            err,
            "node %s: image %s is no system to boot (family %s): choose another with bootherd node set "
            "%s --image NAME",
            node->name, settings.image, image->family, node->name);
    plan->shape = family->shape;
    if (fill(plan, family, &settings, site, client, err))
        return error_wrap(err, "node %s, image %s", node->name, settings.image);
    return 0;
}
