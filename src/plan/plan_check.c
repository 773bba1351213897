/* What would not work at the machine: found here, and said in words. */
#include "plan/plan_family.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The line of a config grows with every module; from here on an operator should know. */
#define LINE_NEAR(most) ((most)*8 / 10)

/* mboot's limits, with NUL: "path options" of a module once prefixed, and the kernel's line. */
#define MBOOT_MODULE_MAX 256u
#define MBOOT_LINE_MAX   4096u

void plan_warn(struct plan *plan, const char *format, ...)
{
    if (plan->warning_count == PLAN_WARNINGS)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(plan->warning[plan->warning_count++], PLAN_TEXT_MAX, format, args);
    va_end(args);
}

static unsigned major_of(const struct image *image)
{
    return (unsigned)strtoul(image->version, NULL, 10);
}

/*
 * Who can log in. A password that the hypervisor cannot check leaves the operator outside a machine that
 * looks well, so it is an error as long as there is no other way in.
 */
static int check_login(struct plan *plan, const struct fleet_settings *settings, struct error *err)
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

/* What the loader makes of the kernel's words and the files. */
static int check_line(struct plan *plan, struct error *err)
{
    size_t size = plan_line_size(plan), most = plan_line_max(plan);
    if (size > most)
        return error_set(
            err,
            "the loader's line would have %zu bytes (%zu modules); %s takes %zu: shorten the kernel options "
            "or take modules out of the image",
            size, plan->module_count, plan_chain_name(plan->chain), most);
    if (size > LINE_NEAR(most))
        plan_warn(plan, "the loader's line has %zu of at most %zu bytes (%zu modules)", size, most,
                  plan->module_count);
    return 0;
}

static int check_mboot_limits(const struct plan *plan, struct error *err)
{
    for (size_t i = 0; i < plan->module_count; i++) {
        const struct plan_file *module = &plan->module[i];
        const char *options = module->file && module->file->options ? module->file->options : "";
        size_t size = strlen(plan->base) + strlen(module->path) + (*options ? 1 : 0) + strlen(options);
        if (size >= MBOOT_MODULE_MAX)
            return error_set(
                err,
                "module %s would have %zu bytes with its address and options, and mboot takes %u: "
                "shorten the node's name",
                module->path, size, MBOOT_MODULE_MAX - 1);
    }
    size_t line = strlen(plan->base) + strlen(plan->kernel.path) + 1 + strlen(plan->kernel_options) +
                  strlen(" BOOTIF=01-aa-bb-cc-dd-ee-ff");
    if (line >= MBOOT_LINE_MAX)
        return error_set(err,
                         "the kernel's line would have %zu bytes, and mboot takes %u: shorten the options",
                         line, MBOOT_LINE_MAX - 1);
    return 0;
}

static int check_bootcfg(struct plan *plan, const struct fleet_settings *settings, struct error *err)
{
    const struct image *image = plan->image;
    bool force = settings->overlay && strcmp(settings->overlay, "force") == 0;
    if (plan->secure_boot && plan->overlay_at >= 0 && !force)
        return error_set(
            err,
            "under Secure Boot %s %s stops at modules that belong to no signed package, and the "
            "node's own settings are one: boot it as it is (bootherd node set %s --overlay off), "
            "switch Secure Boot off, or insist with --overlay force",
            image->product, image->version, plan->node->name);
    if (plan->secure_boot && plan->overlay_at >= 0)
        plan_warn(
            plan,
            "the overlay is sent although Secure Boot is on: the machine may stop with a purple screen");
    if (plan->overlay_at >= 0 && settings->root_hash && major_of(image) >= 7)
        plan_warn(plan,
                  "%s %s keeps its accounts in ConfigStore: the password is set by a script at boot, which "
                  "could not be tried on the real one; a key for SSH is surer",
                  image->product, image->version);
    return check_mboot_limits(plan, err);
}

int plan_check(struct plan *plan, const struct fleet_settings *settings, struct error *err)
{
    switch (plan->shape) {
    case PLAN_SHAPE_VMKBOOT:
        return check_login(plan, settings, err) || check_line(plan, err) ? -1 : 0;
    case PLAN_SHAPE_BOOTCFG:
        if (settings->overlay && strcmp(settings->overlay, "off") == 0)
            return check_bootcfg(plan, settings, err);
        return check_login(plan, settings, err) || check_bootcfg(plan, settings, err) ? -1 : 0;
    case PLAN_SHAPE_XEN:
    case PLAN_SHAPE_LINUX:
        return check_line(plan, err);
    case PLAN_SHAPE_EFI:
    case PLAN_SHAPE_LOCAL:
    case PLAN_SHAPE_NONE:
        break;
    }
    return 0;
}
