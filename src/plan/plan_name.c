#include "plan/plan.h"

#include <string.h>

void plan_image_id(const struct digest *manifest, char out[static PLAN_IMAGE_ID + 1])
{
    char hex[SHA256_HEX_SIZE];
    digest_format(manifest, hex);
    memcpy(out, hex, PLAN_IMAGE_ID);
    out[PLAN_IMAGE_ID] = '\0';
}

size_t plan_line_size(const struct plan *plan)
{
    size_t size = strlen("mboot.c32 ") + strlen(plan->kernel.path) + strlen(" BOOTIF=01-aa-bb-cc-dd-ee-ff");
    if (plan->kernel_options[0])
        size += 1 + strlen(plan->kernel_options);
    for (size_t i = 0; i < plan->module_count; i++) {
        const struct plan_file *module = &plan->module[i];
        size += strlen(" --- ") + strlen(module->path);
        if (module->file && module->file->options && module->file->options[0])
            size += 1 + strlen(module->file->options);
    }
    return size;
}
