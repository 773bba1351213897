/* GUID partition tables (UEFI specification 2.10, 5.3): bytes to table. Pure. */
#pragma once

#include "base/buf.h"
#include "media/media.h"

#define GPT_SECTOR      512          /* bytes; images with sectors of 4096 are not read */
#define GPT_ENTRIES_MAX (128u << 10) /* bytes; the usual table is 128 entries of 128 */

struct gpt_header {
    uint64_t first_usable, last_usable; /* sectors */
    uint64_t entries_at;                /* sector */
    uint32_t entry_count, entry_size;
    uint32_t entries_crc;
};

/* The primary header, which is sector 1. Errors say what is wrong, without the place. */
int gpt_header_parse(const uint8_t sector[static GPT_SECTOR], struct gpt_header *out, struct error *err);

/* entries: entry_count * entry_size bytes. Fills the rows; the caller looks for overlaps. */
int gpt_entries_parse(const struct gpt_header *header, struct slice entries, struct media_table *out,
                      struct error *err);

bool gpt_guid_may_be_fat(const char *guid); /* EFI system, and what Windows and ESXi call basic data */
