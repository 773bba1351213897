#include "multiboot.h"
#include "vmkboot.h"

static const void *at(uint32_t address)
{
    return (const void *)address;
}

/* Module strings and the kernel's line are "PATH ARGUMENTS"; iPXE writes a URL for the path. */
static const char *skip_word(const char *text)
{
    while (*text && *text != ' ')
        text++;
    while (*text == ' ')
        text++;
    return text;
}

static void copy_base_name(char name[MODULE_NAME_MAX], const char *string)
{
    const char *from = string, *end = string;
    uint32_t length = 0;

    for (; *end && *end != ' '; end++)
        if (*end == '/')
            from = end + 1;
    for (; from < end && length + 1 < MODULE_NAME_MAX; from++)
        name[length++] = *from;
    name[length] = 0;
}

/* syslinux' mboot.c32 leaves what IPAPPEND adds (BOOTIF=01-MAC) with the last module, so that words of
 * modules count too. */
static void append_words(struct handover *handover, const char *string)
{
    if (handover->cmdline[0] && *skip_word(string))
        text_append(handover->cmdline, sizeof(handover->cmdline), " ");
    text_append(handover->cmdline, sizeof(handover->cmdline), skip_word(string));
}

static void read_module(struct handover *handover, struct module *module, const struct multiboot_module *from)
{
    const char *string = from->string ? at(from->string) : "";

    module->start = from->start;
    module->size = from->end - from->start;
    copy_base_name(module->name, string);
    append_words(handover, string);
}

static void read_modules(struct handover *handover, const struct multiboot_info *info)
{
    const struct multiboot_module *from = at(info->modules);

    /* ESXi 4 loads vmkboot.gz, then vmk.gz; from 5 on k.b00 has modules before it. ESXi 3.5 has both in one
     * vmkernel.gz. */
    if (&kernel_start[0] != &kernel_end[0])
        handover->kernel =
            (struct module){(uint32_t)kernel_start, (uint32_t)(kernel_end - kernel_start), 0, "(built in)"};
    for (unsigned i = 0; i < info->modules_count; i++) {
        struct module module = {.number = i + 1};

        read_module(handover, &module, &from[i]);
        if (!handover->kernel.size && linux_is_kernel(&module))
            handover->kernel = module;
        else if (handover->modules == MODULES_MAX)
            serial_stop("more modules than vmkboot has room for");
        else
            handover->module[handover->modules++] = module;
    }
    if (!handover->kernel.size)
        serial_stop("no module is a Linux kernel; was vmk.gz or k.b00 sent, and unpacked by the loader?");
}

static void read_ranges(struct handover *handover, const struct multiboot_info *info)
{
    uint32_t offset = 0;

    while (offset + sizeof(struct multiboot_range) <= info->mmap_length && handover->ranges < RANGES_MAX) {
        const struct multiboot_range *from = at(info->mmap + offset);

        handover->range[handover->ranges++] = (struct range){from->address, from->length, from->type};
        offset += from->size + sizeof(from->size);
    }
}

void handover_read(struct handover *handover, const struct multiboot_info *info)
{
    memset(handover, 0, sizeof(*handover));
    if (info->flags & MULTIBOOT_HAS_CMDLINE)
        append_words(handover, at(info->cmdline));
    if (!(info->flags & MULTIBOOT_HAS_MODULES))
        serial_stop("the loader gave no modules");
    if (!(info->flags & MULTIBOOT_HAS_MMAP))
        serial_stop("the loader gave no memory map");
    read_modules(handover, info);
    read_ranges(handover, info);
}
