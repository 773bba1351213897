/* bzip2 data, unpacked here and by libbz2: both take it and agree, or neither does. */
#include "fuzz_media.h"
#include "media/unpack.h"

#include <bzlib.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OUT_MAX (4u << 20) /* bytes compared */

/* Bytes that libbz2 makes of it, at most OUT_MAX; -1 when it does not take all of it. */
static long libbz2(const uint8_t *data, size_t size, char *out)
{
    static char in[1 << 20];
    long made = 0;
    if (size > sizeof in)
        return -1;
    memcpy(in, data, size);
    size_t at = 0;
    while (size - at >= 3 && memcmp(in + at, "BZh", 3) == 0) {
        bz_stream z = {.next_in = in + at, .avail_in = (unsigned)(size - at)};
        int result = BZ2_bzDecompressInit(&z, 0, 0);
        while (result == BZ_OK) {
            unsigned room = (unsigned)(OUT_MAX - made);
            z.next_out = out + made;
            z.avail_out = room;
            result = BZ2_bzDecompress(&z);
            made += room - z.avail_out;
            if (result == BZ_OK && z.avail_in == 0 && z.avail_out == room)
                break;
        }
        at = size - z.avail_in;
        BZ2_bzDecompressEnd(&z);
        if (result != BZ_STREAM_END)
            return -1;
    }
    while (at && at < size && in[at] == 0)
        at++;
    return at && at == size ? made : -1;
}

static long here(const uint8_t *data, size_t size, char *out, struct error *err)
{
    struct quota quota = {.limits = fuzz_limits};
    struct stream *in = fuzz_stream(data, size, &quota), *s = bzip2_open(in, err);
    size_t made;
    if (!s)
        abort();
    int result = stream_read(s, out, OUT_MAX, &made, err);
    if (result == 0)
        result = stream_drain(s, err);
    stream_close(s);
    stream_close(in);
    if (quota.memory != 0)
        abort(); /* what was reserved is given back */
    return result < 0 ? -1 : (long)made;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char ours[OUT_MAX], theirs[OUT_MAX];
    struct error err = {0};
    long made = here(data, size, ours, &err), expected = libbz2(data, size, theirs);
    if (made < 0 && strncmp(err.text, "fuzz", 4) != 0)
        abort(); /* every error says where */
    if (made < 0 && (strstr(err.text, "older") || strstr(err.text, "limit")))
        return 0;
    if (made != expected || (made > 0 && memcmp(ours, theirs, (size_t)made) != 0))
        abort();
    return 0;
}
