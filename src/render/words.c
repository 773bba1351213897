#include "render/words.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/*
 * Blanks end a word, '---' starts the next module (VMware's mboot finds it inside words too), '::' and '://'
 * make a name another server's (pxelinux, url_type).
 */
int words_check_path(const char *path, struct error *err)
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

int words_check(const char *words, const char *what, struct error *err)
{
    for (const char *p = words; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 0x7f)
            return error_set(err, "the options of %s contain a control character (byte 0x%02x)", what,
                             (unsigned)(unsigned char)*p);
    return 0;
}

int words_check_module(const char *words, const char *what, struct error *err)
{
    if (words_check(words, what, err))
        return -1;
    if (strstr(words, "---"))
        return error_set(err, "the options of %s contain '---', which separates modules", what);
    return 0;
}

void words_ascii(const char *text, char out[static WORDS_TEXT_MAX])
{
    text_printable(text, strlen(text), out, WORDS_TEXT_MAX);
    for (char *p = out; *p; p++)
        if ((unsigned char)*p >= 0x80)
            *p = '?';
}

void words_title(const struct plan *plan, char out[static WORDS_TEXT_MAX])
{
    char text[WORDS_TEXT_MAX];
    snprintf(text, sizeof text, "node %s, %s %s build %s", plan->node->name, plan->image->product,
             plan->image->version, plan->image->build);
    words_ascii(text, out);
}

/* A backslash at its end would make iPXE take the next line for a part of the comment: the id stands there.
 */
void words_comment(const struct plan *plan, struct buf *out)
{
    char id[PLAN_IMAGE_ID + 1], title[WORDS_TEXT_MAX];
    plan_image_id(&plan->manifest, id);
    words_title(plan, title);
    buf_format(out, "# bootherd: %s, image %s\n", title, id);
}

const char *words_of(const struct plan_file *file)
{
    return file->file && file->file->options ? file->file->options : "";
}
