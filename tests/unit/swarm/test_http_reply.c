/* HTTP answers, each fed whole and byte by byte. Examples from RFC 9112 and from what nginx and Python's
 * http.server send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "swarm/http_reply.h"

struct outcome {
    int result;
    size_t used; /* of the text */
    struct http_reply reply;
    struct error err;
    char body[256];
};

static void feed(const char *text, bool head, size_t step, struct outcome *out)
{
    *out = (struct outcome){0};
    http_reply_init(&out->reply, head);
    size_t size = strlen(text), bodied = 0;
    while (out->used < size && !http_reply_done(&out->reply)) {
        struct slice body;
        size_t used, part = size - out->used < step ? size - out->used : step;
        struct slice data = {(const uint8_t *)text + out->used, part};
        out->result = http_reply_feed(&out->reply, data, &used, &body, &out->err);
        if (out->result < 0)
            return;
        assert_true(used <= part && bodied + body.size < sizeof out->body);
        if (body.size)
            memcpy(out->body + bodied, body.data, body.size);
        bodied += body.size;
        out->used += used;
    }
    assert_int_equal(bodied, out->reply.body_bytes);
}

/* `rest`: what is left behind the answer, or NULL when it does not end there. */
static struct outcome check(const char *text, bool head, const char *body, const char *rest)
{
    struct outcome out;
    for (size_t step = 1; step < 2000; step += 1999 / 3) {
        feed(text, head, step, &out);
        if (out.result < 0)
            fail_msg("%s", out.err.text);
        assert_string_equal(out.body, body);
        assert_int_equal(http_reply_done(&out.reply), rest != NULL);
        if (rest)
            assert_string_equal(text + out.used, rest);
    }
    return out;
}

static void check_refused(const char *text, const char *says)
{
    struct outcome out;
    for (size_t step = 1; step < 2000; step += 1998) {
        feed(text, false, step, &out);
        assert_int_equal(out.result, -1);
        if (!strstr(out.err.text, says))
            fail_msg("it says: %s", out.err.text);
    }
}

static void with_length(void **state)
{
    struct outcome out = check("HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Length:  5 \r\n\r\nhelloHTTP/1.1",
                               false, "hello", "HTTP/1.1");
    assert_int_equal(out.reply.status, 200);
    assert_int_equal(out.reply.length_bytes, 5);
    assert_true(out.reply.keep_alive);
    out = check("HTTP/1.0 404 Not Found\ncontent-length: 0\n\nX", false, "", "X");
    assert_int_equal(out.reply.status, 404);
    assert_false(out.reply.keep_alive);
    out = check("HTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", false, "x", "");
    assert_true(out.reply.keep_alive);
    out = check("HTTP/1.1 200 OK\r\nConnection: TE, close\r\nContent-Length: 1\r\n\r\nx", false, "x", "");
    assert_false(out.reply.keep_alive);
}

static void without_body(void **state)
{
    struct outcome out = check("HTTP/1.1 200 OK\r\nContent-Length: 70000000\r\n\r\n", true, "", "");
    assert_int_equal(out.reply.length_bytes, 70000000);
    check("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\nrest", false, "", "rest");
    check("HTTP/1.1 204 No Content\r\n\r\nrest", false, "", "rest");
    out = check(
        "HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
        false, "ab", "");
    assert_int_equal(out.reply.status, 200);
}

static void until_close(void **state)
{
    struct error err;
    struct outcome out = check("HTTP/1.1 200 OK\r\n\r\nall of it", false, "all of it", NULL);
    assert_false(out.reply.keep_alive);
    assert_int_equal(http_reply_close(&out.reply, &err), 0);
    assert_true(http_reply_done(&out.reply));
}

static void cut_short(void **state)
{
    struct error err;
    struct outcome out = check("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", false, "abc", NULL);
    assert_int_equal(http_reply_close(&out.reply, &err), -1);
    assert_non_null(strstr(err.text, "7 bytes before the end"));
    out = check("HTTP/1.1 200 OK\r\nContent-", false, "", NULL);
    assert_int_equal(http_reply_close(&out.reply, &err), -1);
    out = check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n", false, "abc", NULL);
    assert_int_equal(http_reply_close(&out.reply, &err), -1);
}

/* RFC 9112, section 7.1: chunks with an extension and a trailer; Content-Length does not count. */
static void chunks(void **state)
{
    struct outcome out =
        check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: Chunked\r\n\r\n"
              "4\r\nWiki\r\n5;a=\"b\"\r\npedia\r\n00a\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\nrest",
              false, "Wikipedia0123456789", "rest");
    assert_true(out.reply.keep_alive);
    assert_int_equal(out.reply.length_bytes, HTTP_REPLY_LENGTH_NONE);
}

static void refused(void **state)
{
    check_refused("SSH-2.0-OpenSSH\r\n", "begins with \"SSH-2.0-OpenSSH\"");
    check_refused("HTTP/2 200\r\n", "no HTTP/1");
    check_refused("HTTP/1.1 99 x\r\n", "no HTTP/1");
    check_refused("HTTP/1.1 600 x\r\n", "no HTTP/1");
    check_refused("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", "no number");
    check_refused("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n", "no number");
    check_refused("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n", "two lengths");
    check_refused("HTTP/1.1 200 OK\r\nno colon\r\n", "without a colon");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n", "\"gzip, chunked\"");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "without its size");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n11111111111111111\r\n", "2^63");
    check_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n", "longer than it says");
}

static void long_lines(void **state)
{
    char text[1200];
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nX: %0600d\r\nContent-Length: 1\r\n\r\na", 1);
    check(text, false, "a", "");
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %0600d\r\n\r\na", 1);
    check_refused(text, "has 6");
    struct http_reply reply;
    struct slice body;
    struct error err;
    size_t used, fed = 0;
    http_reply_init(&reply, false);
    assert_int_equal(http_reply_feed(&reply, (struct slice){(const uint8_t *)"HTTP/1.1 200 OK\r\n", 17},
                                     &used, &body, &err),
                     0);
    memset(text, 'a', sizeof text);
    text[5] = ':';
    text[sizeof text - 1] = '\n';
    while (http_reply_feed(&reply, (struct slice){(const uint8_t *)text, sizeof text}, &used, &body, &err) ==
           0)
        assert_true((fed += sizeof text) < 2 * HTTP_REPLY_HEAD_MAX);
    assert_non_null(strstr(err.text, "head has more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_length), cmocka_unit_test(without_body), cmocka_unit_test(until_close),
        cmocka_unit_test(cut_short),   cmocka_unit_test(chunks),       cmocka_unit_test(refused),
        cmocka_unit_test(long_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
