/* One EFI program, which a machine with UEFI starts by itself: a shell, memtest86+x64.efi, a unified kernel.
 */
#include "image/family.h"

#include "base/text.h"
#include "image/boot_take.h"
#include "image/kernel.h"

#include <stdlib.h>
#include <string.h>

static const char *only_program(const struct image_source *source)
{
    const char *program = NULL;
    for (size_t i = 0; i < source->count; i++) {
        if (!source_base_like(source->names[i], "*.efi"))
            continue;
        if (program)
            return NULL;
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
