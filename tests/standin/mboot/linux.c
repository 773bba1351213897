/* What vmkboot does on BIOS machines: the modules become files of the initial file system of a Linux kernel
 * that is a module itself. Its EFI stub asks for that file system by a path of its own
 * (Documentation/x86/boot.rst, "EFI Handover"). */
#include "mboot.h"

#define KERNEL_MAGIC  0x53726448u /* HdrS */
#define KERNEL_OFFSET 0x202
#define MULTIBOOT     0x1badb002u
#define CPIO_HEADER   110
#define CPIO_END      "TRAILER!!!"

static const struct {
    VENDOR_DEVICE_PATH vendor;
    EFI_DEVICE_PATH end;
} initrd_path = {
    {{MEDIA_DEVICE_PATH, MEDIA_VENDOR_DP, {sizeof(VENDOR_DEVICE_PATH), 0}},
     {0x5568e427, 0x68fc, 0x4f3d, {0xac, 0x74, 0xca, 0x55, 0x52, 0x31, 0xcc, 0x68}}},
    {END_DEVICE_PATH_TYPE, END_ENTIRE_DEVICE_PATH_SUBTYPE, {sizeof(EFI_DEVICE_PATH), 0}},
};

static struct bytes initrd;

static EFIAPI EFI_STATUS load_initrd(EFI_LOAD_FILE_PROTOCOL *self, EFI_DEVICE_PATH *path, BOOLEAN policy,
                                     UINTN *size, void *to)
{
    UINTN room = *size;

    (void)self;
    (void)path;
    (void)policy;
    *size = initrd.size;
    if (!to || room < initrd.size)
        return EFI_BUFFER_TOO_SMALL;
    CopyMem(to, initrd.data, initrd.size);
    return EFI_SUCCESS;
}

static size_t pad4(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

static bool has32(struct bytes bytes, size_t offset, uint32_t value)
{
    return bytes.size >= offset + sizeof(value) &&
           CompareMem(bytes.data + offset, &value, sizeof(value)) == 0;
}

static bool is_cpio(struct bytes bytes)
{
    return bytes.size > CPIO_HEADER && CompareMem(bytes.data, "070701", 6) == 0;
}

static void put_hex8(uint8_t **to, uint32_t value)
{
    for (int shift = 28; shift >= 0; shift -= 4)
        *(*to)++ = (uint8_t) "0123456789abcdef"[value >> shift & 15];
}

static void append(const void *data, size_t size)
{
    CopyMem(initrd.data + initrd.size, data, size);
    initrd.size = pad4(initrd.size + size);
}

/* Documentation/driver-api/early-userspace/buffer-format.rst. The buffer was zeroed. */
static void append_file(const char *path, uint32_t mode, struct bytes content)
{
    const uint32_t name_size = (uint32_t)strlena((const CHAR8 *)path) + 1;
    const uint32_t field[13] = {1, mode, 0, 0, 1, 0, (uint32_t)content.size, 0, 0, 0, 0, name_size, 0};
    uint8_t *to = initrd.data + initrd.size;

    CopyMem(to, "070701", 6);
    to += 6;
    for (size_t i = 0; i < 13; i++)
        put_hex8(&to, field[i]);
    CopyMem(to, path, name_size);
    initrd.size = pad4(initrd.size + CPIO_HEADER + name_size);
    append(content.data, content.size);
}

static void append_module(const struct module *module, unsigned number)
{
    char path[PATH_MAX] = "mods/", digits[] = "000.";
    const char *name = module->path;

    for (const char *at = name; *at; at++)
        if (*at == '/')
            name = at + 1;
    digits[0] = (char)('0' + number / 100);
    digits[1] = (char)('0' + number / 10 % 10);
    digits[2] = (char)('0' + number % 10);
    text_append(path, sizeof(path), digits);
    text_append(path, sizeof(path), name);
    append_file(path, 0100644, module->content);
}

/* The kernel is none of the files; the archive that the system starts from is one too, so that it is counted.
 */
static struct bytes build_initrd(const struct config *config, unsigned *count)
{
    struct bytes kernel = {0};
    size_t room = CPIO_HEADER + sizeof(CPIO_END) + 4;

    for (unsigned i = 0; i < config->count; i++)
        room += 2 * (config->module[i].content.size + PATH_MAX + CPIO_HEADER);
    initrd = (struct bytes){allocate(room), 0};
    for (unsigned i = 0; i < config->count && !initrd.size; i++)
        if (is_cpio(config->module[i].content))
            append(config->module[i].content.data, config->module[i].content.size);
    if (!initrd.size)
        fatal("no module is the archive that the stand-in starts from", "");
    *count = 0;
    for (unsigned i = 0; i < config->count; i++)
        if (!kernel.data && has32(config->module[i].content, KERNEL_OFFSET, KERNEL_MAGIC)) {
            kernel = config->module[i].content;
        } else {
            append_module(&config->module[i], i + 1);
            ++*count;
        }
    append_file(CPIO_END, 0, (struct bytes){0});
    if (!kernel.data)
        fatal("no module is a Linux kernel", "");
    return kernel;
}

void linux_check_kernel(struct bytes file, const char *name)
{
    for (size_t at = 0; at < 8192; at += 4)
        if (has32(file, at, MULTIBOOT))
            return;
    fatal("the kernel is not the stand-in's", name);
}

void linux_start(EFI_HANDLE image, struct config *config, const char *command_line)
{
    static EFI_GUID load_file2 = {
        0x4006c0c1, 0xfcb3, 0x403e, {0x99, 0x6d, 0x4a, 0x6c, 0x87, 0x24, 0xe0, 0x6d}};
    static EFI_LOAD_FILE_PROTOCOL loader = {load_initrd};
    EFI_HANDLE handle = NULL, kernel;
    EFI_LOADED_IMAGE *loaded;
    unsigned count;
    struct bytes file = build_initrd(config, &count);
    CHAR16 *line =
        PoolPrint(L"rootfstype=ramfs console=ttyS0,115200 quiet vmk.modules=%d %a", count, command_line);

    if (BS->InstallProtocolInterface(&handle, &gEfiDevicePathProtocolGuid, EFI_NATIVE_INTERFACE,
                                     (void *)&initrd_path) != EFI_SUCCESS ||
        BS->InstallProtocolInterface(&handle, &load_file2, EFI_NATIVE_INTERFACE, &loader) != EFI_SUCCESS)
        fatal("the firmware takes no more protocols", "");
    if (BS->LoadImage(FALSE, image, NULL, file.data, file.size, &kernel) != EFI_SUCCESS ||
        BS->HandleProtocol(kernel, &gEfiLoadedImageProtocolGuid, (void **)&loaded) != EFI_SUCCESS)
        fatal("the firmware does not load the kernel", "");
    loaded->LoadOptions = line;
    loaded->LoadOptionsSize = (UINT32)((StrLen(line) + 1) * sizeof(*line));
    Print(L"mboot: starting the kernel with %d modules\n", count);
    BS->StartImage(kernel, NULL, NULL);
    fatal("the kernel came back", "");
}
