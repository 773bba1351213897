#include "swarm/http_reply.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

void http_reply_init(struct http_reply *r, bool asked_head)
{
    *r = (struct http_reply){.length_bytes = HTTP_REPLY_LENGTH_NONE, .asked_head = asked_head};
}

/* --- one line --- */

static void trim(char **text)
{
    size_t size;
    *text += strspn(*text, " \t");
    for (size = strlen(*text); size && strchr(" \t", (*text)[size - 1]);)
        (*text)[--size] = 0;
}

/* Whether the list (RFC 9110, section 5.6.1) has the word. */
static bool lists(const char *value, const char *word)
{
    size_t size = strlen(word);
    while (*value) {
        value += strspn(value, " \t,");
        size_t length = strcspn(value, ",");
        if (strncasecmp(value, word, size) == 0 && strspn(value + size, " \t") + size >= length)
            return true;
        value += length;
    }
    return false;
}

/* HTTP/1.x SSS reason (RFC 9112, section 4). */
static int read_status(struct http_reply *r, struct error *err)
{
    const char *p = r->line;
    char shown[64];
    bool good = strncmp(p, "HTTP/1.", 7) == 0 && isdigit((unsigned char)p[7]) && p[8] == ' ';
    for (size_t i = 9; good && i < 12; i++)
        good = isdigit((unsigned char)p[i]);
    if (!good || (p[12] && p[12] != ' ') || p[9] < '1' || p[9] > '5') {
        text_printable(p, strlen(p), shown, sizeof shown);
        return error_set(err, "the answer is no HTTP/1: it begins with \"%s\"", shown);
    }
    r->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    r->keep_alive = p[7] != '0';
    r->state = HTTP_REPLY_FIELDS;
    return 0;
}

static int read_length(struct http_reply *r, const char *value, struct error *err)
{
    uint64_t length;
    if (!text_u64(value, 0, HTTP_REPLY_LENGTH_NONE - 1, &length))
        return error_set(err, "the answer's Content-Length is no number");
    if (r->saw_length && length != r->length_bytes) /* RFC 9112, section 6.3, clause 5 */
        return error_set(err, "the answer has two lengths");
    r->saw_length = true;
    r->length_bytes = length;
    return 0;
}

static int read_coding(struct http_reply *r, const char *value, struct error *err)
{
    char shown[64];
    if (strcasecmp(value, "chunked") != 0) {
        text_printable(value, strlen(value), shown, sizeof shown);
        return error_set(err, "the answer is coded as \"%s\", which nobody asked for", shown);
    }
    r->chunked = true;
    return 0;
}

static int read_connection(struct http_reply *r, const char *value, struct error *err)
{
    (void)err;
    if (lists(value, "keep-alive"))
        r->keep_alive = true;
    if (lists(value, "close"))
        r->keep_alive = false;
    return 0;
}

static const struct {
    const char *name;
    int (*read)(struct http_reply *r, const char *value, struct error *err);
} fields[] = {
    {"content-length", read_length},
    {"transfer-encoding", read_coding},
    {"connection", read_connection},
};

static int read_field(struct http_reply *r, struct error *err)
{
    char *value = strchr(r->line, ':');
    if (!value)
        return error_set(err, "the answer's head has a line without a colon");
    *value++ = 0;
    trim(&value);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (strcasecmp(r->line, fields[i].name) == 0)
            return r->line_size < sizeof r->line
                       ? fields[i].read(r, value, err)
                       : error_set(err, "the answer's field %s has %zu bytes", fields[i].name, r->line_size);
    return 0;
}

/* The empty line: what follows (RFC 9112, section 6.3). */
static void end_head(struct http_reply *r)
{
    bool none = r->asked_head || r->status == 204 || r->status == 304;
    if (r->status < 200) { /* an interim answer; 101 was not asked for */
        bool asked_head = r->asked_head;
        size_t head_bytes = r->head_bytes;
        http_reply_init(r, asked_head);
        r->head_bytes = head_bytes;
        return;
    }
    if (r->chunked)
        r->length_bytes = HTTP_REPLY_LENGTH_NONE; /* the coding overrides it */
    r->left_bytes = r->length_bytes;
    r->keep_alive = r->keep_alive && (none || r->chunked || r->length_bytes != HTTP_REPLY_LENGTH_NONE);
    if (none || (!r->chunked && r->length_bytes == 0))
        r->state = HTTP_REPLY_DONE;
    else
        r->state = r->chunked ? HTTP_REPLY_CHUNK_SIZE : HTTP_REPLY_BODY;
}

/* Hexadecimal digits, then perhaps an extension (RFC 9112, section 7.1). */
static int read_chunk_size(struct http_reply *r, struct error *err)
{
    const char *digits = "0123456789abcdef";
    uint64_t size = 0;
    size_t i = 0;
    for (; isxdigit((unsigned char)r->line[i]); i++) {
        if (size >> 59)
            return error_set(err, "a chunk of the answer says it has more than 2^63 bytes");
        size = size << 4 | (uint64_t)(strchr(digits, tolower((unsigned char)r->line[i])) - digits);
    }
    if (i == 0 || (r->line[i] && !strchr("; \t", r->line[i])))
        return error_set(err, "a chunk of the answer begins without its size");
    r->left_bytes = size;
    r->state = size ? HTTP_REPLY_CHUNK_DATA : HTTP_REPLY_TRAILER;
    return 0;
}

static int read_line(struct http_reply *r, struct error *err)
{
    size_t kept = r->line_size < sizeof r->line ? r->line_size : sizeof r->line - 1;
    if (kept == r->line_size && kept && r->line[kept - 1] == '\r')
        kept--;
    r->line[kept] = 0;
    switch (r->state) {
    case HTTP_REPLY_STATUS:
        return kept ? read_status(r, err) : 0; /* an empty line behind an earlier body is passed over */
    case HTTP_REPLY_FIELDS:
        if (kept)
            return read_field(r, err);
        end_head(r);
        return 0;
    case HTTP_REPLY_CHUNK_SIZE:
        return read_chunk_size(r, err);
    case HTTP_REPLY_CHUNK_END:
        if (kept)
            return error_set(err, "a chunk of the answer is longer than it says");
        r->state = HTTP_REPLY_CHUNK_SIZE;
        return 0;
    case HTTP_REPLY_TRAILER:
        if (!kept)
            r->state = HTTP_REPLY_DONE;
        return 0;
    case HTTP_REPLY_BODY:
    case HTTP_REPLY_CHUNK_DATA:
    case HTTP_REPLY_DONE:
        break;
    }
    return 0;
}

/* Takes up to the end of a line. Returns how many bytes. */
static size_t take_line(struct http_reply *r, struct slice data, bool *whole)
{
    const uint8_t *end = memchr(data.data, '\n', data.size);
    size_t taken = end ? (size_t)(end - data.data) : data.size;
    size_t room = r->line_size < sizeof r->line ? sizeof r->line - r->line_size : 0;
    size_t kept = taken < room ? taken : room;
    for (size_t i = 0; i < kept; i++) /* no line holds NUL */
        r->line[r->line_size + i] = data.data[i] ? (char)data.data[i] : '?';
    r->line_size += taken;
    *whole = end != NULL;
    return taken + *whole;
}

/* --- the stream --- */

static struct slice take_body(struct http_reply *r, struct slice data)
{
    struct slice body = data;
    if (body.size > r->left_bytes)
        body.size = (size_t)r->left_bytes;
    r->body_bytes += body.size;
    if (r->length_bytes != HTTP_REPLY_LENGTH_NONE || r->chunked)
        r->left_bytes -= body.size;
    if (r->left_bytes == 0)
        r->state = r->chunked ? HTTP_REPLY_CHUNK_END : HTTP_REPLY_DONE;
    return body;
}

static bool in_body(const struct http_reply *r)
{
    return r->state == HTTP_REPLY_BODY || r->state == HTTP_REPLY_CHUNK_DATA;
}

int http_reply_feed(struct http_reply *r, struct slice data, size_t *used, struct slice *body,
                    struct error *err)
{
    *used = 0;
    *body = (struct slice){0};
    while (*used < data.size && !http_reply_done(r)) {
        struct slice rest = {data.data + *used, data.size - *used};
        if (in_body(r)) {
            *body = take_body(r, rest);
            *used += body->size;
            return 0;
        }
        bool whole, head = r->state != HTTP_REPLY_CHUNK_SIZE && r->state != HTTP_REPLY_CHUNK_END;
        size_t taken = take_line(r, rest, &whole);
        *used += taken;
        r->head_bytes += head ? taken : 0;
        if (r->head_bytes > HTTP_REPLY_HEAD_MAX || r->line_size > HTTP_REPLY_HEAD_MAX)
            return error_set(err, "the answer's head has more than %u bytes", HTTP_REPLY_HEAD_MAX);
        if (whole && read_line(r, err) < 0)
            return -1;
        if (whole)
            r->line_size = 0;
    }
    return 0;
}

int http_reply_close(struct http_reply *r, struct error *err)
{
    if (r->state == HTTP_REPLY_BODY && r->length_bytes == HTTP_REPLY_LENGTH_NONE)
        r->state = HTTP_REPLY_DONE;
    if (http_reply_done(r))
        return 0;
    if (!http_reply_has_head(r))
        return error_set(err, "the server closed the connection before it answered");
    if (r->chunked)
        return error_set(err, "the server closed the connection within the answer's chunks");
    return error_set(err, "the server closed the connection %llu bytes before the end",
                     (unsigned long long)r->left_bytes);
}

uint64_t http_reply_skippable(const struct http_reply *reply)
{
    bool counted = reply->state == HTTP_REPLY_BODY && reply->length_bytes != HTTP_REPLY_LENGTH_NONE;
    return counted ? reply->left_bytes : 0;
}

void http_reply_skip(struct http_reply *reply, uint64_t bytes)
{
    reply->body_bytes += bytes;
    reply->left_bytes -= bytes;
    if (reply->left_bytes == 0)
        reply->state = HTTP_REPLY_DONE;
}
