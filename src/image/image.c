#include "image/image.h"

#include "image/loader.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void image_free(struct image *image)
{
    if (!image)
        return;
    char *texts[] = {image->family, image->product,        image->version,  image->build, image->arch,
                     image->source, image->kernel_options, image->accounts, image->inetd};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        free(texts[i]);
    for (size_t i = 0; i < image->file_count; i++) {
        free(image->files[i].name);
        free(image->files[i].options);
    }
    free(image->files);
    free(image);
}

bool image_file_name_valid(const char *name)
{
    if (strlen(name) >= IMAGE_FILE_NAME_MAX)
        return false;
    for (const char *part = name;; part++) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && memcmp(part, "..", 2) == 0))
            return false;
        for (size_t i = 0; i < length; i++)
            if (part[i] <= ' ' || part[i] >= 0x7f || part[i] == '\\')
                return false;
        part += length;
        if (!*part)
            return true;
    }
}

/* Kernel, modules by order, extras by name: whether b may follow a. */
static bool follows(const struct image_file *a, const struct image_file *b)
{
    if (b->role == IMAGE_ROLE_MODULE)
        return b->order == (a->role == IMAGE_ROLE_MODULE ? a->order + 1 : 1) && a->role != IMAGE_ROLE_EXTRA;
    if (b->role == IMAGE_ROLE_EXTRA)
        return b->order == 0 && (a->role != IMAGE_ROLE_EXTRA || strcmp(a->name, b->name) < 0);
    return false;
}

/* Texts that reach terminals and loader configurations: no control characters; for loaders ASCII only. */
static bool text_safe(const char *text, bool ascii)
{
    for (const unsigned char *p = (const unsigned char *)text; *p; p++)
        if (*p < 0x20 || *p == 0x7f || (ascii && *p > 0x7f))
            return false;
    return true;
}

static int texts_check(const struct image *image, struct error *err)
{
    const struct {
        const char *name, *text;
        bool ascii;
    } texts[] = {
        {"family", image->family, true},
        {"product", image->product, false},
        {"version", image->version, false},
        {"build", image->build, false},
        {"architecture", image->arch, true},
        {"source", image->source, false},
        {"kernel options", image->kernel_options, true},
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (!texts[i].text)
            return error_set(err, "the image lacks its %s", texts[i].name);
        if (!text_safe(texts[i].text, texts[i].ascii))
            return error_set(err, "the image's %s holds control characters or others that no loader takes",
                             texts[i].name);
    }
    return 0;
}

static int file_check(const struct image *image, size_t i, struct error *err)
{
    static const struct image_file nothing = {.role = IMAGE_ROLE_KERNEL};
    const struct image_file *f = &image->files[i];
    if (!f->name || !image_file_name_valid(f->name))
        return error_set(err, "file %zu of the image has no usable name", i + 1);
    if (f->options && !text_safe(f->options, true))
        return error_set(err, "the options of %s hold characters that no loader takes", f->name);
    bool kernel_first = i == 0 && f->role == IMAGE_ROLE_KERNEL && f->order == 0;
    if (!kernel_first && !follows(i ? &image->files[i - 1] : &nothing, f))
        return error_set(err, "%s is out of order: kernel, modules 1, 2, ..., then extras by name", f->name);
    if (f->role != IMAGE_ROLE_EXTRA && f->size == 0)
        return error_set(err, "%s is empty; boot loaders take an empty file for a missing one", f->name);
    for (size_t j = 0; j < i; j++)
        if (strcmp(image->files[j].name, f->name) == 0)
            return error_set(err, "%s is in the image twice", f->name);
    return 0;
}

int image_check(const struct image *image, struct error *err)
{
    if (texts_check(image, err) < 0)
        return -1;
    if (!image->file_count || image->file_count > IMAGE_FILES_MAX)
        return error_set(err, "the image has %zu files; 1 to %d are possible", image->file_count,
                         IMAGE_FILES_MAX);
    for (size_t i = 0; i < image->file_count; i++)
        if (file_check(image, i, err) < 0)
            return -1;
    if (image_module_count(image) && !image_kernel(image))
        return error_set(err, "the image has modules but no kernel that would take them");
    return 0;
}

const struct image_file *image_find(const struct image *image, const char *name)
{
    for (size_t i = 0; i < image->file_count; i++)
        if (strcmp(image->files[i].name, name) == 0)
            return &image->files[i];
    return NULL;
}

const struct image_file *image_find_any_case(const struct image *image, const char *name)
{
    const struct image_file *exact = image_find(image, name);
    for (size_t i = 0; !exact && i < image->file_count; i++)
        if (strcasecmp(image->files[i].name, name) == 0)
            exact = &image->files[i];
    return exact;
}

const struct image_file *image_kernel(const struct image *image)
{
    return image->file_count && image->files[0].role == IMAGE_ROLE_KERNEL ? &image->files[0] : NULL;
}

size_t image_module_count(const struct image *image)
{
    size_t n = 0;
    for (size_t i = 0; i < image->file_count; i++)
        n += image->files[i].role == IMAGE_ROLE_MODULE;
    return n;
}

/* Letters in lower case; what a name may not hold becomes '-'. */
static void name_append(char *out, const char *text)
{
    size_t used = strlen(out);
    for (; *text && used + 1 < IMAGE_NAME_MAX; text++) {
        char c = (char)tolower((unsigned char)*text);
        bool fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_';
        if (fine)
            out[used++] = c;
        else if (used && out[used - 1] != '-')
            out[used++] = '-';
    }
    while (used && out[used - 1] == '-')
        used--;
    out[used] = 0;
}

/* "ESXi" of "VMware ESXi"; "Debian" of "Debian GNU/Linux 12.5.0": a release makes the words behind it vary.
 */
static void brand_of(const char *product, char out[static IMAGE_NAME_MAX])
{
    const char *last = strrchr(product, ' ');
    bool has_release = false;
    for (const char *p = product; (p = strchr(p, ' ')); p++)
        has_release = has_release || isdigit((unsigned char)p[1]);
    snprintf(out, IMAGE_NAME_MAX, "%.*s", has_release ? (int)strcspn(product, " ") : IMAGE_NAME_MAX,
             last && !has_release ? last + 1 : product);
}

void image_default_name(const struct image *image, char out[static IMAGE_NAME_MAX])
{
    char brand[IMAGE_NAME_MAX];
    if (loader_default_name(image, out))
        return;
    brand_of(image->product, brand);
    const char *parts[] = {brand, image->version, image->build};
    out[0] = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i], "unknown") == 0)
            continue;
        char part[IMAGE_NAME_MAX] = "";
        name_append(part, parts[i]);
        size_t used = strlen(out);
        if (*part)
            snprintf(out + used, IMAGE_NAME_MAX - used, "%s%s", used ? "-" : "", part);
    }
    if (!image_name_valid(out, NULL))
        snprintf(out, IMAGE_NAME_MAX, "image");
}

bool image_name_valid(const char *name, struct error *err)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t length = strlen(name);
    if (length && length < IMAGE_NAME_MAX && strspn(name, allowed) == length && !strchr("._-", name[0]))
        return true;
    error_set(err,
              "'%.80s' cannot name an image: use 1 to %d of a-z, 0-9, '.', '_' and '-', the first a letter "
              "or digit",
              name, IMAGE_NAME_MAX - 1);
    return false;
}
