/* Master and extended boot records: bytes to table rows. Pure. */
#pragma once

#include "media/media.h"

#define MBR_SECTOR 512 /* bytes */
#define MBR_SLOTS  4

#define MBR_TYPE_GPT     0xee
#define MBR_TYPE_VMKCORE 0xfc

struct mbr_slot {
    uint8_t type; /* 0: empty */
    bool boot;
    uint32_t start; /* sectors; in an extended boot record relative, see disk.c */
    uint32_t sectors;
};

struct mbr {
    struct mbr_slot slot[MBR_SLOTS];
};

/* False without the signature 55 aa. An entry of type 0 or without sectors counts as empty. */
bool mbr_parse(const uint8_t sector[static MBR_SECTOR], struct mbr *out);

/* Signature, status bytes of 00 or 80 only, and at least one entry: more than chance. */
bool mbr_is_table(const uint8_t sector[static MBR_SECTOR]);

bool mbr_type_is_extended(uint8_t type); /* 05, 0f, 85 */
bool mbr_type_is_fat(uint8_t type);
const char *mbr_type_name(uint8_t type); /* in the words of fdisk */
