/*
 * The initial file system: our own gzip'd cpio with busybox and /init, then a plain newc archive that holds
 * the modules as mods/001.NAME and so on. Linux takes archives one behind another when each begins at a
 * multiple of 4 (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#include "vmkboot.h"

#define NEWC_HEADER     110
#define MODULE_PATH_MAX (sizeof("mods/000.") + MODULE_NAME_MAX)
#define TRAILER         "TRAILER!!!"

static uint32_t pad4(uint32_t size)
{
    return (size + 3) & ~3u;
}

static void module_path(char path[MODULE_PATH_MAX], const struct module *module)
{
    char prefix[] = "mods/000.";

    text_digits3(prefix + 5, module->number);
    path[0] = 0;
    text_append(path, MODULE_PATH_MAX, prefix);
    text_append(path, MODULE_PATH_MAX, module->name);
}

static uint32_t header_size(const char *path)
{
    return pad4(NEWC_HEADER + text_length(path) + 1);
}

static uint32_t entry_size(const struct handover *handover, unsigned index)
{
    char path[MODULE_PATH_MAX];

    module_path(path, &handover->module[index]);
    return header_size(path) + pad4(handover->module[index].size);
}

uint32_t initrd_size(const struct handover *handover)
{
    uint32_t size = pad4((uint32_t)(ramdisk_end - ramdisk_start)) + header_size(TRAILER);

    for (unsigned i = 0; i < handover->modules; i++)
        size += entry_size(handover, i);
    return size;
}

static char *put_hex8(char *to, uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        *to++ = "0123456789abcdef"[value >> shift & 15];
    return to;
}

static void put_header(uint32_t address, const char *path, unsigned inode, uint32_t mode, uint32_t size)
{
    /* ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check */
    const uint32_t field[13] = {inode, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, text_length(path) + 1, 0};
    char *to = (char *)address;

    memset(to, 0, header_size(path));
    memcpy(to, "070701", 6);
    to += 6;
    for (unsigned i = 0; i < 13; i++)
        to = put_hex8(to, field[i]);
    memcpy(to, path, text_length(path));
}

static int overlaps(const struct module *module, uint32_t from, uint32_t to)
{
    return from < module->start + module->size && module->start < to;
}

/* May what lies from..to be overwritten when the modules from `index` on have been moved? */
static void check_room(const struct handover *handover, unsigned index, uint32_t from, uint32_t to)
{
    if (from < (uint32_t)image_end)
        serial_stop("too little memory: the modules would overwrite vmkboot");
    if (overlaps(&handover->kernel, from, to))
        serial_stop("too little memory: the modules would overwrite the kernel");
    for (unsigned i = 0; i < index; i++)
        if (overlaps(&handover->module[i], from, to))
            serial_stop("too little memory: a module would overwrite another");
}

void initrd_build(const struct handover *handover, uint32_t base)
{
    uint32_t end = base + initrd_size(handover) - header_size(TRAILER);

    check_room(handover, handover->modules, end, base + initrd_size(handover));
    put_header(end, TRAILER, 0, 0, 0);
    for (unsigned i = handover->modules; i-- > 0;) {
        const struct module *module = &handover->module[i];
        uint32_t start = end - entry_size(handover, i);
        uint32_t data = end - pad4(module->size);
        char path[MODULE_PATH_MAX];

        check_room(handover, i, start, end);
        /* The data first: it may lie where the header goes. */
        memmove((void *)data, (const void *)module->start, module->size);
        memset((void *)(data + module->size), 0, pad4(module->size) - module->size);
        module_path(path, module);
        put_header(start, path, i, 0100644, module->size);
        end = start;
    }
    check_room(handover, 0, base, end);
    memset((void *)base, 0, end - base);
    memcpy((void *)base, ramdisk_start, (uint32_t)(ramdisk_end - ramdisk_start));
}
