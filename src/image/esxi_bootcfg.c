/*
 * ESXi 5.0 and later: the files of the installer's ISO are the boot set, and its boot.cfg is the load list
 *. What makes it an installer, a word for the kernel and two modules, is left out. Paths
 * are compared without case: ISO 9660 without extensions has upper case only.
 */
#include "image/family.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/esxi_cfg.h"
#include "image/esxi_release.h"
#include "image/esxi_set.h"

#include <ctype.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CFG     "boot.cfg"
#define EFI_CFG "efi/boot/boot.cfg"

#define KNOWN_MAJOR_MAX 8  /* a later release is imported all the same */
#define NEAR            3u /* edits between a name and one that may be meant */
#define MISSING_SHOWN   5

static const struct esxi_place top = {0};

/* What says that a medium is ESXi, from the surest to the vaguest. */
static const struct {
    const char *path;
    bool (*read)(struct slice text, struct esxi_release *out);
} marks[] = {
    {"upgrade/metadata.xml", esxi_release_metadata},
    {".DISCINFO", esxi_release_discinfo},
    {"_DISCINFO", esxi_release_discinfo}, /* strict ISO 9660 has no dot there, and no dash */
    {"vmware-esx-base-readme", esxi_release_readme},
    {"vmware_esx_base_readme", esxi_release_readme},
};
#define MARKS (sizeof marks / sizeof marks[0])

/* Kept beside the boot set, under names of their own. */
static const struct {
    const char *path, *name, *arch; /* arch: what the file says of the image, or NULL */
} extras[] = {
    {CFG, CFG, NULL},
    {"efi/boot/crypto64.efi", "crypto64.efi", NULL},
    {EFI_CFG, "efi-boot.cfg", NULL},
    {"mboot.c32", "mboot.c32", NULL},
    {"efi/boot/bootx64.efi", "mboot.efi", "amd64"},
    {"efi/boot/bootaa64.efi", "mboot.efi", "arm64"},
};

/* Names at the top that no loader's folder and no other product has; the marks may lie deeper. */
static bool has_modules(const struct image_source *source)
{
    for (size_t i = 0; i < source->count; i++)
        if (fnmatch("*.[bv]00*", source->names[i], FNM_CASEFOLD) == 0)
            return true;
    return false;
}

static bool bootcfg_recognise(const struct image_source *source)
{
    if (source->kind != MEDIA_KIND_ISO && source->kind != MEDIA_KIND_DIRECTORY)
        return false;
    if (!image_source_has(source, CFG) && !image_source_has(source, CFG ";1"))
        return false;
    for (size_t i = 0; i < MARKS; i++)
        if (image_source_has(source, marks[i].path))
            return true;
    return has_modules(source);
}

static bool is_path(const char *path, const char *name)
{
    size_t length = strlen(name);
    return strncasecmp(path, name, length) == 0 && (!path[length] || strcmp(path + length, ";1") == 0);
}

static enum image_pick bootcfg_pick(const struct image_source *source, const struct media_entry *entry)
{
    if (entry->parent)
        return PICK_SKIP;
    for (size_t i = 0; i < MARKS; i++)
        if (is_path(entry->path, marks[i].path))
            return PICK_READ;
    if (strncasecmp(entry->path, "upgrade/", strlen("upgrade/")) == 0)
        return PICK_SKIP; /* for hosts that run */
    return is_path(entry->path, CFG) ? PICK_KEEP_READ : PICK_KEEP;
}

/* --- which release it is --- */

static const struct collected *find_read(const struct collection *c, const char *path)
{
    for (size_t i = 0; i < c->count; i++)
        if (c->file[i].pick == PICK_READ && is_path(c->file[i].path, path))
            return &c->file[i];
    return NULL;
}

/* What boot.cfg and a mark say together: the first counts, for it is what will be loaded. */
static void add_release(const struct collection *c, struct esxi_release *to, const struct esxi_release *from,
                        const char *where)
{
    size_t shared = strlen(from->version) < strlen(to->version) ? strlen(from->version) : strlen(to->version);
    if (to->version[0] && strncmp(to->version, from->version, shared) != 0) {
        collect_note(c, "%s says version %s; %s is taken", where, from->version, to->version);
        return;
    }
    if (strlen(from->version) > strlen(to->version))
        memcpy(to->version, from->version, sizeof to->version);
    if (to->build[0] && from->build[0] && strcmp(to->build, from->build) != 0)
        collect_note(c, "%s says build %s; %s is taken", where, from->build, to->build);
    else if (from->build[0])
        memcpy(to->build, from->build, sizeof to->build);
}

static int not_esxi(const struct collection *c, const struct error *why, struct error *err)
{
    return error_set(
        err,
        "%s has a boot.cfg, but nothing in it says that it is ESXi 5 or later (upgrade/metadata.xml "
        "with an esxVersion, .DISCINFO with the line ESXi and a version, or vmware-esx-base-readme)%s"
        "%.200s: give the vendor's own ISO",
        c->source->name, why->text[0] ? "; " : "", why->text);
}

static int find_release(const struct collection *c, const struct bootcfg *cfg, struct esxi_release *out,
                        struct error *err)
{
    struct error why = {0};
    bool marked = false;
    *out = (struct esxi_release){0};
    if (cfg->build)
        esxi_release_build((struct slice){(const uint8_t *)cfg->build, strlen(cfg->build)}, out);
    for (size_t i = 0; i < MARKS; i++) {
        const struct collected *f = find_read(c, marks[i].path);
        struct esxi_release told;
        if (!f)
            continue;
        if (marks[i].read(buf_slice(&f->head), &told)) {
            marked = true;
            add_release(c, out, &told, f->where);
        } else {
            error_set(&why, "%s tells no version of ESXi", f->where);
            collect_note(c, "%s", why.text);
        }
    }
    if (!marked)
        return not_esxi(c, &why, err);
    if (!esxi_release_since(out, 5, 0))
        return error_set(
            err, "%s says it is ESXi %s, which has no boot.cfg of this kind: give the vendor's own ISO",
            c->source->name, out->version);
    if (esxi_release_since(out, KNOWN_MAJOR_MAX + 1, 0))
        collect_note(c, "ESXi %s is later than %d: untested", out->version, KNOWN_MAJOR_MAX);
    return 0;
}

/* --- what is loaded of it --- */

/* Whether the name without its ending is `stem`: weaselin.i00, .t00 and .v00 are the same module. */
static bool has_stem(const char *name, const char *stem)
{
    size_t length = strlen(stem);
    return strncasecmp(name, stem, length) == 0 && (!name[length] || name[length] == '.');
}

static const char *why_left_out(const char *name, const struct esxi_release *release)
{
    if (esxi_is_state(name) || has_stem(name, "onetime"))
        return "it holds one machine's settings";
    if (has_stem(name, "weaselin") || has_stem(name, "imgpayld"))
        return "it belongs to the installer";
    if (has_stem(name, "imgdb") && !esxi_release_since(release, 6, 5))
        return "only ESXi 6.5 and later need their package database to boot stateless";
    return NULL;
}

/* The words that start the installer or tell it what to do; the system itself knows none of them. */
static bool is_installer_word(const char *word, size_t size)
{
    static const char *const words[] = {"runweasel", "cdromBoot"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == size && strncasecmp(words[i], word, size) == 0)
            return true;
    return strncasecmp(word, "ks=", 3) == 0;
}

static char *kernel_options(const struct collection *c, const char *text)
{
    struct buf kept = BUF_INIT;
    for (const char *word = text ? text : ""; *word; word += strspn(word, " ")) {
        size_t size = strcspn(word, " ");
        if (is_installer_word(word, size))
            collect_note(c, "kernel option %.*s is left out: it is for the installer", (int)size, word);
        else
            buf_format(&kept, "%s%.*s", kept.size ? " " : "", (int)size, word);
        word += size;
    }
    char *options = kept.failed ? NULL : strdup(buf_text(&kept));
    buf_fini(&kept);
    return options;
}

static char *lower(char *text)
{
    for (char *p = text; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return text;
}

/* The file that is likest to a name that is not there, or NULL. */
static const char *nearest(const struct collection *c, const char *name)
{
    const char *best = NULL;
    unsigned least = NEAR;
    for (size_t i = 0; i < c->count; i++) {
        const struct collected *f = &c->file[i];
        cleanup_free char *a = strdup(name), *b = strdup(f->path);
        if (!a || !b || f->taken || !esxi_in_place(&top, f))
            continue;
        unsigned distance = text_distance(lower(a), lower(b), NEAR);
        if (distance < least || (distance == least && !best)) {
            least = distance;
            best = f->path;
        }
    }
    return best;
}

struct loading {
    struct collection *c;
    struct image *image;
    const struct esxi_release *release;
    struct buf missing;
    size_t missing_count;
};

static void miss(struct loading *l, const char *name)
{
    const char *near = nearest(l->c, name);
    if (l->missing_count++ >= MISSING_SHOWN)
        return;
    buf_format(&l->missing, "%s%.60s", l->missing.size ? ", " : "", name);
    if (near)
        buf_format(&l->missing, " (there is %.60s)", near);
}

/* A medium in upper case only is no news. */
static void note_name(const struct collection *c, const struct collected *f, const char *name,
                      enum esxi_likeness how)
{
    bool keeps_case = f->path[strcspn(f->path, "abcdefghijklmnopqrstuvwxyz")];
    if (how == ESXI_SAME_WITH_DASHES || (how == ESXI_SAME_IN_ANY_CASE && keeps_case))
        collect_note(c, "%s is taken for boot.cfg's %s", f->where, name);
}

static int load_file(struct loading *l, const char *path, enum image_role role, const char *options,
                     struct error *err)
{
    const char *name = esxi_cfg_relative(path);
    struct collected *f;
    enum esxi_likeness how;
    if (image_find(l->image, name)) {
        collect_note(l->c, "%s is in boot.cfg twice; it is loaded once", name);
        return 0;
    }
    if (esxi_cfg_find(l->c, &top, name, &f, &how, err) < 0)
        return -1;
    if (!f) {
        miss(l, name);
        return 0;
    }
    if (f->taken)
        return error_set(err,
                         "%s: two names of boot.cfg may be this file, the second is %s: get the medium again",
                         f->where, name);
    note_name(l->c, f, name, how);
    if (collect_take(l->c, f, l->image, name, role, options, err) < 0)
        return -1;
    return esxi_adopt_texts(l->image, f->accounts, f->inetd, name, err);
}

static int load_set(struct loading *l, const struct bootcfg *cfg, struct error *err)
{
    if (load_file(l, cfg->kernel, IMAGE_ROLE_KERNEL, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < cfg->module_count; i++) {
        const struct bootcfg_module *m = &cfg->modules[i];
        const char *name = esxi_cfg_relative(m->path), *why = why_left_out(name, l->release);
        if (why)
            collect_note(l->c, "%s is left out: %s", name, why);
        else if (load_file(l, m->path, IMAGE_ROLE_MODULE, m->options, err) < 0)
            return -1;
    }
    if (!l->missing_count)
        return 0;
    return error_set(
        err, "%s: boot.cfg names files that are not there: %s%s. The medium is not complete: get it again",
        l->c->source->name, buf_text(&l->missing), l->missing_count > MISSING_SHOWN ? ", ..." : "");
}

/* In the order of their names, as an image has them: the table's. */
static int take_extras(struct collection *c, struct image *image, struct error *err)
{
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
        struct collected *f;
        if (esxi_cfg_find(c, &top, extras[i].path, &f, NULL, err) < 0)
            return -1;
        if (!f || f->taken)
            continue;
        if (!f->size || image_find(image, extras[i].name)) {
            collect_note(c, "%s is left out: %s", f->where,
                         f->size ? "another file has its name" : "it is empty");
            continue;
        }
        if (collect_take(c, f, image, extras[i].name, IMAGE_ROLE_EXTRA, NULL, err) < 0)
            return -1;
    }
    return 0;
}

/* The EFI loader's name tells it (UEFI 3.5.1.1); a medium without one is for BIOS machines. */
static const char *find_arch(struct collection *c)
{
    for (size_t i = 0; i < sizeof extras / sizeof extras[0]; i++) {
        struct collected *f;
        if (extras[i].arch && esxi_cfg_find(c, &top, extras[i].path, &f, NULL, NULL) == 0 && f)
            return extras[i].arch;
    }
    return "amd64";
}

static int load(struct collection *c, const struct bootcfg *cfg, struct image *image, struct error *err)
{
    struct esxi_release release;
    if (find_release(c, cfg, &release, err) < 0)
        return -1;
    image->product = strdup("VMware ESXi");
    image->version = strdup(release.version);
    image->build = strdup(release.build[0] ? release.build : "unknown");
    image->arch = strdup(find_arch(c));
    image->kernel_options = kernel_options(c, cfg->kernel_options);
    if (!image->product || !image->version || !image->build || !image->arch || !image->kernel_options)
        return error_set(err, "out of memory");
    struct loading l = {.c = c, .image = image, .release = &release};
    int result = load_set(&l, cfg, err);
    buf_fini(&l.missing);
    if (result == 0 && !image->accounts)
        collect_note(
            c, "the image's own etc/shadow could not be read: overlays will list the accounts known of its "
               "generation");
    return result < 0 ? -1 : take_extras(c, image, err);
}

static int bootcfg_build(const struct image_source *source, struct collection *c, struct image *image,
                         struct error *err)
{
    struct collected *f;
    struct bootcfg cfg;
    if (esxi_cfg_find(c, &top, CFG, &f, NULL, err) < 0)
        return -1;
    if (!f)
        return error_set(err, "%s: its boot.cfg is no file that can be read", source->name);
    if (esxi_cfg_read(f, &cfg, err) < 0)
        return error_wrap(err, "%s", f->where);
    esxi_cfg_note_traps(c, f->where, &cfg);
    int result = 0;
    if (!cfg.module_count)
        result = error_set(err, "%s lists no modules: it is not ESXi's", f->where);
    else
        result = load(c, &cfg, image, err);
    bootcfg_fini(&cfg);
    return result;
}

const struct image_family image_family_esxi_bootcfg = {
    .name = "esxi_bootcfg",
    .takes = "ESXi 5.0 and later (the ISO, or a folder of its files)",
    .recognise = bootcfg_recognise,
    .pick = bootcfg_pick,
    .build = bootcfg_build,
};
