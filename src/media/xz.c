/* xz by liblzma. Not through libarchive: its filter allows a dictionary of any size. */
#include "media/unpack.h"

#include <lzma.h>

#define XZ_MEMORY (20u << 20) /* xz(1): "xz -7" takes 17 MiB to unpack, -6, the default, 9 MiB */

static bool xz_start(void *state)
{
    lzma_stream *z = state;
    *z = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(z, XZ_MEMORY, LZMA_TELL_UNSUPPORTED_CHECK) == LZMA_OK;
}

static void xz_stop(void *state)
{
    lzma_end(state);
}

static const char *xz_reason(lzma_ret result)
{
    static const struct {
        lzma_ret result;
        const char *reason;
    } reasons[] = {
        {LZMA_MEMLIMIT_ERROR,
         "it was packed with a dictionary that takes more than 20 MiB: pack it with xz -6"},
        {LZMA_MEM_ERROR, "no memory"},
        {LZMA_FORMAT_ERROR, "no xz header"},
        {LZMA_OPTIONS_ERROR, "it was packed with options that are not read here: pack it with xz -6"},
        {LZMA_UNSUPPORTED_CHECK, "it has a checksum of an unknown kind: pack it with xz -6"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].result == result)
            return reasons[i].reason;
    return "a checksum does not match";
}

static enum unpack_step xz_step(void *state, struct slice *in, uint8_t *to, size_t *size, const char **why)
{
    lzma_stream *z = state;
    z->next_in = in->data;
    z->avail_in = in->size;
    z->next_out = to;
    z->avail_out = *size;
    lzma_ret result = lzma_code(z, LZMA_RUN);
    in->data += in->size - z->avail_in;
    in->size = z->avail_in;
    *size -= z->avail_out;
    if (result == LZMA_STREAM_END)
        return UNPACK_END;
    if (result == LZMA_OK || result == LZMA_BUF_ERROR)
        return UNPACK_MORE;
    *why = xz_reason(result);
    return UNPACK_FAILED;
}

struct stream *xz_open(struct stream *in, struct error *err)
{
    static const struct codec codec = {
        .name = "xz",
        .memory = XZ_MEMORY,
        .magic = "\xfd"
                 "7zXZ",
        .magic_size = 6,
        .state_size = sizeof(lzma_stream),
        .start = xz_start,
        .step = xz_step,
        .stop = xz_stop,
    };
    return unpack_open(in, &codec, err);
}
