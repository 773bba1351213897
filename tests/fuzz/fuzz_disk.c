/* Partition tables: MBR, extended boot records, GPT with its sums made right so that the fuzzer gets past
 * them. */
#include "fuzz_media.h"
#include "media/gpt.h"
#include "media/mbr.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put32(uint8_t *p, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* UEFI 5.3.2: the header's sum covers the entries' sum. */
static void mend_gpt(uint8_t *image, size_t size)
{
    uint8_t *h = image + GPT_SECTOR;
    if (size < 2 * GPT_SECTOR || memcmp(h, "EFI PART", 8) != 0)
        return;
    uint64_t at = (uint64_t)get32(h + 72) * GPT_SECTOR, bytes = (uint64_t)get32(h + 80) * get32(h + 84);
    if (at < size && bytes <= size - at)
        put32(h + 88, (uint32_t)crc32(0, image + at, (uInt)bytes));
    uint32_t header = get32(h + 12);
    put32(h + 16, 0);
    if (header <= GPT_SECTOR)
        put32(h + 16, (uint32_t)crc32(0, h, header));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < MBR_SECTOR)
        return 0;
    fuzz_walk(data, size, disk_walk);
    uint8_t *copy = malloc(size);
    if (!copy)
        abort();
    memcpy(copy, data, size);
    mend_gpt(copy, size);
    fuzz_walk(copy, size, disk_walk);
    free(copy);
    return 0;
}
