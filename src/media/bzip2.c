/* bzip2 by libbz2, which checks the CRC of each block and of each stream. */
#include "media/unpack.h"

#include <bzlib.h>
#include <limits.h>

#define BZIP2_MEMORY (3800u << 10) /* manual, 3.3.2: 100k + 4 x 900k bytes for the largest block */

static bool bzip2_start(void *state)
{
    bz_stream *z = state;
    *z = (bz_stream){0};
    return BZ2_bzDecompressInit(z, 0, 0) == BZ_OK;
}

static void bzip2_stop(void *state)
{
    BZ2_bzDecompressEnd(state);
}

static enum unpack_step bzip2_step(void *state, struct slice *in, uint8_t *to, size_t *size, const char **why)
{
    bz_stream *z = state;
    unsigned offered = in->size < UINT_MAX ? (unsigned)in->size : UINT_MAX;
    union {
        const uint8_t *from;
        char *to;
    } next = {.from = in->data}; /* libbz2 does not write there, its struct only lacks the const */
    z->next_in = next.to;
    z->avail_in = offered;
    z->next_out = (char *)to;
    z->avail_out = (unsigned)*size;
    int result = BZ2_bzDecompress(z);
    in->data += offered - z->avail_in;
    in->size -= offered - z->avail_in;
    *size -= z->avail_out;
    if (result == BZ_STREAM_END)
        return UNPACK_END;
    if (result == BZ_OK)
        return UNPACK_MORE;
    *why = result == BZ_MEM_ERROR          ? "no memory"
           : result == BZ_DATA_ERROR_MAGIC ? "no bzip2 header"
                                           : "a block does not match its checksum";
    return UNPACK_FAILED;
}

struct stream *bzip2_open(struct stream *in, struct error *err)
{
    static const struct codec codec = {
        .name = "bzip2",
        .memory = BZIP2_MEMORY,
        .magic = "BZh",
        .magic_size = 3,
        .state_size = sizeof(bz_stream),
        .start = bzip2_start,
        .step = bzip2_step,
        .stop = bzip2_stop,
    };
    return unpack_open(in, &codec, err);
}
