#include "plan/plan.h"

#include "plan/plan_family.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The line of a config grows with every module; from here on an operator should know. */
#define PLAN_LINE_NEAR (PLAN_LINE_MAX * 8 / 10)

/* GNU tar pads an archive to 20 blocks: one with nothing in it has this size. */
#define PLAN_EMPTY_TAR 10240u

__attribute__((format(printf, 2, 3))) static void plan_warn(struct plan *plan, const char *format, ...)
{
    if (plan->warning_count == PLAN_WARNINGS)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(plan->warning[plan->warning_count++], PLAN_TEXT_MAX, format, args);
    va_end(args);
}

static int plan_check_firmware(const struct plan_family *family, const struct image *image,
                               const struct plan_client *client, struct error *err)
{
    switch (client->firmware) {
    case PLAN_FIRMWARE_BIOS:
        return 0;
    case PLAN_FIRMWARE_IPXE:
        /* An iPXE ROM on a BIOS starts pxelinux like any other ROM; on UEFI it cannot. */
        if (client->arch == 0)
            return 0;
        break;
    case PLAN_FIRMWARE_UEFI:
    case PLAN_FIRMWARE_UEFI_HTTP:
        break;
    case PLAN_FIRMWARE_OTHER:
        return error_set(
            err,
            "the machine says architecture %u (DHCP option 93), which %s %s does not boot on: it needs "
            "an x86 machine that boots by BIOS (architecture 0)",
            client->arch, image->product, image->version);
    }
    return error_set(err, "%s: switch the machine to BIOS/legacy boot in its firmware setup",
                     family->firmware);
}

static bool plan_wants_overlay(const struct fleet_node *node, const struct fleet_settings *settings)
{
    return settings->root_hash || settings->root_hash_weak || settings->key_count ||
           settings->datastore_count || settings->welcome || settings->files || node->hostname;
}

static int plan_put_file(struct plan_file *at, const char *id, const struct image_file *file,
                         struct error *err)
{
    if (file->size == 0)
        return error_set(
            err,
            "%s of the image is empty, and loaders take an empty file for a missing one: import the "
            "image again",
            file->name);
    if (file->unpacked > UINT32_MAX)
        return error_set(err, "%s unpacks to %llu bytes; loaders take less than 4 GiB", file->name,
                         (unsigned long long)file->unpacked);
    at->file = file;
    if (snprintf(at->path, sizeof at->path, "image/%s/%s", id, file->name) >= (int)sizeof at->path)
        return error_set(err, "file name of %zu bytes in the image: pxelinux takes paths of at most %d",
                         strlen(file->name), PLAN_PATH_MAX - 1);
    return 0;
}

static int plan_put_overlay(struct plan *plan, size_t at, const char *name, struct error *err)
{
    struct plan_file *module = &plan->module[at];
    if (snprintf(module->path, sizeof module->path, "node/%s/%s", plan->node->name, name) >=
        (int)sizeof module->path)
        return error_set(err, "the node's name is too long for a path of %d bytes", PLAN_PATH_MAX - 1);
    module->file = NULL;
    plan->overlay_at = (int)at;
    return 0;
}

/* In the image's order; the overlay takes the place of the file with its name, or comes last. */
static int plan_put_modules(struct plan *plan, const char *id, const char *overlay, struct error *err)
{
    for (size_t i = 0; i < plan->image->file_count; i++) {
        const struct image_file *file = &plan->image->files[i];
        if (file->role != IMAGE_ROLE_MODULE)
            continue;
        if (plan->module_count == PLAN_MODULES_MAX)
            return error_set(err, "the image has more than %d modules", PLAN_MODULES_MAX);
        size_t at = plan->module_count++;
        bool place = overlay && plan->overlay_at < 0 && strcmp(file->name, overlay) == 0;
        if (place && file->unpacked > PLAN_EMPTY_TAR)
            plan_warn(plan, "the image's own %s is not empty; the node's overlay is loaded instead of it",
                      overlay);
        if (place ? plan_put_overlay(plan, at, overlay, err)
                  : plan_put_file(&plan->module[at], id, file, err))
            return -1;
        if (plan->overlay_at >= 0 && strcmp(file->name, "state.tgz") == 0)
            plan_warn(plan, "state.tgz is loaded after the overlay: what an earlier run saved there wins");
    }
    if (!overlay || plan->overlay_at >= 0)
        return 0;
    if (plan->module_count == PLAN_MODULES_MAX)
        return error_set(err, "the image has %d modules, which leaves no room for the overlay",
                         PLAN_MODULES_MAX);
    return plan_put_overlay(plan, plan->module_count++, overlay, err);
}

static int plan_put_options(struct plan *plan, const struct fleet_settings *settings, struct error *err)
{
    const char *words[] = {plan->kernel.file->options, plan->image->kernel_options, settings->kernel_options};
    size_t used = 0;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (!words[i] || !words[i][0])
            continue;
        int size = snprintf(plan->kernel_options + used, sizeof plan->kernel_options - used, "%s%s",
                            used ? " " : "", words[i]);
        used += (size_t)size;
        if (used >= sizeof plan->kernel_options)
            return error_set(
                err, "kernel options of more than %zu bytes: shorten those of the node or its profile",
                sizeof plan->kernel_options - 1);
    }
    return 0;
}

/*
 * Who can log in. A password that the hypervisor cannot check leaves the operator outside a machine that
 * looks well, so it is an error as long as there is no other way in.
 */
static int plan_check_login(struct plan *plan, const struct fleet_settings *settings, struct error *err)
{
    const struct image *image = plan->image;
    bool strong = plan_takes_strong_hash(image);
    const char *hash = strong ? settings->root_hash : settings->root_hash_weak;
    bool ssh = settings->ssh != FLEET_OFF;
    bool keys = ssh && settings->key_count;

    if (!strong && settings->root_hash && !hash) {
        if (!keys && !settings->files)
            return error_set(
                err,
                "%s %s checks MD5 password hashes ($1$) only and there is none, so nobody could log in: "
                "set the password again for this image: bootherd node set %s --password-file FILE",
                image->product, image->version, plan->node->name);
        plan_warn(
            plan,
            "the password is not used: %s %s checks MD5 hashes ($1$) only and there is none; fix: bootherd "
            "node set %s --password-file FILE",
            image->product, image->version, plan->node->name);
    } else if (!strong && hash) {
        plan_warn(
            plan,
            "the password goes over the network as an MD5 hash ($1$), since %s %s knows no better: keep the "
            "boot network private",
            image->product, image->version);
    } else if (!hash && keys) {
        plan_warn(plan, "no password is set: root logs in by key over SSH only, and not on the console");
    } else if (!hash && ssh && !settings->files) {
        plan_warn(plan,
                  "SSH stays off: there is no password and no key to log in with; fix: bootherd node set %s "
                  "--password-file FILE",
                  plan->node->name);
    }
    if (!ssh && settings->key_count)
        plan_warn(plan, "SSH is off, so the authorized keys are of no use");
    return 0;
}

static int plan_check_line(struct plan *plan, struct error *err)
{
    size_t size = plan_line_size(plan);
    if (size > PLAN_LINE_MAX)
        return error_set(
            err,
            "the loader's line would have %zu bytes (%zu modules); pxelinux takes %d: shorten the kernel "
            "options or take modules out of the image",
            size, plan->module_count, PLAN_LINE_MAX);
    if (size > PLAN_LINE_NEAR)
        plan_warn(plan, "the loader's line has %zu of at most %d bytes (%zu modules)", size, PLAN_LINE_MAX,
                  plan->module_count);
    return 0;
}

static int plan_fill(struct plan *plan, const struct plan_family *family,
                     const struct fleet_settings *settings, struct error *err)
{
    char id[PLAN_IMAGE_ID + 1];
    plan_image_id(&plan->manifest, id);
    snprintf(plan->loader, sizeof plan->loader, "%s", family->loader);
    const struct image_file *kernel = image_kernel(plan->image);
    if (!kernel)
        return error_set(err, "the image has no kernel: import it again");
    const char *overlay = plan_wants_overlay(plan->node, settings) ? plan_overlay_name(plan->image) : NULL;
    if (plan_check_login(plan, settings, err) || plan_put_file(&plan->kernel, id, kernel, err) ||
        plan_put_options(plan, settings, err) || plan_put_modules(plan, id, overlay, err))
        return -1;
    return plan_check_line(plan, err);
}

int plan_make(const struct fleet *fleet, const struct fleet_node *node, const struct image *image,
              const struct digest *manifest, const struct plan_client *client, struct plan *plan,
              struct error *err)
{
    memset(plan, 0, sizeof *plan);
    plan->node = node;
    plan->image = image;
    plan->overlay_at = -1;
    struct fleet_settings settings = fleet_effective(fleet, node);
    if (!settings.image)
        return error_set(err, "node %s has no image: bootherd node set %s --image NAME (bootherd image list)",
                         node->name, node->name);
    if (!image)
        return error_set(err, "node %s: there is no image %s (bootherd image list)", node->name,
                         settings.image);
    plan->manifest = *manifest;

    const struct plan_family *family = plan_family_of(image);
    if (family && family->refusal)
        return error_set(err, "node %s, image %s: %s", node->name, settings.image, family->refusal);
    if (!family || !family->loader)
        return error_set(
            err,
            "node %s: image %s is no system to boot (family %s): choose another with bootherd node set "
            "%s --image NAME",
            node->name, settings.image, image->family, node->name);
    if (plan_check_firmware(family, image, client, err) || plan_fill(plan, family, &settings, err))
        return error_wrap(err, "node %s, image %s", node->name, settings.image);
    return 0;
}
