#include "image/loader.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "image/family.h"
#include "image/kernel.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#define PXELINUX_MARK "PXELINUX " /* "PXELINUX 6.04 PXE 20200816" inside pxelinux.0 */

static const struct {
    const char *name, *product, *arch;
} kinds[LOADER_KINDS] = {
    [LOADER_ANY] = {"", "", ""},
    [LOADER_PXELINUX] = {"pxelinux", "PXELINUX", "386"}, /* BIOS */
    [LOADER_IPXE] = {"ipxe", "iPXE", "amd64"},
    [LOADER_GRUB_AMD64] = {"grub-amd64", "GRUB", "amd64"},
    [LOADER_GRUB_ARM64] = {"grub-arm64", "GRUB", "arm64"},
    [LOADER_GRUB_386] = {"grub-386", "GRUB", "386"},
};

enum content {
    CONTENT_ANY,
    CONTENT_PXELINUX, /* says so */
    CONTENT_BIOS,     /* starts with code */
    CONTENT_EFI,      /* of the kind's processor */
};

#define NEEDED   true
#define OPTIONAL false

/* Debian's names. shim looks for GRUB under the name `as` has; GRUB for its modules in the folder. */
#define GRUB(kind, cpu, folder)                                                                              \
    {kind, "grubnet" cpu ".efi.signed", "grub" cpu ".efi", CONTENT_EFI, NEEDED, NULL},                       \
        {kind, "grubnet" cpu ".efi", "grub" cpu ".efi", CONTENT_EFI, NEEDED, NULL},                          \
        {kind, "/grub" cpu ".efi", "grub" cpu ".efi", CONTENT_EFI, NEEDED, NULL},                            \
        {kind,       folder "/*.mod",                                                                        \
         folder "/", CONTENT_ANY,                                                                            \
         OPTIONAL,   "it boots by TFTP only, and no Xen: modules are in Debian's grub-efi-*-bin"},           \
    {                                                                                                        \
        kind, folder "/*.lst", folder "/", CONTENT_ANY, OPTIONAL, NULL                                       \
    }
#define SHIM(kind, cpu)                                                                                      \
    {kind, "shim" cpu ".efi.signed", "shim" cpu ".efi", CONTENT_EFI, NEEDED, NULL},                          \
        {kind, "shim" cpu ".efi", "shim" cpu ".efi", CONTENT_EFI, NEEDED, NULL},                             \
        {kind,                                                                                               \
         "grub" cpu ".efi.signed",                                                                           \
         "disk/grub" cpu ".efi",                                                                             \
         CONTENT_EFI,                                                                                        \
         OPTIONAL,                                                                                           \
         "machines that use HTTP Boot cannot be booted by it"},                                              \
    {                                                                                                        \
        kind, "disk/grub" cpu ".efi", "disk/grub" cpu ".efi", CONTENT_EFI, OPTIONAL, NULL                    \
    }

#define LOADER_TAKES                                                                                         \
    "pxelinux.0 with its *.c32, undionly.kpxe with snponly.efi and ipxe.efi, shim with GRUB (shimx64.efi, "  \
    "grubnetx64.efi.signed)"

/* Several rows may fill one name: the first that can does. */
static const struct part {
    enum loader_kind kind;
    const char *like; /* the last parts of a path; with '/' in front the whole path */
    const char *as;   /* name in the image; with '/' at the end a folder, and the file keeps its name */
    enum content content;
    bool needed;
    const char *without; /* what does not work when it is missing, or NULL */
} parts[] = {
    {LOADER_PXELINUX, "pxelinux.0", "pxelinux.0", CONTENT_PXELINUX, NEEDED, NULL},
    {LOADER_PXELINUX, "lpxelinux.0", "lpxelinux.0", CONTENT_PXELINUX, OPTIONAL, NULL},
    {LOADER_PXELINUX, "gpxelinux.0", "gpxelinux.0", CONTENT_BIOS, OPTIONAL, NULL},
    {LOADER_PXELINUX, "/*.c32", "", CONTENT_ANY, OPTIONAL, NULL},
    {LOADER_PXELINUX, "modules/bios/*.c32", "", CONTENT_ANY, OPTIONAL, NULL},
    {LOADER_IPXE, "undionly.kpxe", "undionly.kpxe", CONTENT_BIOS, OPTIONAL,
     "BIOS machines cannot be given iPXE"},
    {LOADER_IPXE, "snponly.efi", "snponly.efi", CONTENT_EFI, OPTIONAL, "UEFI PXE cannot be given iPXE"},
    {LOADER_IPXE, "ipxe.efi", "ipxe.efi", CONTENT_EFI, OPTIONAL, "UEFI HTTP Boot cannot be given iPXE"},
    SHIM(LOADER_GRUB_AMD64, "x64"),
    GRUB(LOADER_GRUB_AMD64, "x64", "x86_64-efi"),
    SHIM(LOADER_GRUB_ARM64, "aa64"),
    GRUB(LOADER_GRUB_ARM64, "aa64", "arm64-efi"),
    GRUB(LOADER_GRUB_386, "ia32", "i386-efi"),
};
#define PARTS (sizeof parts / sizeof parts[0])

const char *loader_kind_name(enum loader_kind kind)
{
    return kinds[kind].name;
}

enum loader_kind loader_kind_of(const char *name)
{
    for (enum loader_kind i = LOADER_ANY + 1; i < LOADER_KINDS; i++)
        if (strcmp(kinds[i].name, name) == 0)
            return i;
    return text_starts(name, "pxelinux-") ? LOADER_PXELINUX : LOADER_ANY;
}

bool loader_default_name(const struct image *image, char out[static IMAGE_NAME_MAX])
{
    if (!image->family || strcmp(image->family, image_family_loader.name) != 0)
        return false;
    for (enum loader_kind i = LOADER_PXELINUX + 1; i < LOADER_KINDS; i++)
        if (strcmp(kinds[i].product, image->product) == 0 && strcmp(kinds[i].arch, image->arch) == 0) {
            snprintf(out, IMAGE_NAME_MAX, "%s", kinds[i].name);
            return true;
        }
    return false;
}

/* --- which file is which part --- */

static bool is_like(const char *path, const char *like)
{
    size_t slashes = 0;
    if (like[0] == '/')
        return fnmatch(like + 1, path, FNM_PATHNAME) == 0;
    for (const char *p = like; *p; p++)
        slashes += *p == '/';
    const char *tail = path + strlen(path);
    while (tail > path && (tail[-1] != '/' || slashes--))
        tail--;
    return fnmatch(like, tail, FNM_PATHNAME) == 0;
}

static const struct part *part_of(enum loader_kind kind, const char *path)
{
    for (size_t i = 0; i < PARTS; i++)
        if ((kind == LOADER_ANY || parts[i].kind == kind) && is_like(path, parts[i].like))
            return &parts[i];
    return NULL;
}

static const char *part_name(const struct part *part)
{
    return part->like[0] == '/' ? part->as : part->like;
}

static bool says_pxelinux(struct slice bytes)
{
    return bytes.size && memmem(bytes.data, bytes.size, PXELINUX_MARK, sizeof PXELINUX_MARK - 1);
}

/* A single file is the operator's pxelinux.0, whatever he calls it, when it says so. */
static bool is_part(const struct image_source *source, const struct collected *f, const struct part *part)
{
    if (is_like(f->path, part->like))
        return true;
    return source->kind == MEDIA_KIND_FILE && part->content == CONTENT_PXELINUX && part->needed &&
           !part_of(LOADER_ANY, f->path) && says_pxelinux(buf_slice(&f->head));
}

static bool is_text(struct slice head)
{
    return text_valid((const char *)head.data, head.size, "\t\r\n") == head.size;
}

static bool is_mz(struct slice head)
{
    return head.size > 1 && memcmp(head.data, "MZ", 2) == 0;
}

static int check_content(const struct collected *f, const struct part *part, struct error *err)
{
    const char *arch;
    struct slice head = buf_slice(&f->head);
    if (!f->size)
        return error_set(err, "it is empty");
    if (part->content == CONTENT_PXELINUX && !says_pxelinux(head))
        return error_set(err, "it does not say which PXELINUX it is");
    if (part->content == CONTENT_BIOS && (is_text(head) || kernel_is_elf(head) || is_mz(head)))
        return error_set(err, "it is %s, and a BIOS starts plain code only",
                         is_text(head) ? "a text" : "a program in a file format");
    if (part->content != CONTENT_EFI)
        return 0;
    if (kernel_efi(head, &arch, err) < 0)
        return -1;
    if (strcmp(arch, kinds[part->kind].arch) != 0)
        return error_set(err, "it is for %s processors, not %s", arch, kinds[part->kind].arch);
    return 0;
}

/* --- what the files make --- */

/* A file and its name in the image. */
struct taken {
    struct collected *file;
    char name[IMAGE_FILE_NAME_MAX];
};

struct loader {
    const struct image_source *source;
    struct collection *c;
    enum loader_kind kind;
    size_t count;
    struct taken files[COLLECT_FILES_MAX];
    struct error bad; /* why a file was left that its name makes a part; text is empty: none was */
};

static void name_in_image(const struct part *part, const char *path, char out[static IMAGE_FILE_NAME_MAX])
{
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t size = strlen(part->as);
    bool folder = !size || part->as[size - 1] == '/';
    snprintf(out, IMAGE_FILE_NAME_MAX, "%s%s", part->as, folder ? base : "");
}

static const struct taken *taken_find(const struct loader *l, const char *name)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->files[i].name, name) == 0)
            return &l->files[i];
    return NULL;
}

static bool is_taken(const struct loader *l, const struct collected *f)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->files[i].file == f)
            return true;
    return false;
}

/* An empty list of GRUB's says that there is nothing of its kind, as a missing one does. */
static bool is_empty_list(const struct collected *f)
{
    return !f->size && text_ends(f->path, ".lst");
}

static void take_part(struct loader *l, const struct part *part)
{
    for (size_t i = 0; i < l->c->count; i++) {
        struct collected *f = &l->c->file[i];
        struct taken *t = &l->files[l->count];
        if (!is_part(l->source, f, part) || is_taken(l, f) || is_empty_list(f))
            continue;
        name_in_image(part, f->path, t->name);
        if (taken_find(l, t->name))
            continue;
        struct error why;
        if (check_content(f, part, &why) == 0) {
            t->file = f;
            l->count++;
        } else if (!l->bad.text[0]) {
            error_set(&l->bad, "%s: %s", f->where, why.text);
        }
    }
}

/* The first part that it needs and has not; NULL: it is complete. */
static const struct part *choose_parts(struct loader *l, enum loader_kind kind)
{
    const struct part *lacks = NULL;
    l->kind = kind;
    l->count = 0;
    for (size_t i = 0; i < PARTS; i++)
        if (parts[i].kind == kind)
            take_part(l, &parts[i]);
    for (size_t i = PARTS; i-- > 0;)
        if (parts[i].kind == kind && parts[i].needed && !taken_find(l, parts[i].as))
            lacks = &parts[i];
    return lacks;
}

static const char *what_it_is(struct slice head)
{
    if (is_text(head))
        return "a text, no boot loader";
    if (kernel_is_elf(head))
        return "an ELF program, which no firmware starts";
    return "no boot loader that is known here";
}

static int nothing_found(const struct loader *l, enum loader_kind near, const struct part *lacks,
                         struct error *err)
{
    if (l->bad.text[0])
        return error_set(err, "%s", l->bad.text);
    if (lacks)
        return error_set(err, "%s: it has parts of %s, but lacks %s", l->source->name, kinds[near].name,
                         part_name(lacks));
    struct buf seen = BUF_INIT;
    collect_seen(l->c, &seen);
    const char *wish = l->source->loader ? kinds[l->source->loader].name : "boot loader";
    if (l->source->kind == MEDIA_KIND_FILE)
        error_set(err, "%s is %s: known are " LOADER_TAKES, l->source->name,
                  l->c->count ? what_it_is(buf_slice(&l->c->file[0].head)) : "no boot loader");
    else
        error_set(err, "%s has no %s (it has %s): known are " LOADER_TAKES, l->source->name, wish,
                  buf_text(&seen));
    buf_fini(&seen);
    return -1;
}

/* The wish, or the only kind that the files make. */
static int choose_kind(struct loader *l, struct error *err)
{
    enum loader_kind wish = l->source->loader, found = LOADER_ANY, near = LOADER_ANY;
    const struct part *lacks = NULL;
    for (enum loader_kind i = LOADER_ANY + 1; i < LOADER_KINDS; i++) {
        if (wish && i != wish)
            continue;
        const struct part *missing = choose_parts(l, i);
        if (!missing && l->count && found)
            return error_set(
                err, "%s has several boot loaders (%s, %s): say which, with bootherd loader add --name",
                l->source->name, kinds[found].name, kinds[i].name);
        if (!missing && l->count) {
            found = i;
        } else if (l->count && !lacks) {
            near = i;
            lacks = missing;
        }
    }
    if (!found)
        return nothing_found(l, near, lacks, err);
    choose_parts(l, found);
    return 0;
}

static const char *version(const struct loader *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (l->files[i].file->version.found)
            return l->files[i].file->version.text;
    return "unknown";
}

/* Parts that some releases need only. */
static void note_missing_pxelinux(const struct loader *l)
{
    if (l->kind != LOADER_PXELINUX || text_starts(version(l), "3."))
        return;
    if (!taken_find(l, "ldlinux.c32") && !text_starts(version(l), "4."))
        collect_note(l->c, "without ldlinux.c32: PXELINUX 5 and later does not start");
    if (!taken_find(l, "lpxelinux.0"))
        collect_note(
            l->c,
            "without lpxelinux.0: under the name pxelinux, BIOS machines need the setting loader: pxelinux");
}

static void note_missing(const struct loader *l)
{
    note_missing_pxelinux(l);
    for (size_t i = 0; i < PARTS; i++) {
        bool there = false;
        size_t size = strlen(parts[i].as);
        for (size_t j = 0; j < l->count; j++)
            there = there || strncmp(l->files[j].name, parts[i].as, size) == 0;
        if (parts[i].kind == l->kind && parts[i].without && !there)
            collect_note(l->c, "without %s: %s", part_name(&parts[i]), parts[i].without);
    }
    if (l->bad.text[0])
        collect_note(l->c, "left out: %s", l->bad.text);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct taken *)a)->name, ((const struct taken *)b)->name);
}

static int fill_image(struct loader *l, struct image *image, struct error *err)
{
    image->product = strdup(kinds[l->kind].product);
    image->version = strdup(version(l));
    image->build = strdup("unknown");
    image->arch = strdup(kinds[l->kind].arch);
    image->kernel_options = strdup("");
    if (!image->product || !image->version || !image->build || !image->arch || !image->kernel_options)
        return error_set(err, "out of memory");
    qsort(l->files, l->count, sizeof l->files[0], by_name);
    for (size_t i = 0; i < l->count; i++)
        if (collect_take(l->c, l->files[i].file, image, l->files[i].name, IMAGE_ROLE_EXTRA, NULL, err) < 0)
            return -1;
    return 0;
}

/* --- the family --- */

static bool loader_recognise(const struct image_source *source)
{
    if (source->kind != MEDIA_KIND_DIRECTORY && source->kind != MEDIA_KIND_FILE)
        return false;
    for (size_t i = 0; i < source->count; i++)
        if (part_of(LOADER_PXELINUX, source->names[i]))
            return true;
    return false;
}

static enum image_pick loader_pick(const struct image_source *source, const struct media_entry *entry)
{
    bool wanted = source->kind == MEDIA_KIND_FILE || part_of(source->loader, entry->path);
    return wanted ? PICK_KEEP_PLAIN : PICK_SKIP;
}

static struct slice loader_version_mark(const char *path)
{
    static const struct {
        const char *like, *mark;
        size_t size;
    } marks[] = {{"grub*.efi*", "Foundation,grub,", 16}, /* its SBAT section: SBAT.md of shim */
                 {"*.efi", "iPXE", 5}, /* a string with its NUL, and the version is the next */
                 {"*", PXELINUX_MARK, sizeof PXELINUX_MARK - 1}};
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    size_t i = 0;
    while (fnmatch(marks[i].like, base, 0) != 0)
        i++;
    return (struct slice){(const uint8_t *)marks[i].mark, marks[i].size};
}

static int loader_build(const struct image_source *source, struct collection *c, struct image *image,
                        struct error *err)
{
    cleanup_free struct loader *l = calloc(1, sizeof *l);
    if (!l)
        return error_set(err, "out of memory");
    l->source = source;
    l->c = c;
    if (choose_kind(l, err) < 0)
        return -1;
    note_missing(l);
    return fill_image(l, image, err);
}

const struct image_family image_family_loader = {
    .name = "loader",
    .takes = "boot loaders: " LOADER_TAKES,
    .recognise = loader_recognise,
    .pick = loader_pick,
    .version_mark = loader_version_mark,
    .build = loader_build,
};
