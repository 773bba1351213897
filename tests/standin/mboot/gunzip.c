/* RFC 1952, as strictly as VMware's loader takes it: one member that ends with the file, whose last 8 bytes
 * are sum and size. */
#include "mboot.h"

#define HEADER     10
#define TRAILER    8
#define HAS_CRC    2
#define HAS_EXTRA  4
#define HAS_NAME   8
#define HAS_TEXT   16
#define EMPTY_SIZE 256 /* a file of more bytes does not unpack to none */

static uint32_t get32(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint32_t crc32(struct bytes bytes)
{
    uint32_t table[256], crc = ~0u;

    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (unsigned bit = 0; bit < 8; bit++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
    }
    for (size_t i = 0; i < bytes.size; i++)
        crc = crc >> 8 ^ table[(crc ^ bytes.data[i]) & 255];
    return ~crc;
}

/* Where the compressed data begin. */
static size_t skip_header(struct bytes file, const char *name)
{
    size_t at = HEADER;
    uint8_t flags = file.data[3];

    if (flags & HAS_EXTRA && at + 2 <= file.size)
        at += 2 + (file.data[at] | file.data[at + 1] << 8);
    for (uint8_t flag = HAS_NAME; flag <= HAS_TEXT; flag = (uint8_t)(flag * 2))
        if (flags & flag) {
            while (at < file.size && file.data[at])
                at++;
            at++;
        }
    if (flags & HAS_CRC)
        at += 2;
    if (at + TRAILER > file.size)
        fatal(inconsistent, name);
    return at;
}

struct bytes gunzip(struct bytes file, const char *name)
{
    size_t start, used;
    struct bytes from, to;

    if (file.size < HEADER + TRAILER || file.data[0] != 0x1f || file.data[1] != 0x8b || file.data[2] != 8) {
        Print(L"mboot: %a is not compressed\n", name);
        return file;
    }
    start = skip_header(file, name);
    from = (struct bytes){file.data + start, file.size - start - TRAILER};
    to.size = get32(file.data + file.size - 4);
    if (!to.size && file.size > EMPTY_SIZE)
        fatal(inconsistent, name);
    to.data = allocate(to.size + 1);
    if (inflate(from, to.data, to.size, &used) != (intptr_t)to.size || used != from.size ||
        crc32(to) != get32(file.data + file.size - TRAILER))
        fatal(inconsistent, name);
    FreePool(file.data);
    return to;
}
