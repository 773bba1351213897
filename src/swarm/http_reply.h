/*
 * An HTTP/1.0 or 1.1 answer (RFC 9112), read as it arrives. Knows what tells where the body ends: the status,
 * Content-Length, Transfer-Encoding, Connection. Pure; any bytes give an answer or an error.
 *
 *     http_reply_init(&reply, false);
 *     while (bytes come)
 *         http_reply_feed(&reply, bytes, &used, &body, &err)   until used == size or http_reply_done
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

#define HTTP_REPLY_HEAD_MAX (64u << 10) /* bytes before the body, chunks' trailers included */
#define HTTP_REPLY_LINE_MAX 256         /* what is kept of a line; longer ones are none that we read */

#define HTTP_REPLY_LENGTH_NONE UINT64_MAX

enum http_reply_state {
    HTTP_REPLY_STATUS,
    HTTP_REPLY_FIELDS,
    HTTP_REPLY_BODY,
    HTTP_REPLY_CHUNK_SIZE,
    HTTP_REPLY_CHUNK_DATA,
    HTTP_REPLY_CHUNK_END,
    HTTP_REPLY_TRAILER,
    HTTP_REPLY_DONE,
};

struct http_reply {
    enum http_reply_state state;
    int status;            /* 200 and so on; 0 before it came. Those of 1xx are passed over */
    uint64_t length_bytes; /* of the body as announced; HTTP_REPLY_LENGTH_NONE: until the end of chunks or
                              connection */
    uint64_t body_bytes;   /* come so far */
    bool keep_alive;       /* the connection takes another request behind this answer */
    bool chunked;

    /* Inside. */
    bool asked_head; /* no body follows, whatever the fields say */
    bool saw_length;
    uint64_t left_bytes; /* of the body or this chunk */
    size_t head_bytes;
    size_t line_size; /* of the whole line; may exceed what is kept */
    char line[HTTP_REPLY_LINE_MAX];
};

void http_reply_init(struct http_reply *reply, bool asked_head);

/*
 * Takes bytes until some of the body are found, the answer ends, or all are used. *used: how many of `data`
 * belong to this answer; the caller comes again with the rest until *used == size or http_reply_done. *body:
 * what of them is body, inside `data`, maybe empty. Negative: no HTTP, or not what it announced.
 */
int http_reply_feed(struct http_reply *reply, struct slice data, size_t *used, struct slice *body,
                    struct error *err);

/*
 * Bytes of the body that were thrown away unseen (recv with MSG_TRUNC). How many there may be at most is what
 * http_reply_skippable says: 0 where the body must be read.
 */
uint64_t http_reply_skippable(const struct http_reply *reply);
void http_reply_skip(struct http_reply *reply, uint64_t bytes);

/* The server closed the connection: 0 where that ends the body, else an error that says what is missing. */
int http_reply_close(struct http_reply *reply, struct error *err);

static inline bool http_reply_done(const struct http_reply *reply)
{
    return reply->state == HTTP_REPLY_DONE;
}
/* The head is read; status and length are known. */
static inline bool http_reply_has_head(const struct http_reply *reply)
{
    return reply->state >= HTTP_REPLY_BODY;
}
