/* The bytes are an archive; gzip is put around it here, for no fuzzer finds its CRC. In pieces of odd size.
 */
#include "image/tarpick.h"

#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#define PIECE 1009

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t wrap(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)size};
    z.next_out = out;
    z.avail_out = (uInt)room;
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    deflateEnd(&z);
    return z.total_out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t room = size + size / 8 + 4096;
    uint8_t *packed = malloc(room);
    struct tarpick *p = tarpick_new();
    if (!packed || !p)
        abort();
    size_t total = wrap(data, size, packed, room);
    for (size_t at = 0; at < total; at += PIECE)
        tarpick_add(p, packed + at, total - at < PIECE ? total - at : PIECE);
    for (enum tarpick_file f = 0; f < TARPICK_COUNT; f++)
        free(tarpick_take(p, f));
    tarpick_free(p);
    free(packed);
    return 0;
}
