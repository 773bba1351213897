#include "render/render.h"

#include "render/words.h"

#include <stdio.h>
#include <string.h>

/* After a failed load pxelinux waits at its prompt; this takes it back to DEFAULT, in 1/10 s. */
#define PXELINUX_RETRY "100"

static int put_file(const struct plan_file *file, const char *options, struct buf *out, struct error *err)
{
    if (words_check_path(file->path, err) || words_check_module(options, file->path, err))
        return -1;
    buf_format(out, "%s%s%s", file->path, options[0] ? " " : "", options);
    return 0;
}

/* Multiboot, by syslinux's mboot.c32 and by VMware's alike. Each loader takes the one of its own ABI: the
 * operator's 3.86 the image's, if it has one. */
static int put_multiboot(const struct plan *plan, struct buf *out, struct error *err)
{
    char id[PLAN_IMAGE_ID + 1];
    bool own = plan->chain == PLAN_CHAIN_PXELINUX3 && image_find(plan->image, "mboot.c32");
    plan_image_id(&plan->manifest, id);
    buf_format(out, " KERNEL %s%s%smboot.c32\n APPEND ", own ? "image/" : "", own ? id : "", own ? "/" : "");
    if (put_file(&plan->kernel, plan->kernel_options, out, err))
        return -1;
    for (size_t i = 0; i < plan->module_count; i++) {
        buf_append_text(out, " --- ");
        if (put_file(&plan->module[i], words_of(&plan->module[i]), out, err))
            return -1;
    }
    buf_append_text(out, "\n");
    return 0;
}

static int put_linux(const struct plan *plan, struct buf *out, struct error *err)
{
    if (words_check_path(plan->kernel.path, err) || words_check(plan->kernel_options, plan->kernel.path, err))
        return -1;
    buf_format(out, " LINUX %s\n", plan->kernel.path);
    for (size_t i = 0; i < plan->module_count; i++) {
        const char *path = plan->module[i].path;
        if (words_check_path(path, err))
            return -1;
        if (strchr(path, ','))
            return error_set(err,
                             "the file name \"%s\" has a comma in it, which pxelinux takes for the end of "
                             "the name",
                             path);
        buf_format(out, "%s%s", i ? "," : " INITRD ", path);
    }
    buf_append_text(out, plan->module_count ? "\n" : "");
    if (plan->kernel_options[0])
        buf_format(out, " APPEND %s\n", plan->kernel_options);
    return 0;
}

/* VMware's mboot.c32 reads the rest from boot.cfg; with -c it looks for no other. */
static int put_bootcfg(const struct plan *plan, struct buf *out, struct error *err)
{
    char id[PLAN_IMAGE_ID + 1], mac[MAC_TEXT_SIZE];
    if (plan->chain != PLAN_CHAIN_PXELINUX3)
        return error_set(err, "VMware's mboot.c32 works with PXELINUX 3.86 only: %s",
                         plan_loader_remedy(PLAN_LOADER_PXELINUX3));
    plan_image_id(&plan->manifest, id);
    buf_format(out, " KERNEL image/%s/mboot.c32\n APPEND -c /image/%s/", id, id);
    if (!mac_is_zero(&plan->mac))
        buf_format(out, "01-%s/", mac_format_dash(&plan->mac, mac));
    buf_append_text(out, "boot.cfg\n");
    return 0;
}

int render_pxelinux(const struct plan *plan, struct buf *out, struct error *err)
{
    size_t size = plan_line_size(plan);
    int result = -1;
    if (size > PLAN_LINE_MAX)
        return error_set(err, "the loader's line would have %zu bytes; pxelinux takes %d", size,
                         PLAN_LINE_MAX);
    words_comment(plan, out);
    buf_append_text(out, "DEFAULT bootherd\nPROMPT 0\nTIMEOUT " PXELINUX_RETRY "\nLABEL bootherd\n");
    switch (plan->shape) {
    case PLAN_SHAPE_VMKBOOT:
    case PLAN_SHAPE_XEN:
        result = put_multiboot(plan, out, err);
        break;
    case PLAN_SHAPE_LINUX:
        result = put_linux(plan, out, err);
        break;
    case PLAN_SHAPE_BOOTCFG:
        result = put_bootcfg(plan, out, err);
        break;
    case PLAN_SHAPE_EFI:
    case PLAN_SHAPE_LOCAL:
    case PLAN_SHAPE_NONE:
        result = error_set(err, "pxelinux boots no images of this kind");
    }
    buf_append_text(out, " IPAPPEND 2\n");
    if (result == 0 && out->failed)
        return error_set(err, "out of memory");
    return result;
}

int render_pxelinux_local(const char *reason, struct buf *out)
{
    char text[WORDS_TEXT_MAX];
    words_ascii(reason, text);
    buf_format(out,
               "# bootherd: %s\nSAY bootherd: %s: starting from the local disk\nDEFAULT local\nPROMPT 0\n"
               "LABEL local\n LOCALBOOT 0\n",
               text, text);
    return out->failed ? -1 : 0;
}
