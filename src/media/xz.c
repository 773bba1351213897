/* xz by liblzma. Not through libarchive: its filter allows a dictionary of any size. */
#include "media/unpack.h"

#include <lzma.h>

#define XZ_MEMORY (18u << 20) /* xz(1): "xz -7" takes 17 MiB to unpack, -6, the default, 9 MiB */

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

static enum unpack_step xz_failed(lzma_ret result, const char **why)
{
    static const struct {
        lzma_ret result;
        enum unpack_step step;
        const char *why;
    } reasons[] = {
        {LZMA_MEMLIMIT_ERROR, UNPACK_REFUSED,
         "takes more than 18 MiB of memory to unpack: repack it with xz -6"},
        {LZMA_OPTIONS_ERROR, UNPACK_REFUSED,
         "was packed with options that are not read here: repack it with xz -6"},
        {LZMA_UNSUPPORTED_CHECK, UNPACK_REFUSED, "has a checksum of an unknown kind: repack it with xz -6"},
        {LZMA_MEM_ERROR, UNPACK_REFUSED, "cannot be unpacked: no memory"},
        {LZMA_FORMAT_ERROR, UNPACK_FAILED, "no xz header"},
    };
    *why = "a checksum does not match";
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
        if (reasons[i].result == result) {
            *why = reasons[i].why;
            return reasons[i].step;
        }
    }
    return UNPACK_FAILED;
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
    return xz_failed(result, why);
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
