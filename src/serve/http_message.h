/*
 * HTTP/1.1 on the wire (RFC 9110, 9112), for a server of files: the heads of requests are read, those of
 * answers written. Pure and total; answers always say their length, are never in chunks and never a redirect.
 *
 * What a request may look like, where the RFC leaves it open:
 *   - lines end with CRLF or with LF alone (RFC 9112, 2.2); empty lines before a request are skipped
 *   - a CR elsewhere, a NUL, a folded line (5.2), a blank before a colon (5.1) are refused: 400
 *   - a missing Host is let pass, since there is one name space only and firmware that forgets it shall boot;
 *     two of them are refused
 *   - HTTP/1.0 and 1.x are served, other versions refused: 505
 *   - methods and "HTTP/" count in upper case only, as they are registered
 *   - a body is read over; one that is coded (chunked) is refused: 411; one longer than HTTP_BODY_MAX too:
 * 413. Two lengths, or a length with a coding (request smuggling, RFC 9112, 6.1 and 11.2): 400
 *   - after a refusal of these kinds the connection ends, for where the next request starts is not known
 */
#pragma once

#include "serve/http_range.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_HEAD_MAX   8192u       /* bytes of a request's head; loaders send up to 600, browsers 2000 */
#define HTTP_FIELDS_MAX 100u        /* lines in it: as Apache's LimitRequestFields */
#define HTTP_BODY_MAX   (64u << 10) /* bytes behind a head that are read over */
#define HTTP_ANSWER_MAX 512u        /* bytes of an answer's head */
#define HTTP_DATE_SIZE  30u         /* "Sun, 06 Nov 1994 08:49:37 GMT" and NUL */

enum http_method {
    HTTP_METHOD_OTHER, /* whatever is not one of ours */
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
};

/*
 * A request's head. Its texts are in the bytes that were parsed, at these places behind `skipped`, ended by
 * NUL; 0: none.
 */
struct http_head {
    size_t skipped; /* line ends in front of it */
    size_t size;    /* bytes behind `skipped`, the empty line with them; 0: it has not ended */
    enum http_method method;
    bool keep;     /* the client goes on with this connection: RFC 9112, section 9.3 */
    bool expects;  /* 100-continue: the body comes when it is told to, or not at all */
    uint64_t body; /* bytes behind the head; more than HTTP_BODY_MAX: at least so many, of another method */
    uint16_t target, range, if_range, if_none_match;
};

/*
 * Takes the next head out of data, which is written into (NULs). 0: there it is. 1: more bytes are needed;
 * until HTTP_HEAD_MAX, never behind it. Else the status to refuse it with.
 */
#define HTTP_PARSE_MORE 1u
unsigned http_head_parse(char *data, size_t size, struct http_head *out);

/* A text of a head that begins at `start` (data + skipped); NULL when it was not sent. */
const char *http_head_text(const char *start, uint16_t at);

/* The head of an answer. */
struct http_answer {
    unsigned status;
    bool keep;           /* the connection goes on */
    bool ranges;         /* Accept-Ranges */
    const char *type;    /* Content-Type; NULL: none */
    const char *etag;    /* quoted; "" or NULL: none */
    uint64_t size;       /* Content-Length */
    uint64_t file_size;  /* 206, 416: of the whole file */
    uint64_t part_start; /* 206: the first byte */
};

/* Writes it, without NUL. date: http_date_format's. Returns its size. */
size_t http_answer_format(const struct http_answer *answer, const char *date,
                          char out[static HTTP_ANSWER_MAX]);

/* "Bad Request\n" and the like: what a refusal says in words, one line. */
const char *http_status_line(unsigned status);

/* RFC 9110, section 5.6.7. wall_s: seconds since 1970-01-01 UTC. */
void http_date_format(int64_t wall_s, char out[static HTTP_DATE_SIZE]);
