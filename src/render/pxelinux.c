#include "render/render.h"

#include "base/text.h"

#include <string.h>

/* A line of the config that people read, at the console or in explain. */
#define PXELINUX_TEXT_MAX 256

/* After a failed load pxelinux waits at its prompt; this takes it back to DEFAULT, in 1/10 s. */
#define PXELINUX_RETRY "100"

/*
 * One word of the APPEND text. Blanks end a word, '---' starts the next module (facts 2.3: VMware's mboot
 * finds it inside words too), '::' and '://' make a name another server's (pxelinux, url_type).
 */
static int pxelinux_check_path(const char *path, struct error *err)
{
    for (const char *p = path; *p; p++)
        if (*p <= ' ' || *p > '~')
            return error_set(
                err,
                "the file name \"%s\" has a blank, control or non-ASCII character, which loaders "
                "take for the end of the name",
                path);
    if (strstr(path, "---") || strstr(path, "::") || strstr(path, "://"))
        return error_set(
            err, "the file name \"%s\" contains '---', '::' or '://', which loaders take for something else",
            path);
    return 0;
}

static int pxelinux_check_words(const char *words, const char *what, struct error *err)
{
    for (const char *p = words; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return error_set(err, "the options of %s contain a control character (byte 0x%02x)", what,
                             (unsigned)(unsigned char)*p);
    if (strstr(words, "---"))
        return error_set(err, "the options of %s contain '---', which separates modules", what);
    return 0;
}

static int pxelinux_put_file(const struct plan_file *file, const char *options, struct buf *out,
                             struct error *err)
{
    if (pxelinux_check_path(file->path, err))
        return -1;
    buf_append_text(out, file->path);
    if (!options || !options[0])
        return 0;
    if (pxelinux_check_words(options, file->path, err))
        return -1;
    buf_format(out, " %s", options);
    return 0;
}

static void pxelinux_put_comment(const struct plan *plan, struct buf *out)
{
    char id[PLAN_IMAGE_ID + 1];
    char text[PXELINUX_TEXT_MAX];
    cleanup_buf struct buf line = BUF_INIT;
    plan_image_id(&plan->manifest, id);
    buf_format(&line, "bootherd: node %s, %s %s build %s, image %s", plan->node->name, plan->image->product,
               plan->image->version, plan->image->build, id);
    text_printable(buf_text(&line), line.size, text, sizeof text);
    buf_format(out, "# %s\n", text);
}

int render_pxelinux(const struct plan *plan, struct buf *out, struct error *err)
{
    size_t size = plan_line_size(plan);
    if (size > PLAN_LINE_MAX)
        return error_set(err, "the loader's line would have %zu bytes; pxelinux takes %d", size,
                         PLAN_LINE_MAX);
    pxelinux_put_comment(plan, out);
    buf_append_text(out, "DEFAULT bootherd\nPROMPT 0\nTIMEOUT " PXELINUX_RETRY "\nLABEL bootherd\n"
                         " KERNEL mboot.c32\n APPEND ");
    if (pxelinux_put_file(&plan->kernel, plan->kernel_options, out, err))
        return -1;
    for (size_t i = 0; i < plan->module_count; i++) {
        const struct plan_file *module = &plan->module[i];
        buf_append_text(out, " --- ");
        if (pxelinux_put_file(module, module->file ? module->file->options : NULL, out, err))
            return -1;
    }
    buf_append_text(out, "\n IPAPPEND 2\n");
    return out->failed ? error_set(err, "out of memory") : 0;
}

int render_pxelinux_local(const char *reason, struct buf *out)
{
    char text[PXELINUX_TEXT_MAX];
    text_printable(reason, strlen(reason), text, sizeof text);
    for (char *p = text; *p; p++) /* the console of a BIOS has its own idea of other characters */
        if ((unsigned char)*p >= 0x80)
            *p = '?';
    buf_format(out,
               "# bootherd: %s\nSAY bootherd: %s: starting from the local disk\nDEFAULT local\nPROMPT 0\n"
               "LABEL local\n LOCALBOOT 0\n",
               text, text);
    return out->failed ? -1 : 0;
}
