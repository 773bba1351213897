#include "serve/http_message.h"

#include <assert.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* --- requests --- */

/* Where parsing is: at most HTTP_HEAD_MAX bytes from data, of which the head has `size`. */
struct reader {
    char *data;
    size_t size, at;
    unsigned connection_close, connection_keep; /* options that were said */
    bool old;                                   /* HTTP/1.0 */
    bool coded, sized, hosted;                  /* Transfer-Encoding, Content-Length, Host were there */
    uint64_t body;
};

/* RFC 9110, section 5.6.2. */
static bool is_token(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
        return true;
    return c && strchr("!#$%&'*+-.^_`|~", c);
}

static size_t skip_line_ends(const char *data, size_t size)
{
    size_t at = 0;
    for (;;) {
        if (at < size && data[at] == '\n')
            at += 1;
        else if (size - at > 1 && data[at] == '\r' && data[at + 1] == '\n')
            at += 2;
        else
            return at;
    }
}

/* Behind the empty line that ends the head; 0: it is not there. */
static size_t find_end(const char *data, size_t size)
{
    const char *at = data, *end = data + size;
    while ((at = memchr(at, '\n', (size_t)(end - at)))) {
        at++;
        if (at < end && *at == '\n')
            return (size_t)(at + 1 - data);
        if (end - at > 1 && at[0] == '\r' && at[1] == '\n')
            return (size_t)(at + 2 - data);
    }
    return 0;
}

/* The next line, ended by NUL in place; its size. There is one: the head ends with a line end. */
static char *next_line(struct reader *r, size_t *size)
{
    char *line = r->data + r->at, *end = memchr(line, '\n', r->size - r->at);
    assert(end);
    r->at = (size_t)(end + 1 - r->data);
    if (end > line && end[-1] == '\r')
        end--;
    *end = '\0';
    *size = (size_t)(end - line);
    return line;
}

static bool has_stray(const char *line, size_t size)
{
    return memchr(line, '\0', size) || memchr(line, '\r', size);
}

/* RFC 9112, section 2.3. */
static unsigned parse_version(struct reader *r, const char *version)
{
    if (strncmp(version, "HTTP/", 5) != 0 || version[5] < '0' || version[5] > '9' || version[6] != '.' ||
        version[7] < '0' || version[7] > '9' || version[8])
        return 400;
    r->old = version[7] == '0';
    return version[5] == '1' ? 0 : 505;
}

/* RFC 9112, section 3: three words with one blank between. */
static unsigned parse_request_line(struct reader *r, struct http_head *out)
{
    size_t size;
    char *line = next_line(r, &size);
    if (has_stray(line, size))
        return 400;
    char *target = memchr(line, ' ', size), *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version || target == line || version == target + 1)
        return 400;
    for (const char *p = line; p < target; p++)
        if (!is_token(*p))
            return 400;
    *target++ = '\0';
    *version++ = '\0';
    out->method = strcmp(line, "GET") == 0    ? HTTP_METHOD_GET
                  : strcmp(line, "HEAD") == 0 ? HTTP_METHOD_HEAD
                                              : HTTP_METHOD_OTHER;
    out->target = (uint16_t)(target - r->data);
    return parse_version(r, version);
}

/* RFC 9110, section 7.6.1: a list; those that we do not know name fields that we do not know either. */
static unsigned parse_connection(struct reader *r, struct http_head *out, char *value)
{
    while (*value) {
        value += strspn(value, " \t,");
        size_t size = strcspn(value, " \t,");
        r->connection_close += size == 5 && strncasecmp(value, "close", 5) == 0;
        r->connection_keep += size == 10 && strncasecmp(value, "keep-alive", 10) == 0;
        value += size;
    }
    return 0;
}

/* RFC 9112, section 6.3: digits, once. */
static unsigned parse_length(struct reader *r, struct http_head *out, char *value)
{
    if (r->sized || !*value)
        return 400;
    r->sized = true;
    for (const char *p = value; *p; p++) {
        if (*p < '0' || *p > '9')
            return 400;
        if (r->body <= HTTP_BODY_MAX) /* more digits do not make it smaller */
            r->body = r->body * 10 + (uint64_t)(*p - '0');
    }
    return 0;
}

static unsigned parse_coding(struct reader *r, struct http_head *out, char *value)
{
    r->coded = true;
    return 0;
}

static unsigned parse_host(struct reader *r, struct http_head *out, char *value)
{
    if (r->hosted)
        return 400; /* RFC 9112, section 3.2 */
    r->hosted = true;
    return 0;
}

static unsigned parse_expect(struct reader *r, struct http_head *out, char *value)
{
    out->expects = strcasecmp(value, "100-continue") == 0;
    return 0;
}

/* Of a field that should come once, the first counts. */
static void keep_first(struct reader *r, uint16_t *at, const char *value)
{
    if (!*at)
        *at = (uint16_t)(value - r->data);
}

static unsigned parse_range(struct reader *r, struct http_head *out, char *value)
{
    keep_first(r, &out->range, value);
    return 0;
}

static unsigned parse_if_range(struct reader *r, struct http_head *out, char *value)
{
    keep_first(r, &out->if_range, value);
    return 0;
}

static unsigned parse_if_none_match(struct reader *r, struct http_head *out, char *value)
{
    keep_first(r, &out->if_none_match, value);
    return 0;
}

static unsigned parse_field(struct reader *r, struct http_head *out)
{
    static const struct {
        const char *name;
        size_t size;
        unsigned (*parse)(struct reader *r, struct http_head *out, char *value);
    } fields[] = {
        {"connection", 10, parse_connection},
        {"content-length", 14, parse_length},
        {"expect", 6, parse_expect},
        {"host", 4, parse_host},
        {"if-none-match", 13, parse_if_none_match},
        {"if-range", 8, parse_if_range},
        {"range", 5, parse_range},
        {"transfer-encoding", 17, parse_coding},
    };
    size_t size, name = 0;
    char *line = next_line(r, &size);
    if (has_stray(line, size))
        return 400;
    while (is_token(line[name]))
        name++;
    if (!name || line[name] != ':')
        return 400;
    char *value = line + name + 1, *end = line + size;
    value += strspn(value, " \t");
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (name == fields[i].size && strncasecmp(line, fields[i].name, name) == 0)
            return fields[i].parse(r, out, value);
    return 0;
}

/* What the fields mean together. */
static unsigned conclude(const struct reader *r, struct http_head *out)
{
    if (r->coded) /* RFC 9112, section 6.3: a server may want a length */
        return r->sized || r->old ? 400 : 411;
    if (r->body > HTTP_BODY_MAX && out->method != HTTP_METHOD_OTHER)
        return 413;
    out->body = r->body;
    out->keep = !r->connection_close && (!r->old || r->connection_keep);
    return 0;
}

unsigned http_head_parse(char *data, size_t size, struct http_head *out)
{
    size_t skipped = skip_line_ends(data, size);
    size_t limit = size - skipped < HTTP_HEAD_MAX ? size - skipped : HTTP_HEAD_MAX;
    size_t end = find_end(data + skipped, limit);
    *out = (struct http_head){.skipped = skipped, .size = end};
    if (!end && limit < HTTP_HEAD_MAX)
        return HTTP_PARSE_MORE;
    if (!end)
        return memchr(data + skipped, '\n', limit) ? 431 : 414;
    struct reader r = {.data = data + skipped, .size = end};
    unsigned status = parse_request_line(&r, out);
    for (unsigned fields = 0; !status && !skip_line_ends(r.data + r.at, r.size - r.at); fields++)
        status = fields == HTTP_FIELDS_MAX ? 431 : parse_field(&r, out);
    return status ? status : conclude(&r, out);
}

const char *http_head_text(const char *start, uint16_t at)
{
    return at ? start + at : NULL;
}

/* --- answers --- */

static const struct {
    unsigned status;
    const char *reason;
    const char *line;
} statuses[] = {
    {200, "OK", ""},
    {206, "Partial Content", ""},
    {304, "Not Modified", ""},
    {400, "Bad Request", "The request is not HTTP\n"},
    {403, "Forbidden", "Not for this machine\n"},
    {404, "Not Found", "File not found\n"},
    {405, "Method Not Allowed", "Only GET and HEAD\n"},
    {411, "Length Required", "A body needs a Content-Length\n"},
    {413, "Content Too Large", "Nothing can be uploaded here\n"},
    {414, "URI Too Long", "The name is too long\n"},
    {416, "Range Not Satisfiable", "The file is shorter\n"},
    {431, "Request Header Fields Too Large", "Too many headers\n"},
    {503, "Service Unavailable", "The server cannot serve this file now\n"},
    {505, "HTTP Version Not Supported", "Only HTTP/1.1 and 1.0\n"},
};

static size_t status_find(unsigned status)
{
    size_t i = 0;
    while (statuses[i].status != status) {
        i++;
        assert(i < sizeof statuses / sizeof statuses[0]);
    }
    return i;
}

const char *http_status_line(unsigned status)
{
    return statuses[status_find(status)].line;
}

/* Every text is short and every answer fits: an etag has 24 bytes, a number 20. */
struct writer {
    char *at, *end;
};

static void put(struct writer *w, const char *text)
{
    size_t size = strlen(text);
    assert((size_t)(w->end - w->at) >= size);
    memcpy(w->at, text, size);
    w->at += size;
}

static void put_number(struct writer *w, uint64_t number)
{
    char digits[21];
    size_t i = sizeof digits - 1;
    digits[i] = '\0';
    do
        digits[--i] = (char)('0' + number % 10);
    while (number /= 10);
    put(w, digits + i);
}

static void put_field(struct writer *w, const char *name, const char *value)
{
    put(w, name);
    put(w, value);
    put(w, "\r\n");
}

static void put_content_range(struct writer *w, const struct http_answer *a)
{
    put(w, "Content-Range: bytes ");
    if (a->status == 206) {
        put_number(w, a->part_start);
        put(w, "-");
        put_number(w, a->part_start + a->size - 1);
    } else {
        put(w, "*");
    }
    put(w, "/");
    put_number(w, a->file_size);
    put(w, "\r\n");
}

size_t http_answer_format(const struct http_answer *a, const char *date, char out[static HTTP_ANSWER_MAX])
{
    struct writer w = {out, out + HTTP_ANSWER_MAX};
    put(&w, "HTTP/1.1 ");
    put_number(&w, a->status);
    put(&w, " ");
    put_field(&w, statuses[status_find(a->status)].reason, "");
    put_field(&w, "Date: ", date);
    if (a->type)
        put_field(&w, "Content-Type: ", a->type);
    put(&w, "Content-Length: ");
    put_number(&w, a->size);
    put(&w, "\r\n");
    if (a->ranges)
        put(&w, "Accept-Ranges: bytes\r\n");
    if (a->status == 206 || a->status == 416)
        put_content_range(&w, a);
    if (a->etag && *a->etag)
        put_field(&w, "ETag: ", a->etag);
    if (a->status == 405)
        put(&w, "Allow: GET, HEAD\r\n");
    /* iPXE keeps a connection only when it is told so. */
    put(&w, a->keep ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n");
    return (size_t)(w.at - out);
}

static void put_two(struct writer *w, int number)
{
    const char text[] = {(char)('0' + number / 10 % 10), (char)('0' + number % 10), '\0'};
    put(w, text);
}

void http_date_format(int64_t wall_s, char out[static HTTP_DATE_SIZE])
{
    static const char days[] = "Sun, \0Mon, \0Tue, \0Wed, \0Thu, \0Fri, \0Sat, ";
    static const char months[] =
        " Jan \0 Feb \0 Mar \0 Apr \0 May \0 Jun \0 Jul \0 Aug \0 Sep \0 Oct \0 Nov \0 Dec ";
    struct writer w = {out, out + HTTP_DATE_SIZE - 1};
    time_t time = (time_t)wall_s;
    struct tm t;
    gmtime_r(&time, &t);
    put(&w, days + 6 * t.tm_wday);
    put_two(&w, t.tm_mday);
    put(&w, months + 6 * t.tm_mon);
    put_two(&w, (t.tm_year + 1900) / 100);
    put_two(&w, t.tm_year + 1900);
    const int clock[] = {t.tm_hour, t.tm_min, t.tm_sec};
    for (size_t i = 0; i < 3; i++) {
        put(&w, i ? ":" : " ");
        put_two(&w, clock[i]);
    }
    put(&w, " GMT");
    *w.at = '\0';
}
