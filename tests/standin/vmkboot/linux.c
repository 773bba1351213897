/* Linux' 32-bit boot protocol: Documentation/x86/boot.rst and zero-page.rst; offsets are of boot_params. */
#include "vmkboot.h"

#define PAGE                   4096u
#define SETUP_SECTS            0x1f1
#define SETUP_HEADER           0x1f1
#define SETUP_JUMP_LENGTH      0x201 /* the header ends at 0x202 plus this byte */
#define SETUP_MAGIC            0x202
#define SETUP_VERSION          0x206
#define TYPE_OF_LOADER         0x210
#define CODE32_START           0x214
#define RAMDISK_IMAGE          0x218
#define RAMDISK_SIZE           0x21c
#define CMD_LINE_PTR           0x228
#define INITRD_ADDR_MAX        0x22c
#define PREF_ADDRESS           0x258
#define INIT_SIZE              0x260
#define E820_ENTRIES           0x1e8
#define E820_TABLE             0x2d0
#define E820_MAX               128
#define LOADER_UNDEFINED       0xff
#define VERSION_WITH_INIT_SIZE 0x020a

static uint8_t boot_params[PAGE] __attribute__((aligned(16)));
static char cmdline[CMDLINE_MAX];

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put32(uint32_t offset, uint32_t value)
{
    memcpy(boot_params + offset, &value, sizeof(value));
}

/* The end of the RAM that the kernel's own place is in, as an initrd may use it. */
static uint32_t memory_top(const struct handover *handover, uint32_t address, uint32_t initrd_max)
{
    uint64_t limit = (uint64_t)initrd_max + 1;

    for (unsigned i = 0; i < handover->ranges; i++) {
        const struct range *range = &handover->range[i];
        uint64_t end = range->address + range->length;

        if (range->type == RANGE_IS_RAM && range->address <= address && address < end)
            return (uint32_t)(end < limit ? end : limit);
    }
    serial_stop("no memory where the kernel must go");
}

static void fill_boot_params(const struct handover *handover, const uint8_t *image)
{
    uint32_t ranges = handover->ranges < E820_MAX ? handover->ranges : E820_MAX;
    char count[4] = "000";

    memcpy(boot_params + SETUP_HEADER, image + SETUP_HEADER, 0x202 + image[SETUP_JUMP_LENGTH] - SETUP_HEADER);
    boot_params[TYPE_OF_LOADER] = LOADER_UNDEFINED;
    memcpy(boot_params + E820_TABLE, handover->range, ranges * sizeof(struct range));
    boot_params[E820_ENTRIES] = (uint8_t)ranges;

    /* ramfs: on a tmpfs, half of the memory is the limit, and what exceeds it is left out without a word. */
    text_append(cmdline, sizeof(cmdline),
                "rootfstype=ramfs console=tty0 console=ttyS0,115200 quiet vmk.modules=");
    text_digits3(count, handover->modules);
    text_append(cmdline, sizeof(cmdline), count);
    text_append(cmdline, sizeof(cmdline), " ");
    text_append(cmdline, sizeof(cmdline), handover->cmdline);
    put32(CMD_LINE_PTR, (uint32_t)cmdline);
}

int linux_is_kernel(const struct module *module)
{
    return module->size >= PAGE &&
           get32((const uint8_t *)module->start + SETUP_MAGIC) == 0x53726448; /* HdrS */
}

_Noreturn void linux_boot(const struct handover *handover)
{
    const struct module *kernel = &handover->kernel;
    const uint8_t *image = (const uint8_t *)kernel->start;
    uint32_t setup, entry, top, size, base;

    if ((image[SETUP_VERSION] | image[SETUP_VERSION + 1] << 8) < VERSION_WITH_INIT_SIZE)
        serial_stop("the kernel's boot protocol is older than 2.10");
    fill_boot_params(handover, image);
    setup = ((image[SETUP_SECTS] ? image[SETUP_SECTS] : 4u) + 1) * 512;
    entry = get32(image + PREF_ADDRESS);

    if ((uint32_t)image_end > entry)
        serial_stop("vmkboot reaches into the kernel's place");
    top = memory_top(handover, entry, get32(image + INITRD_ADDR_MAX));
    size = initrd_size(handover);
    if (top < entry || size > top - entry || get32(image + INIT_SIZE) > top - entry - size - PAGE)
        serial_stop("too little memory for the kernel and the modules");
    base = (top - size) & ~(PAGE - 1);
    initrd_build(handover, base);
    put32(RAMDISK_IMAGE, base);
    put32(RAMDISK_SIZE, size);
    put32(CODE32_START, entry);
    memmove((void *)entry, image + setup, kernel->size - setup);

    serial_text("VMK: kernel at ");
    serial_address(entry);
    serial_text(", file system at ");
    serial_address(base);
    serial_text("\n");
    linux_enter(entry, boot_params);
}
