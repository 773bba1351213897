#include "media/utf16.h"

static size_t encode(uint32_t c, uint8_t out[static 4])
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    size_t more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const uint8_t lead[] = {0, 0xc0, 0xe0, 0xf0};
    for (size_t i = more; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    out[0] = (uint8_t)(lead[more] | c);
    return more + 1;
}

bool utf16_to_text(const uint16_t *units, size_t count, char *out, size_t out_size)
{
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t c = units[i];
        if (c >= 0xd800 && c < 0xe000) { /* RFC 2781, 2.2 */
            if (c >= 0xdc00 || i + 1 == count || units[i + 1] < 0xdc00 || units[i + 1] >= 0xe000)
                return false;
            c = 0x10000 + ((c & 0x3ff) << 10) + (units[++i] & 0x3ffu);
        }
        uint8_t bytes[4];
        size_t size = encode(c, bytes);
        if (used + size + 1 > out_size)
            return false;
        for (size_t k = 0; k < size; k++)
            out[used++] = (char)bytes[k];
    }
    out[used] = '\0';
    return true;
}
