#include "image/boot_take.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/family.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NUMBERS_MAX 100 /* tries for a free name */

struct collected *boot_collected(struct collection *c, const char *path, bool packed)
{
    struct collected *outer = NULL;
    for (size_t i = 0; i < c->count; i++) {
        struct collected *f = &c->file[i];
        if (!f->parent && strcmp(f->path, path) == 0)
            outer = f;
        else if (packed && outer && f->parent == outer->id)
            return f;
    }
    return packed ? NULL : outer;
}

/* --- names --- */

static void fit(char *name, bool lower)
{
    for (char *p = name; *p; p++) {
        if (*p <= ' ' || *p >= 0x7f || *p == '\\')
            *p = '-';
        if (lower)
            *p = (char)tolower((unsigned char)*p);
    }
}

static void strip(char *name, bool unpacked)
{
    if (text_ends(name, ";1"))
        name[strlen(name) - 2] = 0;
    size_t length = strlen(name);
    if (length > 1 && name[length - 1] == '.')
        name[--length] = 0;
    if (unpacked && length > 3 && strcasecmp(name + length - 3, ".gz") == 0)
        name[length - 3] = 0;
}

static bool is_free(const struct image *image, const char *name, char *const *others, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcasecmp(others[i], name) == 0)
            return false;
    return !image_find_any_case(image, name);
}

static const char *folder_of(const char *path, size_t *length)
{
    const char *end = source_base(path);
    if (end == path) {
        *length = 0;
        return path;
    }
    const char *start = --end;
    while (start > path && start[-1] != '/')
        start--;
    *length = (size_t)(end - start);
    return start;
}

char *boot_name(const struct image *image, const char *path, bool unpacked, char *const *others, size_t count)
{
    bool lower = !path[strcspn(path, "abcdefghijklmnopqrstuvwxyz")];
    cleanup_free char *base = strdup(source_base(path));
    char name[IMAGE_FILE_NAME_MAX + 128];
    size_t length;
    const char *folder = folder_of(path, &length);
    if (!base)
        return NULL;
    strip(base, unpacked);
    snprintf(name, sizeof name, "%s", base);
    fit(name, lower);
    for (unsigned i = 1; i < NUMBERS_MAX && !is_free(image, name, others, count); i++) {
        if (i == 1 && length)
            snprintf(name, sizeof name, "%.*s-%s", length < 100 ? (int)length : 100, folder, base);
        else
            snprintf(name, sizeof name, "%u-%s", i, base);
        fit(name, lower);
    }
    return strdup(name);
}

int boot_take(struct collection *c, struct collected *file, struct image *image, enum image_role role,
              const char *options, struct error *err)
{
    cleanup_free char *name = boot_name(image, file->path, false, NULL, 0);
    if (!name)
        return error_set(err, "out of memory");
    if (strcasecmp(name, source_base(file->path)) != 0 && !text_ends(file->path, ";1"))
        collect_note(c, "%s is called %s in the image", file->where, name);
    return collect_take(c, file, image, name, role, options, err);
}

int boot_take_modules(struct collection *c, const struct boot_set *set, size_t first, struct image *image,
                      struct error *err)
{
    for (size_t i = first; i < set->module_count; i++) {
        struct collected *f = boot_collected(c, set->module[i].file->path, false);
        if (!f)
            return error_set(err, "%s: %s could not be read", c->source->name, set->module[i].file->path);
        if (f->taken) {
            collect_note(c, "%s is loaded twice by its entry; it is taken once", f->where);
            continue;
        }
        if (boot_take(c, f, image, IMAGE_ROLE_MODULE, set->module[i].options, err) < 0)
            return -1;
    }
    return 0;
}

/* --- words --- */

static bool is_medium_word(const char *word, size_t size)
{
    static const char *const whole[] = {"---", "--"};
    static const char *const begins[] = {
        "BOOT_IMAGE=", "initrd=", "findiso=", "fromiso=", "iso-scan/filename="};
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++)
        if (strlen(whole[i]) == size && memcmp(word, whole[i], size) == 0)
            return true;
    for (size_t i = 0; i < sizeof begins / sizeof begins[0]; i++)
        if (strncmp(word, begins[i], strlen(begins[i])) == 0)
            return true;
    return false;
}

/* The system looks for its medium by these: what it needs instead depends on the system. */
static bool names_medium(const char *word, size_t size)
{
    static const char *const marks[] = {
        "LABEL=", "hd:", "archisodevice=", "archisolabel=", "archisosearchuuid="};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (memmem(word, size, marks[i], strlen(marks[i])))
            return true;
    return false;
}

/* A word ends at a blank that is not between quotes. */
static size_t word_size(const char *word)
{
    bool quoted = false;
    size_t i = 0;
    for (; word[i] && (quoted || word[i] != ' '); i++)
        quoted = quoted != (word[i] == '"');
    return i;
}

char *boot_options(const struct collection *c, const char *options)
{
    struct buf kept = BUF_INIT;
    for (const char *word = options ? options : ""; *word; word += strspn(word, " ")) {
        size_t size = word_size(word);
        if (names_medium(word, size))
            collect_note(
                c,
                "kernel option %.*s looks for the medium, which a machine that boots from the network "
                "does not have: set kernel_options for what the system takes instead",
                (int)size, word);
        if (size && !is_medium_word(word, size))
            buf_format(&kept, "%s%.*s", kept.size ? " " : "", (int)size, word);
        word += size;
    }
    char *text = kept.failed ? NULL : strdup(buf_text(&kept));
    buf_fini(&kept);
    return text;
}

/* `Debian GNU/Linux 12.5.0 "Bookworm" - Official amd64 NETINST ...` */
char *boot_product(const struct image_source *source, const char *other)
{
    const struct source_file *info = source_find(source, ".disk/info");
    char line[128];
    if (!info || !info->text.size)
        return strdup(other);
    const char *text = (const char *)info->text.data;
    size_t size = 0;
    while (size < info->text.size && size < sizeof line - 1 &&
           !strchr("\"\n\r", text[size] ? text[size] : '\n'))
        size++;
    text_printable(text, size, line, sizeof line);
    char *dash = strstr(line, " - ");
    if (dash)
        *dash = 0;
    for (size = strlen(line); size && line[size - 1] == ' ';)
        line[--size] = 0;
    return strdup(size ? line : other);
}
