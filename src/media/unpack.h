/*
 * Streams that unpack another one. The driver handles what all formats share: several members one after the
 * other, zero padding behind the last one, sources cut short, limits. A codec unpacks one member.
 */
#pragma once

#include "media/stream.h"

/* A stream of the unpacked bytes of `in`, which is borrowed. NULL with the error set. */
struct stream *gzip_open(struct stream *in, struct error *err);
struct stream *bzip2_open(struct stream *in, struct error *err);
struct stream *xz_open(struct stream *in, struct error *err);
struct stream *zstd_open(struct stream *in, struct error *err);

enum unpack_step {
    UNPACK_MORE,    /* call again */
    UNPACK_END,     /* the member is complete and its checks passed */
    UNPACK_FAILED,  /* *why says what is wrong with the bytes */
    UNPACK_REFUSED, /* sound, but packed in a way that is not read here: *why says so and what to do */
};

struct codec {
    const char *name;  /* "gzip" */
    size_t memory;     /* bytes the library allocates at most */
    const char *magic; /* how a further member begins */
    size_t magic_size;
    size_t state_size;
    bool (*start)(void *state); /* at every member; false when memory runs out */
    /* Takes from the front of *in, writes at most *size bytes to `to` and sets *size to how many. */
    enum unpack_step (*step)(void *state, struct slice *in, uint8_t *to, size_t *size, const char **why);
    void (*stop)(void *state); /* undoes start */
};

struct stream *unpack_open(struct stream *in, const struct codec *codec, struct error *err);

/* --- what unpackers that are no codecs share --- */

/* Behind a member that nothing follows only zeros may come. `first`: bytes from offset `at` on that were
 * taken from `in` already. */
int unpack_padding(struct stream *in, const char *name, uint64_t at, struct slice first, struct error *err);

int unpack_not_padding(const struct stream *in, const char *name, uint64_t at, struct error *err);
int unpack_damaged(const struct stream *in, const char *name, uint64_t before, const char *why,
                   struct error *err);
