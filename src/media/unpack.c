#include "media/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unpack {
    struct stream base;
    struct stream *in; /* borrowed */
    const struct codec *codec;
    void *state;    /* codec->state_size bytes, owned */
    bool started;   /* within a member */
    bool member;    /* at least one member is complete */
    uint64_t made;  /* bytes unpacked */
    uint8_t *block; /* STREAM_BLOCK bytes, owned */
};

static bool only_zeros(struct slice s)
{
    for (size_t i = 0; i < s.size; i++)
        if (s.data[i])
            return false;
    return true;
}

int unpack_not_padding(const struct stream *in, const char *name, uint64_t at, struct error *err)
{
    return error_set(err,
                     "%s: at byte %llu the %s data is complete, yet other bytes follow: it is damaged; "
                     "download or copy it again",
                     in->where, (unsigned long long)at, name);
}

/* Tape blocks and some download tools pad with zeros. */
int unpack_padding(struct stream *in, const char *name, uint64_t at, struct slice first, struct error *err)
{
    struct slice next = first;
    for (bool taken = true;; taken = false) {
        if (!only_zeros(next))
            return unpack_not_padding(in, name, at, err);
        if (!taken)
            stream_consume(in, next.size);
        if (stream_look(in, &next, err) < 0)
            return -1;
        if (next.size == 0)
            return 0;
    }
}

int unpack_damaged(const struct stream *in, const char *name, uint64_t before, const char *why,
                   struct error *err)
{
    return error_set(err, "%s: the %s data is damaged before byte %llu (%s); download or copy the file again",
                     in->where, name, (unsigned long long)before, why);
}

/* At a member's start. *more is false at the end of all. */
static int next_member(struct unpack *u, bool *more, struct error *err)
{
    struct slice in;
    *more = false;
    if (stream_peek(u->in, u->codec->magic_size, &in, err) < 0)
        return -1;
    bool begins = in.size == u->codec->magic_size && memcmp(in.data, u->codec->magic, in.size) == 0;
    if (u->member && !begins)
        return unpack_padding(u->in, u->codec->name, u->in->offset, (struct slice){0}, err);
    if (!u->codec->start(u->state))
        return error_errno(err, ENOMEM, "%s", u->base.where);
    u->started = *more = true;
    return 0;
}

static int step(struct unpack *u, size_t *made, struct error *err)
{
    struct slice in;
    if (stream_look(u->in, &in, err) < 0)
        return -1;
    size_t offered = in.size;
    if (offered == 0)
        in.data = u->block; /* codecs move a pointer, be it by nothing */
    const char *why = "damaged";
    *made = STREAM_BLOCK;
    enum unpack_step result = u->codec->step(u->state, &in, u->block, made, &why);
    if (result == UNPACK_FAILED)
        return unpack_damaged(u->in, u->codec->name, u->in->offset + offered - in.size, why, err);
    if (result == UNPACK_REFUSED)
        return error_set(err, "%s: the %s data %s", u->in->where, u->codec->name, why);
    stream_consume(u->in, offered - in.size);
    if (result == UNPACK_END) {
        u->codec->stop(u->state);
        u->started = false;
        u->member = true;
    } else if (offered == 0 && *made == 0) {
        char what[16];
        snprintf(what, sizeof what, "%s data", u->codec->name);
        return stream_cut_short(u->in, what, err);
    }
    return 0;
}

static int unpack_fill(struct stream *s, struct slice *out, struct error *err)
{
    struct unpack *u = (struct unpack *)s;
    size_t made = 0;
    *out = (struct slice){0};
    while (made == 0) {
        bool more = true;
        if (!u->started && next_member(u, &more, err) < 0)
            return -1;
        if (!more)
            return 0;
        if (step(u, &made, err) < 0)
            return -1;
    }
    *out = (struct slice){u->block, made};
    return quota_unpacked(s->quota, &u->made, made, s->where, err);
}

static void unpack_close(struct stream *s)
{
    struct unpack *u = (struct unpack *)s;
    if (u->started)
        u->codec->stop(u->state);
    quota_free(s->quota, u->block, STREAM_BLOCK);
    quota_release(s->quota, u->codec->memory);
    free(u->state);
    free(u);
}

struct stream *unpack_open(struct stream *in, const struct codec *codec, struct error *err)
{
    static const struct stream_ops ops = {unpack_fill, NULL, NULL, unpack_close};
    if (quota_reserve(in->quota, codec->memory, in->where, err) < 0)
        return NULL;
    uint8_t *block = quota_alloc(in->quota, STREAM_BLOCK, in->where, err);
    struct unpack *u = block ? calloc(1, sizeof *u) : NULL;
    void *state = u ? calloc(1, codec->state_size) : NULL;
    if (!state) {
        if (block)
            error_errno(err, ENOMEM, "%s", in->where);
        free(u);
        quota_free(in->quota, block, STREAM_BLOCK);
        quota_release(in->quota, codec->memory);
        return NULL;
    }
    stream_init(&u->base, &ops, in->quota, in->where, MEDIA_SIZE_UNKNOWN);
    u->in = in;
    u->codec = codec;
    u->state = state;
    u->block = block;
    return &u->base;
}
