/* One EFI program, which a machine with UEFI starts by itself: a shell, memtest86+x64.efi, a unified kernel.
 */
#include "image/family.h"

#include "base/text.h"
#include "image/boot_take.h"
#include "image/kernel.h"

#include <stdlib.h>
#include <string.h>

/* What may lie beside it. */
static bool is_text(const char *name)
{
    static const char *const texts[] = {"README*", "LICEN?E*", "COPYING*", "*.txt",
                                        "*.md",    "*.sha*",   "*.sig",    "*.asc"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (source_base_like(name, texts[i]))
            return true;
    return false;
}

/* NULL where there are several, or anything else: a folder of boot loaders, an unknown system. */
static const char *only_program(const struct image_source *source)
{
    const char *program = NULL;
    if (source->file_count > source->count)
        return NULL; /* more in folders below */
    for (size_t i = 0; i < source->count; i++) {
        bool is_program = source_base_like(source->names[i], "*.efi");
        if (is_program ? program != NULL : !is_text(source->names[i]))
            return NULL;
        if (is_program)
            program = source->names[i];
    }
    return program;
}

static bool efi_recognise(const struct image_source *source)
{
    bool fits = source->kind == MEDIA_KIND_FILE || source->kind == MEDIA_KIND_DIRECTORY;
    return fits && !source->problem.text[0] && only_program(source);
}

static enum image_pick efi_pick(const struct image_source *source, const struct media_entry *entry)
{
    const char *program = only_program(source);
    return program && strcmp(entry->path, program) == 0 ? PICK_KEEP_PLAIN : PICK_SKIP;
}

/* A Linux kernel with an EFI stub tells what it is; of others the name must do. */
static int describe(const struct collected *f, struct image *image, struct error *err)
{
    const char *arch;
    struct kernel_facts facts;
    struct slice head = buf_slice(&f->head);
    if (kernel_efi(head, &arch, err) < 0)
        return error_wrap(err, "%s", f->where);
    bool told = kernel_is_linux(head) && kernel_linux(head, &facts, err) == 0;
    const char *base = source_base(f->path);
    int length = (int)(strlen(base) - strlen(".efi"));
    image->product = told ? strdup(facts.product) : strndup(base, (size_t)length);
    image->version = strdup(told && facts.version[0] ? facts.version : "unknown");
    image->build = strdup("unknown");
    image->arch = strdup(arch);
    image->kernel_options = strdup("");
    return image->product && image->version && image->build && image->arch && image->kernel_options
               ? 0
               : error_set(err, "out of memory");
}

static int efi_build(const struct image_source *source, struct collection *c, struct image *image,
                     struct error *err)
{
    if (!c->count)
        return error_set(err, "%s: its EFI program could not be read", source->name);
    struct collected *f = &c->file[0];
    if (!f->size)
        return error_set(err, "%s is empty: it is no EFI program", f->where);
    if (describe(f, image, err) < 0)
        return -1;
    return boot_take(c, f, image, IMAGE_ROLE_KERNEL, NULL, err);
}

const struct image_family image_family_efi_program = {
    .name = "efi",
    .takes = "an EFI program (*.efi, alone or in a folder)",
    .recognise = efi_recognise,
    .pick = efi_pick,
    .build = efi_build,
};
