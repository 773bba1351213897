#include "proc/join_file.h"

struct boot_file *join_file(struct boot_file *initrd, struct boot_file *overlay)
{
    uint64_t behind = JOIN_LEAD + (initrd->size + JOIN_ALIGN - 1) / JOIN_ALIGN * JOIN_ALIGN;
    const struct boot_piece pieces[] = {
        {.at = JOIN_LEAD, .size = initrd->size, .file = initrd},
        {.at = behind, .size = overlay->size, .file = overlay},
    };
    return boot_file_compose(pieces, sizeof pieces / sizeof *pieces, behind + overlay->size);
}
