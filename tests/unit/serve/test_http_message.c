#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/http_message.h"

/* Parses a copy; *text is where it starts, for http_head_text. */
static unsigned parse(const char *request, size_t size, struct http_head *head, char **copy)
{
    *copy = malloc(size ? size : 1); /* exactly as large, so that a read behind it is seen */
    assert_non_null(*copy);
    memcpy(*copy, request, size);
    return http_head_parse(*copy, size, head);
}

static unsigned status_of(const char *request)
{
    struct http_head head;
    char *copy;
    unsigned status = parse(request, strlen(request), &head, &copy);
    free(copy);
    return status;
}

#define LINE "GET /x HTTP/1.1\r\n"

/* The numbers are RFC 9112's and 9110's. */
struct status_case {
    const char *request;
    unsigned status;
};

static void check_statuses(const struct status_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (status_of(cases[i].request) != cases[i].status)
            fail_msg("%s is %u", cases[i].request, status_of(cases[i].request));
}

static void request_lines(void **state)
{
    static const struct status_case cases[] = {
        {LINE "\r\n", 0},
        {"GET /x HTTP/1.0\r\n\r\n", 0},
        {"GET /x HTTP/1.7\r\n\r\n", 0}, /* 9110, 2.5: as 1.1 */
        {"GET /x HTTP/1.1\nHost: a\n\n", 0},
        {"GET /x HTTP/1.1\nHost: a\r\n\n", 0},
        {"\r\n\n\r\n" LINE "\r\n", 0},
        {"", HTTP_PARSE_MORE},
        {"\r", HTTP_PARSE_MORE},
        {"\r\n", HTTP_PARSE_MORE},
        {"GET", HTTP_PARSE_MORE},
        {LINE, HTTP_PARSE_MORE},
        {LINE "\r", HTTP_PARSE_MORE},
        {LINE "Host: a\r\n", HTTP_PARSE_MORE},
        {"\r" LINE "\r\n", 400},
        {"GET\r\n\r\n", 400},
        {"GET /x\r\n\r\n", 400}, /* HTTP/0.9 */
        {"GET  /x HTTP/1.1\r\n\r\n", 400},
        {"GET /x  HTTP/1.1\r\n\r\n", 400},
        {"GET /x HTTP/1.1 \r\n\r\n", 400},
        {"GET /a b HTTP/1.1\r\n\r\n", 400},
        {" GET /x HTTP/1.1\r\n\r\n", 400},
        {"G(T /x HTTP/1.1\r\n\r\n", 400},
        {"GET /x http/1.1\r\n\r\n", 400},
        {"GET /x HTTP/1.10\r\n\r\n", 400},
        {"GET /x HTTP/11\r\n\r\n", 400},
        {"GET /x HTTP/1.1\rX: y\r\n\r\n", 400},
        {"GET /x HTTP/2.0\r\n\r\n", 505},
        {"GET /x HTTP/9.9\r\n\r\n", 505},
        {"GET /x HTTP/0.9\r\n\r\n", 505},
        {"PUT /x HTTP/1.1\r\n\r\n", 0},
    };
    check_statuses(cases, sizeof cases / sizeof cases[0]);
}

static void fields(void **state)
{
    static const struct status_case cases[] = {
        {LINE "Range : bytes=0-1\r\n\r\n", 400}, /* 9112, 5.1 */
        {LINE " Range: bytes=0-1\r\n\r\n", 400},
        {LINE "A: b\r\n c\r\n\r\n", 400}, /* 9112, 5.2 */
        {LINE "A: b\r\n\tc\r\n\r\n", 400},
        {LINE ": b\r\n\r\n", 400},
        {LINE "novalue\r\n\r\n", 400},
        {LINE "A: b\rc\r\n\r\n", 400},
        {LINE "A:\r\n\r\n", 0},
        {LINE "A: \x80\xff\r\n\r\n", 0},
        {LINE "Host: a\r\nHost: a\r\n\r\n", 400},
        {LINE "Content-Length: 5\r\n\r\n", 0},
        {LINE "Content-Length: 65536\r\n\r\n", 0},
        {LINE "Content-Length: 65537\r\n\r\n", 413},
        {LINE "Content-Length: 18446744073709551621\r\n\r\n", 413}, /* 2^64 + 5 */
        {LINE "Content-Length: 99999999999999999999999999999\r\n\r\n", 413},
        {"PUT /x HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", 0},
        {LINE "Content-Length: -1\r\n\r\n", 400},
        {LINE "Content-Length: +5\r\n\r\n", 400},
        {LINE "Content-Length: 0x5\r\n\r\n", 400},
        {LINE "Content-Length: 5, 5\r\n\r\n", 400},
        {LINE "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 400},
        {LINE "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400},
        {LINE "Content-Length:\r\n\r\n", 400},
        {LINE "Transfer-Encoding: chunked\r\n\r\n", 411},
        {LINE "Transfer-Encoding: xchunked\r\n\r\n", 411},
        {LINE "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
        {LINE "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n", 400},
        {"GET /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    };
    check_statuses(cases, sizeof cases / sizeof cases[0]);
}

static void a_nul_is_refused(void **state)
{
    static const char *const requests[] = {"GET /x@y HTTP/1.1\r\n\r\n", "G@T /x HTTP/1.1\r\n\r\n",
                                           LINE "A: b@c\r\n\r\n", LINE "A@: b\r\n\r\n", "@" LINE "\r\n"};
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        struct http_head head;
        char *copy, text[64];
        snprintf(text, sizeof text, "%s", requests[i]);
        *strchr(text, '@') = '\0';
        assert_int_equal(parse(text, strlen(requests[i]), &head, &copy), 400);
        free(copy);
    }
}

static void texts(void **state)
{
    static const char request[] = "\r\nGET http://h/a?b HTTP/1.1\r\nhOST:h\r\nRANGE: \t bytes=1-2 \t\r\n"
                                  "If-Range: \"e\"\r\nif-none-match:\"a\", \"b\"\r\nRange: bytes=5-6\r\n"
                                  "X-If-Range: no\r\n\r\nGET";
    struct http_head head;
    char *copy;
    assert_int_equal(parse(request, sizeof request - 1, &head, &copy), 0);
    const char *start = copy + head.skipped;
    assert_int_equal(head.skipped, 2);
    assert_int_equal(head.skipped + head.size, sizeof request - 1 - 3);
    assert_int_equal(head.method, HTTP_METHOD_GET);
    assert_string_equal(http_head_text(start, head.target), "http://h/a?b");
    assert_string_equal(http_head_text(start, head.range), "bytes=1-2");
    assert_string_equal(http_head_text(start, head.if_range), "\"e\"");
    assert_string_equal(http_head_text(start, head.if_none_match), "\"a\", \"b\"");
    free(copy);
    assert_int_equal(parse("HEAD / HTTP/1.1\r\n\r\n", 19, &head, &copy), 0);
    assert_int_equal(head.method, HTTP_METHOD_HEAD);
    assert_null(http_head_text(copy, head.range));
    free(copy);
    assert_int_equal(parse("get / HTTP/1.1\r\n\r\n", 18, &head, &copy), 0);
    assert_int_equal(head.method, HTTP_METHOD_OTHER);
    free(copy);
}

static void keeping(void **state)
{
    static const struct {
        const char *request;
        bool keep;
    } cases[] = {
        {LINE "\r\n", true},
        {LINE "Connection: close\r\n\r\n", false},
        {LINE "Connection: Upgrade , CLOSE\r\n\r\n", false},
        {LINE "Connection: keep-alive\r\nConnection: close\r\n\r\n", false},
        {LINE "Connection: closed\r\n\r\n", true},
        {LINE "Connection:,, ,\r\n\r\n", true},
        {"GET /x HTTP/1.0\r\n\r\n", false},
        {"GET /x HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET /x HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct http_head head;
        char *copy;
        assert_int_equal(parse(cases[i].request, strlen(cases[i].request), &head, &copy), 0);
        if (head.keep != cases[i].keep)
            fail_msg("%s", cases[i].request);
        free(copy);
    }
}

static void bodies(void **state)
{
    struct http_head head;
    char *copy;
    static const char request[] = LINE "Expect: 100-Continue\r\nContent-Length: 0042\r\n\r\n";
    assert_int_equal(parse(request, sizeof request - 1, &head, &copy), 0);
    assert_int_equal(head.body, 42);
    assert_true(head.expects);
    free(copy);
    static const char put[] = "PUT /x HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n";
    assert_int_equal(parse(put, sizeof put - 1, &head, &copy), 0);
    assert_true(head.body > HTTP_BODY_MAX);
    free(copy);
}

/* A head of one byte less than the limit, of as many, and of one more. */
static void limits(void **state)
{
    char request[HTTP_HEAD_MAX + 16], *copy;
    struct http_head head;
    for (size_t size = HTTP_HEAD_MAX - 1; size <= HTTP_HEAD_MAX + 1; size++) {
        memset(request, 'a', sizeof request);
        memcpy(request, LINE "A: ", sizeof LINE - 1 + 3);
        memcpy(request + size - 4, "\r\n\r\n", 4);
        assert_int_equal(parse(request, size, &head, &copy), size <= HTTP_HEAD_MAX ? 0 : 431);
        free(copy);
    }
    memset(request, 'a', sizeof request);
    memcpy(request, "GET /", 5);
    assert_int_equal(parse(request, HTTP_HEAD_MAX - 1, &head, &copy), HTTP_PARSE_MORE);
    free(copy);
    assert_int_equal(parse(request, HTTP_HEAD_MAX, &head, &copy), 414);
    free(copy);
    for (unsigned fields = HTTP_FIELDS_MAX; fields <= HTTP_FIELDS_MAX + 1; fields++) {
        size_t used = sizeof LINE - 1;
        memcpy(request, LINE, used);
        for (unsigned i = 0; i < fields; i++, used += 6)
            memcpy(request + used, "A: b\r\n", 6);
        memcpy(request + used, "\r\n", 2);
        assert_int_equal(parse(request, used + 2, &head, &copy), fields > HTTP_FIELDS_MAX ? 431 : 0);
        free(copy);
    }
}

/* A head that comes byte by byte is the same. */
static void in_pieces(void **state)
{
    static const char request[] = "\n" LINE "Range: bytes=0-9\r\nConnection: close\r\n\r\n";
    struct http_head head;
    char *copy;
    for (size_t size = 0; size < sizeof request - 1; size++) {
        assert_int_equal(parse(request, size, &head, &copy), HTTP_PARSE_MORE);
        assert_memory_equal(copy, request, size); /* it is parsed again with what follows */
        free(copy);
    }
    assert_int_equal(parse(request, sizeof request - 1, &head, &copy), 0);
    free(copy);
}

static void answers(void **state)
{
    static const struct {
        struct http_answer answer;
        const char *head;
    } cases[] = {
        {{.status = 200, .keep = true, .ranges = true, .type = "text/plain", .etag = "\"ab\"", .size = 12},
         "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n"
         "Accept-Ranges: bytes\r\nETag: \"ab\"\r\nConnection: keep-alive\r\n\r\n"},
        {{.status = 206,
          .ranges = true,
          .etag = "",
          .size = 10,
          .file_size = 18446744073709551615u,
          .part_start = 18446744073709551600u},
         "HTTP/1.1 206 Partial Content\r\nDate: D\r\nContent-Length: 10\r\nAccept-Ranges: bytes\r\n"
         "Content-Range: bytes 18446744073709551600-18446744073709551609/18446744073709551615\r\n"
         "Connection: close\r\n\r\n"},
        {{.status = 416, .keep = true, .size = 21, .file_size = 0},
         "HTTP/1.1 416 Range Not Satisfiable\r\nDate: D\r\nContent-Length: 21\r\n"
         "Content-Range: bytes */0\r\nConnection: keep-alive\r\n\r\n"},
        {{.status = 405, .keep = true, .type = "text/plain", .size = 18},
         "HTTP/1.1 405 Method Not Allowed\r\nDate: D\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n"
         "Allow: GET, HEAD\r\nConnection: keep-alive\r\n\r\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[HTTP_ANSWER_MAX];
        size_t size = http_answer_format(&cases[i].answer, "D", out);
        assert_int_equal(size, strlen(cases[i].head));
        assert_memory_equal(out, cases[i].head, size);
    }
}

/* As `date -u -d @N` prints them. */
static void dates(void **state)
{
    static const struct {
        int64_t wall_s;
        const char *text;
    } cases[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110, section 5.6.7 */
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1795388399, "Sun, 22 Nov 2026 22:59:59 GMT"},
        {4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[HTTP_DATE_SIZE];
        http_date_format(cases[i].wall_s, out);
        assert_string_equal(out, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_lines), cmocka_unit_test(fields),    cmocka_unit_test(a_nul_is_refused),
        cmocka_unit_test(texts),         cmocka_unit_test(keeping),   cmocka_unit_test(bodies),
        cmocka_unit_test(limits),        cmocka_unit_test(in_pieces), cmocka_unit_test(answers),
        cmocka_unit_test(dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
