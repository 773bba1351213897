#include "plan/plan_family.h"

#include "base/text.h"
#include "image/esxi_set.h"

static const struct plan_family plan_families[] = {
    {.name = "esxi_dd",
     .shape = PLAN_SHAPE_VMKBOOT,
     .overlay = "mod.tgz",
     .is_overlay = esxi_is_overlay,
     .no_uefi = "ESXi 3.5 to 4.1 has no UEFI boot"},
    {.name = "esxi_bootcfg", .shape = PLAN_SHAPE_BOOTCFG, .overlay = "bootherd.tgz", .strong_hash = true},
    {.name = "xen", .shape = PLAN_SHAPE_XEN, .overlay = "initrd", .strong_hash = true},
    {.name = "linux", .shape = PLAN_SHAPE_LINUX, .overlay = "overlay.img", .strong_hash = true},
    {.name = "efi", .shape = PLAN_SHAPE_EFI, .strong_hash = true},
    {.name = "loader", .shape = PLAN_SHAPE_NONE, .strong_hash = true},
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

enum plan_shape plan_shape_of(const struct image *image)
{
    const struct plan_family *family = plan_family_of(image);
    return family ? family->shape : PLAN_SHAPE_NONE;
}

/*
 * Linux reads one archive behind the other out of its last initrd, whoever loaded it. As an initrd of its own
 * the overlay would be lost where nobody puts it at a multiple of four bytes: EFI's part of the kernel does
 * not, when it opens iPXE's files (drivers/firmware/efi/libstub/file.c of Linux).
 */
bool plan_shape_joins(enum plan_shape shape)
{
    return shape == PLAN_SHAPE_XEN || shape == PLAN_SHAPE_LINUX;
}

/* NULL when there is none. Of Xen's modules the first is dom0's kernel, and dom0 is given the second only. */
static const char *initrd_name(const struct image *image, enum plan_shape shape)
{
    const char *name = NULL;
    for (size_t i = 0; i < image->file_count; i++)
        if (image->files[i].role == IMAGE_ROLE_MODULE &&
            (shape == PLAN_SHAPE_LINUX || image->files[i].order == 2))
            name = image->files[i].name;
    return name;
}

const char *plan_overlay_name(const struct image *image)
{
    const struct plan_family *family = plan_family_of(image);
    if (!family || !family->overlay)
        return NULL;
    if (plan_shape_joins(family->shape)) {
        const char *name = initrd_name(image, family->shape);
        return name || family->shape == PLAN_SHAPE_XEN ? name : family->overlay;
    }
    for (size_t i = 0; family->is_overlay && i < image->file_count; i++)
        if (image->files[i].role == IMAGE_ROLE_MODULE && family->is_overlay(image->files[i].name))
            return image->files[i].name;
    return family->overlay;
}
