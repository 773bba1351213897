#include "plan/plan_family.h"

#include "base/text.h"
#include "plan/plan.h"

static const struct plan_family plan_families[] = {
    {"esxi_dd", "pxelinux.0", "mod.tgz", "ESXi 3.5 to 4.1 has no UEFI boot", false}, /* facts 1.8, 3.3 */
    {"loader", NULL, NULL, NULL, true},
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
    return family ? family->overlay : NULL;
}
