#include "media/sniff.h"

#include "base/wire.h"
#include "media/fat.h"
#include "media/mbr.h"

#include <string.h>

#define TAR_CHECKSUM      148
#define TAR_CHECKSUM_SIZE 8
#define TAR_MAGIC         257
#define ISO_DESCRIPTOR    32768

static bool at(struct slice head, size_t offset, const void *magic, size_t size)
{
    return head.size >= offset + size && memcmp(head.data + offset, magic, size) == 0;
}

static uint64_t octal(const uint8_t *digits, size_t size)
{
    uint64_t v = 0;
    size_t i = 0;
    while (i < size && digits[i] == ' ')
        i++;
    for (; i < size && digits[i] >= '0' && digits[i] <= '7'; i++)
        v = v << 3 | (uint64_t)(digits[i] - '0');
    return v;
}

bool sniff_tar_header(struct slice block)
{
    if (block.size < TAR_BLOCK)
        return false;
    uint64_t sum = 0;
    int64_t sum_signed = 0; /* some old writers summed signed bytes */
    for (size_t i = 0; i < TAR_BLOCK; i++) {
        bool blank = i >= TAR_CHECKSUM && i < TAR_CHECKSUM + TAR_CHECKSUM_SIZE;
        sum += blank ? ' ' : block.data[i];
        sum_signed += blank ? ' ' : (int8_t)block.data[i];
    }
    uint64_t stored = octal(block.data + TAR_CHECKSUM, TAR_CHECKSUM_SIZE);
    return stored && block.data[0] && (stored == sum || (int64_t)stored == sum_signed);
}

bool sniff_is_vmtar(struct slice head)
{
    return at(head, TAR_MAGIC, "visor  ", 7) && sniff_tar_header(head);
}

uint64_t sniff_iso_bytes(struct slice head)
{
    if (head.size < ISO_DESCRIPTOR + 132 || head.data[ISO_DESCRIPTOR] != 1)
        return 0;
    struct wire_in w = wire_in(head.data + ISO_DESCRIPTOR + 80, 52); /* ECMA-119, 8.4.8 and 8.4.12 */
    uint64_t blocks = wire_u32le(&w);
    wire_skip(&w, 44);
    return blocks * wire_u16le(&w);
}

static bool is_zstd(struct slice head)
{
    return at(head, 0, "\x28\xb5\x2f\xfd", 4);
}

static bool is_bzip2(struct slice head)
{
    return head.size >= 10 && memcmp(head.data, "BZh", 3) == 0 && head.data[3] >= '1' &&
           head.data[3] <= '9' &&
           (at(head, 4, "\x31\x41\x59\x26\x53\x59", 6) || at(head, 4, "\x17\x72\x45\x38\x50\x90", 6));
}

static bool is_gzip(struct slice head)
{
    return at(head, 0, "\x1f\x8b\x08", 3);
}

static bool is_xz(struct slice head)
{
    return at(head, 0,
              "\xfd"
              "7zXZ",
              6);
}

static bool is_iso(struct slice head)
{
    return at(head, ISO_DESCRIPTOR + 1, "CD001", 5);
}

static bool is_disk(struct slice head)
{
    return head.size >= MBR_SECTOR && (fat_is_bare(head.data) || mbr_is_table(head.data));
}

enum media_kind sniff_kind(struct slice head)
{
    /* An ISO comes before a disk: hybrid ones carry a partition table of themselves for USB sticks. */
    static const struct {
        bool (*is)(struct slice head);
        enum media_kind kind;
    } kinds[] = {
        {is_gzip, MEDIA_KIND_GZIP}, {is_bzip2, MEDIA_KIND_BZIP2}, {is_xz, MEDIA_KIND_XZ},
        {is_zstd, MEDIA_KIND_ZSTD}, {is_iso, MEDIA_KIND_ISO},     {sniff_tar_header, MEDIA_KIND_TAR},
        {is_disk, MEDIA_KIND_DISK},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (kinds[i].is(head))
            return kinds[i].kind;
    return MEDIA_KIND_FILE;
}
