#include "serve/http_range.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t");
}

/* Decimal digits, at least one; a number too large counts as the largest. NULL when there is none. */
static const char *read_number(const char *at, uint64_t *out)
{
    if (*at < '0' || *at > '9')
        return NULL;
    uint64_t v = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
    }
    *out = v;
    return at;
}

/* "-500": the last 500 bytes. */
static enum http_range_kind range_suffix(uint64_t count, uint64_t file_size, struct http_range *out)
{
    if (count == 0)
        return HTTP_RANGE_NONE;
    if (file_size == 0)
        return HTTP_RANGE_WHOLE; /* satisfiable, but no Content-Range can say it */
    out->size = count < file_size ? count : file_size;
    out->offset = file_size - out->size;
    return HTTP_RANGE_PART;
}

static enum http_range_kind range_between(uint64_t first, uint64_t last, uint64_t file_size,
                                          struct http_range *out)
{
    if (last < first)
        return HTTP_RANGE_WHOLE;
    if (first >= file_size)
        return HTTP_RANGE_NONE;
    out->offset = first;
    out->size = (last < file_size ? last + 1 : file_size) - first;
    return HTTP_RANGE_PART;
}

enum http_range_kind http_range_parse(const char *value, uint64_t file_size, struct http_range *out)
{
    *out = (struct http_range){0, file_size};
    if (!value || strncasecmp(value, "bytes=", 6) != 0)
        return HTTP_RANGE_WHOLE;
    const char *at = skip_blanks(value + 6);
    bool suffix = *at == '-';
    uint64_t first = 0, last = UINT64_MAX;
    if (!suffix) {
        at = read_number(at, &first);
        if (!at || *at != '-')
            return HTTP_RANGE_WHOLE;
    }
    at++;
    const char *behind = read_number(at, &last);
    if (!behind && suffix)
        return HTTP_RANGE_WHOLE;
    at = skip_blanks(behind ? behind : at);
    if (*at) /* a list, or nonsense */
        return HTTP_RANGE_WHOLE;
    return suffix ? range_suffix(last, file_size, out) : range_between(first, last, file_size, out);
}

/* The size of the entity tag at `at`, quotes included; 0 when there is none. */
static size_t tag_size(const char *at)
{
    const char *end = *at == '"' ? strchr(at + 1, '"') : NULL;
    return end ? (size_t)(end - at) + 1 : 0;
}

bool http_etag_listed(const char *value, const char *etag)
{
    if (!value || !*etag)
        return false;
    const char *at = skip_blanks(value);
    if (*at == '*')
        return *skip_blanks(at + 1) == 0;
    while (*at) {
        if (strncmp(at, "W/", 2) == 0)
            at += 2;
        size_t size = tag_size(at);
        if (size == 0)
            return false;
        if (size == strlen(etag) && memcmp(at, etag, size) == 0)
            return true;
        at += size;
        at += strspn(at, " \t,");
    }
    return false;
}

bool http_etag_current(const char *value, const char *etag)
{
    return !value || (*etag && strcmp(value, etag) == 0);
}
