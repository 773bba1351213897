/*
 * ESXi 3.5 to 4.1: the installer's media carry a disk image (VMware-VMvisor-big-*.dd.bz2 in image.tgz or
 * install.tgz; imagedd.bz2 in 4.1), whose bootbank is what a stateless machine boots. The same parts are
 * taken loose. Names are compared without case: ISO 9660 without extensions has upper case only.
 */
#include "image/family.h"

#include "base/text.h"
#include "image/esxi_bank.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DD_PREFIX "VMware-VMvisor-big-" /* 4.1's updates changed what follows */
#define DD_GLOB   DD_PREFIX "*.dd*"

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static bool is_dd_name(const char *path)
{
    return fnmatch(DD_GLOB, base_name(path), FNM_CASEFOLD) == 0;
}

static bool is_bank_name(const char *name)
{
    static const char *const endings[] = {".gz", ".tgz", ".vgz", ".z", "boot.cfg"};
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t length = strlen(name), tail = strlen(endings[i]);
        if (length >= tail && strcasecmp(name + length - tail, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool has_container(const struct image_source *source)
{
    return image_source_has(source, "imagedd.bz2") || image_source_has(source, "image.tgz") ||
           image_source_has(source, "install.tgz");
}

static bool has_set(const struct image_source *source)
{
    for (size_t i = 0; i < esxi_set_count; i++) {
        bool all = image_source_has(source, esxi_sets[i].kernel);
        for (size_t n = 0; n < esxi_sets[i].required; n++) {
            const char *name = esxi_sets[i].names[n];
            all = all && (image_source_has(source, name) ||
                          (strcmp(name, "vmk.gz") == 0 && image_source_has(source, "vmkernel.gz")));
        }
        if (all || (image_source_has(source, esxi_sets[i].kernel) && image_source_has(source, "boot.cfg")))
            return true;
    }
    return false;
}

static bool esxi_recognise(const struct image_source *source)
{
    switch (source->kind) {
    case MEDIA_KIND_FILE:
        return false;
    case MEDIA_KIND_DIRECTORY:
    case MEDIA_KIND_ISO:
        for (size_t i = 0; i < source->count; i++)
            if (is_dd_name(source->names[i]))
                return true;
        return has_container(source) || has_set(source);
    case MEDIA_KIND_TAR:
    case MEDIA_KIND_DISK:
    case MEDIA_KIND_GZIP:
    case MEDIA_KIND_BZIP2:
    case MEDIA_KIND_XZ:
    case MEDIA_KIND_ZSTD:
        return true; /* what is inside is known only when it streams by */
    }
    return false;
}

static enum image_pick pick_bank_file(const char *name)
{
    return strcasecmp(name, "boot.cfg") == 0 ? PICK_KEEP_READ : PICK_KEEP;
}

/* Of several containers on one medium the first of imagedd.bz2, image.tgz, install.tgz is the system; on the
 * CDs of 4.x install.tgz is part of the installer. */
static enum image_pick pick_at_top(const struct image_source *source, const char *name)
{
    bool imagedd = image_source_has(source, "imagedd.bz2"), image = image_source_has(source, "image.tgz");
    if (strcasecmp(name, "imagedd.bz2") == 0)
        return PICK_OPEN_SUM;
    if (strcasecmp(name, "imagedd.md5") == 0 || strcasecmp(name, "README.txt") == 0)
        return PICK_READ;
    if (strcasecmp(name, "image.tgz") == 0)
        return imagedd ? PICK_SKIP : PICK_OPEN;
    if (strcasecmp(name, "install.tgz") == 0)
        return imagedd || image || image_source_has(source, "vmkboot.gz") ? PICK_SKIP : PICK_OPEN;
    return is_bank_name(name) && !has_container(source) ? pick_bank_file(name) : PICK_SKIP;
}

static enum image_pick esxi_pick(const struct image_source *source, const struct media_entry *entry)
{
    bool at_root = !strchr(entry->path, '/');
    if (entry->partition) {
        /* The loader's own partition, and tools in folders of the store partition, are not boot files. */
        bool loader = text_ends(entry->path, ".c32") || text_ends(entry->path, ".sys");
        return at_root && !loader ? pick_bank_file(entry->path) : PICK_SKIP;
    }
    if (is_dd_name(entry->path))
        return PICK_OPEN;
    return entry->parent == 0 && at_root ? pick_at_top(source, entry->path) : PICK_SKIP;
}

static const struct collected *find_top(const struct collection *c, const char *name)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->file[i].parent == 0 && !c->file[i].partition && strcasecmp(c->file[i].path, name) == 0)
            return &c->file[i];
    return NULL;
}

/* imagedd.md5 holds the MD5 sum of imagedd.bz2 as md5sum prints it. */
static int check_sum(struct collection *c, struct error *err)
{
    const struct collected *dd = find_top(c, "imagedd.bz2"), *md5 = find_top(c, "imagedd.md5");
    if (!dd)
        return 0;
    if (!md5) {
        collect_note(c, "%s: there is no imagedd.md5 to check it against", dd->where);
        return 0;
    }
    char found[2 * MD5_SIZE + 1], told[2 * MD5_SIZE + 1] = "";
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(found + 2 * i, 3, "%02x", dd->md5[i]);
    size_t size = md5->head.size < 2 * MD5_SIZE ? md5->head.size : 2 * MD5_SIZE;
    text_printable((const char *)md5->head.data, size, told, sizeof told);
    if (strcasecmp(found, told) == 0)
        return 0;
    return error_set(err, "%s: its MD5 sum is %s, but imagedd.md5 says '%s': get the medium again", dd->where,
                     found, told);
}

static int set_text(char **to, const char *from, size_t size, struct error *err)
{
    char printable[64];
    text_printable(from, size, printable, sizeof printable);
    free(*to);
    *to = strdup(printable);
    return *to ? 0 : error_set(err, "out of memory");
}

/* "4.0.0-208167" or "208167", then anything. */
static int set_version(struct image *image, const char *text, size_t size, struct error *err)
{
    const char *dash = memchr(text, '-', size);
    size_t first = dash ? (size_t)(dash - text) : size;
    bool dotted = memchr(text, '.', first) != NULL;
    if (dotted && set_text(&image->version, text, first, err) < 0)
        return -1;
    if (!dotted)
        return set_text(&image->build, text, first, err);
    return dash ? set_text(&image->build, dash + 1, size - first - 1, err) : 0;
}

/* VMware-VMvisor-big-4.0.0-208167-x86_64.dd.bz2, -big-260247-x86_64.dd.bz2, -big-3.5.0-123629.i386.dd.bz2 */
static int version_of_dd(struct image *image, const char *name, struct error *err)
{
    const char *at = base_name(name) + strlen(DD_PREFIX);
    size_t size = strspn(at, "0123456789.-");
    while (size && !isdigit((unsigned char)at[size - 1]))
        size--;
    return size ? set_version(image, at, size, err) : 0;
}

/* The README of the CDs says "VMware ESXi 4.1" or "VMware ESXi version 4.0". */
static int version_of_readme(struct image *image, const struct collected *readme, struct error *err)
{
    char text[2048];
    size_t size = readme->head.size < sizeof text - 1 ? readme->head.size : sizeof text - 1;
    text_printable((const char *)readme->head.data, size, text, sizeof text);
    const char *at = strstr(text, "ESXi");
    if (!at)
        return 0;
    at += strcspn(at, "0123456789");
    size_t length = strspn(at, "0123456789.");
    while (length && at[length - 1] == '.')
        length--;
    return length ? set_text(&image->version, at, length, err) : 0;
}

static const char *dd_name(const struct collection *c, const struct esxi_bank *bank)
{
    for (size_t i = 0; i < c->count; i++)
        if (bank->parent && c->file[i].id == bank->parent)
            return c->file[i].path;
    return image_source_base(c->source);
}

/* From the surest source to the vaguest. */
static int find_version(const struct collection *c, const struct esxi_bank *bank, struct image *image,
                        struct error *err)
{
    const char *name = dd_name(c, bank);
    const struct collected *readme = find_top(c, "README.txt");
    const char *vague = bank->set && bank->set->version ? bank->set->version : "unknown";
    if (set_text(&image->version, vague, strlen(vague), err) < 0 ||
        set_text(&image->build, "unknown", strlen("unknown"), err) < 0)
        return -1;
    if (readme && version_of_readme(image, readme, err) < 0)
        return -1;
    if (is_dd_name(name) && version_of_dd(image, name, err) < 0)
        return -1;
    if (bank->cfg.build && set_version(image, bank->cfg.build, strlen(bank->cfg.build), err) < 0)
        return -1;
    const char *arch = text_starts(image->version, "3.") || strstr(name, "i386") ? "386" : "amd64";
    return set_text(&image->arch, arch, strlen(arch), err);
}

static int fill(struct collection *c, const struct esxi_bank *bank, struct image *image, struct error *err)
{
    if (find_version(c, bank, image, err) < 0)
        return -1;
    image->product = strdup("VMware ESXi");
    image->kernel_options = strdup(bank->cfg.kernel_options ? bank->cfg.kernel_options : "");
    if (!image->product || !image->kernel_options)
        return error_set(err, "out of memory");
    if (esxi_bank_load(c, bank, image, err) < 0)
        return -1;
    if (!image->accounts)
        collect_note(c,
                     "the image's own etc/shadow could not be read: overlays will list the accounts known of "
                     "the product");
    return 0;
}

static int esxi_build(const struct image_source *source, struct collection *collection, struct image *image,
                      struct error *err)
{
    struct esxi_bank bank;
    if (check_sum(collection, err) < 0 || esxi_bank_choose(collection, &bank, err) < 0)
        return -1;
    int result = fill(collection, &bank, image, err);
    esxi_bank_fini(&bank);
    return result;
}

const struct image_family image_family_esxi_dd = {
    .name = "esxi_dd",
    .takes = "ESXi 3.5 to 4.1 (the ISO, image.tgz, install.tgz, the .dd as it is or compressed, or a folder "
             "of any)",
    .recognise = esxi_recognise,
    .pick = esxi_pick,
    .enough = esxi_bank_enough,
    .build = esxi_build,
};
