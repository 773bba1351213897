#include "proc/join_file.h"

static uint64_t overlay_at(uint64_t initrd_size)
{
    return JOIN_LEAD + (initrd_size + JOIN_ALIGN - 1) / JOIN_ALIGN * JOIN_ALIGN;
}

uint64_t join_size(uint64_t initrd_size, uint64_t overlay_size)
{
    return overlay_at(initrd_size) + overlay_size;
}

struct boot_file *join_file(struct boot_file *initrd, struct boot_file *overlay)
{
    const struct boot_piece pieces[] = {
        {.at = JOIN_LEAD, .size = initrd->size, .file = initrd},
        {.at = overlay_at(initrd->size), .size = overlay->size, .file = overlay},
    };
    return boot_file_compose(pieces, sizeof pieces / sizeof *pieces, join_size(initrd->size, overlay->size));
}
