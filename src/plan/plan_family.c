#include "plan/plan_family.h"

#include "base/text.h"
#include "image/esxi_set.h"
#include "plan/plan.h"

static const struct plan_family plan_families[] = {
    /* facts 1.8, 3.3 */
    {.name = "esxi_dd",
     .loader = "pxelinux.0",
     .overlay = "mod.tgz",
     .is_overlay = esxi_is_overlay,
     .firmware = "ESXi 3.5 to 4.1 has no UEFI boot"},
    {.name = "esxi_bootcfg",
     .refusal = "ESXi 5 and later can be imported and inspected; booting it is not built yet",
     .strong_hash = true},
    {.name = "loader", .strong_hash = true},
};

const struct plan_family *plan_family_of(const struct image *image)
{
    for (size_t i = 0; i < sizeof plan_families / sizeof plan_families[0]; i++)
        if (text_equal(plan_families[i].name, image->family))
            return &plan_families[i];
    return NULL;
}

bool plan_takes_strong_hash(const struct image *image)
{
    const struct plan_family *family = plan_family_of(image);
    return !family || family->strong_hash;
}

const char *plan_overlay_name(const struct image *image)
{
    const struct plan_family *family = plan_family_of(image);
    if (!family || !family->overlay)
        return NULL;
    for (size_t i = 0; i < image->file_count; i++)
        if (image->files[i].role == IMAGE_ROLE_MODULE && family->is_overlay(image->files[i].name))
            return image->files[i].name;
    return family->overlay;
}
