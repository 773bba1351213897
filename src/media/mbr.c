#include "media/mbr.h"

#include "base/wire.h"

#include <stddef.h>

#define MBR_TABLE     446
#define MBR_SIGNATURE 510

bool mbr_parse(const uint8_t sector[static MBR_SECTOR], struct mbr *out)
{
    struct wire_in w = wire_in(sector + MBR_TABLE, MBR_SECTOR - MBR_TABLE);
    for (unsigned i = 0; i < MBR_SLOTS; i++) {
        struct mbr_slot *slot = &out->slot[i];
        slot->boot = wire_u8(&w) == 0x80;
        wire_skip(&w, 3); /* first cylinder, head, sector: of no use beyond 8 GB, ignored like everywhere */
        slot->type = wire_u8(&w);
        wire_skip(&w, 3);
        slot->start = wire_u32le(&w);
        slot->sectors = wire_u32le(&w);
        if (slot->type == 0 || slot->sectors == 0)
            *slot = (struct mbr_slot){0};
    }
    return sector[MBR_SIGNATURE] == 0x55 && sector[MBR_SIGNATURE + 1] == 0xaa;
}

bool mbr_is_table(const uint8_t sector[static MBR_SECTOR])
{
    struct mbr mbr;
    if (!mbr_parse(sector, &mbr))
        return false;
    bool any = false;
    for (unsigned i = 0; i < MBR_SLOTS; i++) {
        if (sector[MBR_TABLE + 16 * i] & 0x7f)
            return false;
        any |= mbr.slot[i].type != 0;
    }
    return any;
}

bool mbr_type_is_extended(uint8_t type)
{
    return type == 0x05 || type == 0x0f || type == 0x85;
}

static const struct {
    uint8_t type;
    bool fat;
    const char *name;
} types[] = {
    {0x01, true, "FAT12"},
    {0x04, true, "FAT16 <32M"},
    {0x05, false, "Extended"},
    {0x06, true, "FAT16"},
    {0x07, false, "HPFS/NTFS/exFAT"},
    {0x0b, true, "W95 FAT32"},
    {0x0c, true, "W95 FAT32 (LBA)"},
    {0x0e, true, "W95 FAT16 (LBA)"},
    {0x0f, false, "W95 Ext'd (LBA)"},
    {0x11, true, "Hidden FAT12"},
    {0x14, true, "Hidden FAT16 <32M"},
    {0x16, true, "Hidden FAT16"},
    {0x1b, true, "Hidden W95 FAT32"},
    {0x1c, true, "Hidden W95 FAT32 (LBA)"},
    {0x1e, true, "Hidden W95 FAT16 (LBA)"},
    {0x82, false, "Linux swap / Solaris"},
    {0x83, false, "Linux"},
    {0x85, false, "Linux extended"},
    {0x8e, false, "Linux LVM"},
    {0xee, false, "GPT"},
    {0xef, true, "EFI (FAT-12/16/32)"},
    {0xfb, false, "VMware VMFS"},
    {MBR_TYPE_VMKCORE, false, "VMware VMKCORE"},
    {0xfd, false, "Linux raid autodetect"},
};

bool mbr_type_is_fat(uint8_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return types[i].fat;
    return false;
}

const char *mbr_type_name(uint8_t type)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].type == type)
            return types[i].name;
    return "unknown";
}
