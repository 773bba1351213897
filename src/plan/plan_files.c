/* Which files a machine loads, in which order. */
#include "base/text.h"
#include "plan/plan_family.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* GNU tar pads an archive to 20 blocks: one with nothing in it has this size. */
#define PLAN_EMPTY_TAR 10240u

static int put_file(struct plan_file *at, const char *id, const struct image_file *file, struct error *err)
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
        return error_set(err, "file name of %zu bytes in the image: loaders take paths of at most %d",
                         strlen(file->name), PLAN_PATH_MAX - 1);
    return 0;
}

static int put_overlay(struct plan *plan, size_t at, const char *name, struct error *err)
{
    struct plan_file *module = &plan->module[at];
    if (snprintf(module->path, sizeof module->path, "node/%s/%s", plan->node->name, name) >=
        (int)sizeof module->path)
        return error_set(err, "the node's name is too long for a path of %d bytes", PLAN_PATH_MAX - 1);
    if (!plan_shape_joins(plan->shape))
        module->file = NULL;
    module->overlay = true;
    plan->overlay_at = (int)at;
    return 0;
}

/* Whether the name without its ending is in the list: tools.t00 and tools.v00 are the same module. */
static bool is_left_out(const char *name, const char *list)
{
    size_t stem = strcspn(name, ".");
    for (const char *word = list; word && *word;) {
        size_t size = strcspn(word, ",");
        if (size == stem && strncasecmp(word, name, stem) == 0)
            return true;
        word += size + (word[size] == ',');
    }
    return false;
}

static size_t next_module(struct plan *plan)
{
    plan->module[plan->module_count] = (struct plan_file){0};
    return plan->module_count++;
}

static int put_module(struct plan *plan, const char *id, const struct image_file *file, const char *overlay,
                      struct error *err)
{
    if (plan->module_count == PLAN_MODULES_MAX)
        return error_set(err, "the image has more than %d modules", PLAN_MODULES_MAX);
    size_t at = next_module(plan);
    bool place = overlay && plan->overlay_at < 0 && strcmp(file->name, overlay) == 0;
    bool joined = plan_shape_joins(plan->shape);
    if (place && !joined && file->unpacked > PLAN_EMPTY_TAR)
        plan_warn(plan, "the image's own %s is not empty; the node's overlay is loaded instead of it",
                  overlay);
    if ((!place || joined) && put_file(&plan->module[at], id, file, err))
        return -1;
    if (place && put_overlay(plan, at, overlay, err))
        return -1;
    if (plan->overlay_at >= 0 && strcmp(file->name, "state.tgz") == 0)
        plan_warn(plan, "state.tgz is loaded after the overlay: what an earlier run saved there wins");
    return 0;
}

/* In the image's order; the overlay takes the place of the file with its name, or comes last. */
static int put_modules(struct plan *plan, const char *id, const char *overlay, const char *leave_out,
                       struct error *err)
{
    for (size_t i = 0; i < plan->image->file_count; i++) {
        const struct image_file *file = &plan->image->files[i];
        if (file->role != IMAGE_ROLE_MODULE ||
            (plan->shape == PLAN_SHAPE_BOOTCFG && is_left_out(file->name, leave_out)))
            continue;
        if (put_module(plan, id, file, overlay, err))
            return -1;
    }
    if (!overlay || plan->overlay_at >= 0)
        return 0;
    if (plan->module_count == PLAN_MODULES_MAX)
        return error_set(err, "the image has %d modules, which leaves no room for the overlay",
                         PLAN_MODULES_MAX);
    return put_overlay(plan, next_module(plan), overlay, err);
}

const struct image_file *plan_kernel_plain(const struct image *image)
{
    const struct image_file *kernel = image_kernel(image);
    char name[IMAGE_FILE_NAME_MAX];
    size_t size = kernel ? strlen(kernel->name) : 0;
    if (plan_shape_of(image) != PLAN_SHAPE_XEN || size <= 3 || strcmp(kernel->name + size - 3, ".gz") != 0)
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)(size - 3), kernel->name);
    return image_find(image, name);
}

static const struct image_file *kernel_for(const struct plan *plan)
{
    const struct image_file *plain = plan->chain == PLAN_CHAIN_IPXE ? plan_kernel_plain(plan->image) : NULL;
    return plain ? plain : image_kernel(plan->image);
}

bool plan_wants_overlay(const struct fleet_node *node, const struct fleet_settings *settings)
{
    if (settings->overlay && strcmp(settings->overlay, "off") == 0)
        return false;
    bool agent = settings->datastore_count || text_equal(settings->agent, "on");
    return settings->root_hash || settings->root_hash_weak || settings->key_count ||
           (agent && !text_equal(settings->agent, "off")) || settings->welcome || settings->files ||
           settings->vlan || node->hostname;
}

int plan_put_files(struct plan *plan, const struct plan_family *family, const struct fleet_settings *settings,
                   struct error *err)
{
    char id[PLAN_IMAGE_ID + 1];
    plan_image_id(&plan->manifest, id);
    const struct image_file *kernel = kernel_for(plan);
    if (!kernel)
        return error_set(err, "the image has no kernel: import it again");
    plan_check_datastores(plan, settings);
    const char *overlay = plan_wants_overlay(plan->node, settings) ? plan_overlay_name(plan->image) : NULL;
    if (!overlay && family->overlay && plan_wants_overlay(plan->node, settings))
        plan_warn(plan, "the image has no initrd, so the node's own settings have no place in it");
    if (put_file(&plan->kernel, id, kernel, err))
        return -1;
    return put_modules(plan, id, overlay, settings->leave_out, err);
}
