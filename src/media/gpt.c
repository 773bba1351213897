#include "media/gpt.h"

#include "base/text.h"
#include "base/wire.h"
#include "media/mbr.h"
#include "media/utf16.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

#define GPT_HEADER_MIN 92  /* bytes */
#define GPT_ENTRY_MIN  128 /* bytes */
#define GPT_NAME_UNITS 36
#define GPT_RESTORE    "the table is damaged; get the image again"

static uint32_t crc_of(const void *data, size_t size)
{
    return (uint32_t)crc32_z(0, data, size);
}

int gpt_header_parse(const uint8_t sector[static GPT_SECTOR], struct gpt_header *out, struct error *err)
{
    uint8_t copy[GPT_SECTOR];
    memcpy(copy, sector, sizeof copy);
    struct wire_in w = wire_in(sector, GPT_SECTOR);
    struct slice magic = wire_bytes(&w, 8);
    if (memcmp(magic.data, "EFI PART", 8) != 0)
        return error_set(err, "the first sector promises a GPT, but sector 1 holds none: " GPT_RESTORE);
    wire_skip(&w, 4);
    uint32_t size = wire_u32le(&w), crc = wire_u32le(&w);
    if (size < GPT_HEADER_MIN || size > GPT_SECTOR)
        return error_set(err, "the GPT header claims a size of %u bytes: " GPT_RESTORE, size);
    memset(copy + 16, 0, 4);
    if (crc_of(copy, size) != crc)
        return error_set(err, "the GPT header does not match its CRC: " GPT_RESTORE);
    wire_skip(&w, 4);
    uint64_t own = wire_u64le(&w);
    wire_skip(&w, 8);
    out->first_usable = wire_u64le(&w);
    out->last_usable = wire_u64le(&w);
    wire_skip(&w, 16);
    out->entries_at = wire_u64le(&w);
    out->entry_count = wire_u32le(&w);
    out->entry_size = wire_u32le(&w);
    out->entries_crc = wire_u32le(&w);
    if (own != 1 || out->entries_at < 2)
        return error_set(
            err, "the GPT header says it is sector %llu and its entries start at sector %llu: " GPT_RESTORE,
            (unsigned long long)own, (unsigned long long)out->entries_at);
    if (out->entry_size < GPT_ENTRY_MIN || out->entry_size % 8 || out->entry_count == 0 ||
        (uint64_t)out->entry_count * out->entry_size > GPT_ENTRIES_MAX)
        return error_set(err, "the GPT header claims %u entries of %u bytes: " GPT_RESTORE, out->entry_count,
                         out->entry_size);
    return 0;
}

/* The first three fields are little-endian, the rest is in order (UEFI, appendix A). */
static void guid_format(const uint8_t g[static 16], char out[static 37])
{
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", g[3], g[2],
             g[1], g[0], g[5], g[4], g[7], g[6], g[8], g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

static const struct {
    const char *guid;
    bool fat;
    const char *name;
} types[] = {
    {"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", true, "EFI System"},
    {"ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", true, "Microsoft basic data"},
    {"21686148-6449-6e6f-744e-656564454649", false, "BIOS boot"},
    {"0fc63daf-8483-4772-8e79-3d69d8477de4", false, "Linux filesystem"},
    {"aa31e02a-400f-11db-9590-000c2911d1b8", false, "VMware VMFS"},
    {"9d275380-40ad-11db-bf97-000c2911d1b8", false, "VMware Diagnostic"},
    {"381cfccc-7288-11e0-92ee-000c2911d0b2", false, "VMware Virtual SAN"},
    {"9198effc-31c0-11db-8f78-000c2911d1b8", false, "VMware Reserved"},
};

bool gpt_guid_may_be_fat(const char *guid)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].guid, guid) == 0)
            return types[i].fat;
    return false;
}

static const char *type_name(const char *guid)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].guid, guid) == 0)
            return types[i].name;
    return "unknown";
}

static int entry_parse(const struct gpt_header *header, unsigned number, struct slice bytes,
                       struct media_partition *p, struct error *err)
{
    struct wire_in w = wire_in(bytes.data, bytes.size);
    uint8_t guid[16];
    wire_copy(&w, guid, sizeof guid);
    wire_skip(&w, 16);
    uint64_t first = wire_u64le(&w), last = wire_u64le(&w);
    wire_skip(&w, 8);
    if (first < header->first_usable || last > header->last_usable || last < first)
        return error_set(
            err, "GPT partition %u runs from sector %llu to %llu, usable are %llu to %llu: " GPT_RESTORE,
            number, (unsigned long long)first, (unsigned long long)last,
            (unsigned long long)header->first_usable, (unsigned long long)header->last_usable);
    *p = (struct media_partition){
        .number = number, .start = first, .sectors = last - first + 1, .type = MBR_TYPE_GPT};
    guid_format(guid, p->guid);
    snprintf(p->system, sizeof p->system, "%s", type_name(p->guid));
    uint16_t units[GPT_NAME_UNITS];
    size_t count = 0;
    while (count < GPT_NAME_UNITS && (units[count] = wire_u16le(&w)) != 0)
        count++;
    char name[GPT_NAME_UNITS * UTF16_UNIT_MAX + 1];
    if (!utf16_to_text(units, count, name, sizeof name))
        name[0] = '\0';
    text_printable(name, strlen(name), p->name, sizeof p->name);
    return 0;
}

int gpt_entries_parse(const struct gpt_header *header, struct slice entries, struct media_table *out,
                      struct error *err)
{
    static const uint8_t unused[16];
    if (crc_of(entries.data, entries.size) != header->entries_crc)
        return error_set(err, "the GPT entries do not match their CRC: " GPT_RESTORE);
    *out = (struct media_table){.gpt = true};
    for (uint32_t i = 0; i < header->entry_count; i++) {
        struct slice bytes = {entries.data + (size_t)i * header->entry_size, header->entry_size};
        if (memcmp(bytes.data, unused, sizeof unused) == 0)
            continue;
        if (out->count == MEDIA_PARTITIONS_MAX)
            return error_set(err, "the GPT has more than %d partitions; no genuine image has",
                             MEDIA_PARTITIONS_MAX);
        if (entry_parse(header, i + 1, bytes, &out->partition[out->count], err) < 0)
            return -1;
        out->count++;
    }
    return 0;
}
