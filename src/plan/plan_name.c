#include "plan/plan.h"

#include <string.h>

void plan_image_id(const struct digest *manifest, char out[static PLAN_IMAGE_ID + 1])
{
    char hex[SHA256_HEX_SIZE];
    digest_format(manifest, hex);
    memcpy(out, hex, PLAN_IMAGE_ID);
    out[PLAN_IMAGE_ID] = '\0';
}

#define BOOTIF " BOOTIF=01-aa-bb-cc-dd-ee-ff"

static const char *words_of(const struct plan_file *file)
{
    return file->file && file->file->options ? file->file->options : "";
}

/* " words" */
static size_t words_size(const char *words)
{
    return words[0] ? 1 + strlen(words) : 0;
}

static bool is_ipxe(const struct plan *plan)
{
    return plan->chain == PLAN_CHAIN_IPXE;
}

/* "mboot.c32 KERNEL words --- MODULE words ... BOOTIF=..." */
static size_t mboot_size(const struct plan *plan)
{
    size_t size =
        strlen("mboot.c32 ") + strlen(plan->kernel.path) + words_size(plan->kernel_options) + strlen(BOOTIF);
    for (size_t i = 0; i < plan->module_count; i++)
        size += strlen(" --- ") + strlen(plan->module[i].path) + words_size(words_of(&plan->module[i]));
    return size;
}

/* "URL words" of each, with its NUL, behind one another. */
static size_t ipxe_multiboot_size(const struct plan *plan)
{
    size_t size = strlen(plan->base) + strlen(plan->kernel.path) + words_size(plan->kernel_options) + 1;
    for (size_t i = 0; i < plan->module_count; i++)
        size +=
            strlen(plan->base) + strlen(plan->module[i].path) + words_size(words_of(&plan->module[i])) + 1;
    return size;
}

/* "BOOT_IMAGE=KERNEL initrd=A,B words BOOTIF=..." of pxelinux; GRUB's has no initrds in it, iPXE's names them
 * by number. */
static size_t linux_size(const struct plan *plan)
{
    size_t size = words_size(plan->kernel_options) + strlen(BOOTIF);
    if (is_ipxe(plan))
        return size + plan->module_count * strlen(" initrd=initrd9999");
    size += strlen("BOOT_IMAGE=") + strlen(plan->kernel.path);
    if (plan->chain == PLAN_CHAIN_GRUB || plan->chain == PLAN_CHAIN_DISK)
        return size;
    for (size_t i = 0; i < plan->module_count; i++)
        size += strlen(i ? "," : " initrd=") + strlen(plan->module[i].path);
    return size;
}

size_t plan_line_size(const struct plan *plan)
{
    switch (plan->shape) {
    case PLAN_SHAPE_VMKBOOT:
        return mboot_size(plan);
    case PLAN_SHAPE_XEN: /* GRUB has no limit of its own */
        return is_ipxe(plan)                                                      ? ipxe_multiboot_size(plan)
               : plan->chain == PLAN_CHAIN_GRUB || plan->chain == PLAN_CHAIN_DISK ? 0
                                                                                  : mboot_size(plan);
    case PLAN_SHAPE_LINUX:
        return linux_size(plan);
    case PLAN_SHAPE_BOOTCFG: /* boot.cfg has limits of its own: plan_check.c */
    case PLAN_SHAPE_EFI:
    case PLAN_SHAPE_LOCAL:
    case PLAN_SHAPE_NONE:
        break;
    }
    return 0;
}

size_t plan_line_max(const struct plan *plan)
{
    return is_ipxe(plan) && plan->shape == PLAN_SHAPE_XEN ? PLAN_MULTIBOOT_MAX : PLAN_LINE_MAX;
}
