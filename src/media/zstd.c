/* zstd by libzstd. Not through libarchive: its filter allows a window of 128 MiB. */
#include "media/unpack.h"

#include <zstd.h>
#include <zstd_errors.h>

#define WINDOW_LOG_MAX 23         /* 8 MiB, what "zstd -19" uses */
#define ZSTD_MEMORY    (9u << 20) /* the window, one block and the tables */

static bool zstd_start(void *state)
{
    ZSTD_DCtx **z = state;
    *z = ZSTD_createDCtx();
    if (*z && !ZSTD_isError(ZSTD_DCtx_setParameter(*z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX)))
        return true;
    ZSTD_freeDCtx(*z);
    return false;
}

static void zstd_stop(void *state)
{
    ZSTD_freeDCtx(*(ZSTD_DCtx **)state);
}

static enum unpack_step zstd_step(void *state, struct slice *in, uint8_t *to, size_t *size, const char **why)
{
    ZSTD_inBuffer from = {in->data, in->size, 0};
    ZSTD_outBuffer out = {to, *size, 0};
    size_t result = ZSTD_decompressStream(*(ZSTD_DCtx **)state, &out, &from);
    in->data += from.pos;
    in->size -= from.pos;
    *size = out.pos;
    if (result == 0)
        return UNPACK_END;
    if (!ZSTD_isError(result))
        return UNPACK_MORE;
    if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
        *why = "takes more than 8 MiB of memory to unpack: repack it with zstd -19 or less, without --long";
        return UNPACK_REFUSED;
    }
    *why = ZSTD_getErrorName(result);
    return UNPACK_FAILED;
}

struct stream *zstd_open(struct stream *in, struct error *err)
{
    static const struct codec codec = {
        .name = "zstd",
        .memory = ZSTD_MEMORY,
        .magic = "\x28\xb5\x2f\xfd",
        .magic_size = 4,
        .state_size = sizeof(ZSTD_DCtx *),
        .start = zstd_start,
        .step = zstd_step,
        .stop = zstd_stop,
    };
    return unpack_open(in, &codec, err);
}
