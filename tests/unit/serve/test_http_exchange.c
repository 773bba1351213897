#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "serve/http_exchange.h"

#define ETAG "\"0123\""

struct rig {
    char request[512];
    struct http_head head;
    struct boot_file file;
    struct http_exchange x;
};

static void ask(struct rig *rig, const char *method, const char *fields, uint64_t size)
{
    size_t used =
        (size_t)snprintf(rig->request, sizeof rig->request, "%s /x HTTP/1.1\r\n%s\r\n", method, fields);
    assert_int_equal(http_head_parse(rig->request, used, &rig->head), 0);
    rig->file = (struct boot_file){.size = size, .etag = ETAG};
    http_exchange_file(&rig->head, rig->request, &rig->file, &rig->x);
}

static void files(void **state)
{
    static const struct {
        const char *method, *fields;
        uint64_t size;
        unsigned status;
        enum boot_event_kind event;
        uint64_t length; /* Content-Length */
        bool sends;
        uint64_t offset, part;
    } cases[] = {
        {"GET", "", 1000, 200, BOOT_EVENT_FILE_START, 1000, true, 0, 1000},
        {"GET", "", 0, 200, BOOT_EVENT_FILE_START, 0, true, 0, 0},
        {"HEAD", "", 1000, 200, BOOT_EVENT_FILE_PROBED, 1000, false, 0, 1000},
        {"HEAD", "Range: bytes=0-9\r\n", 1000, 200, BOOT_EVENT_FILE_PROBED, 1000, false, 0, 1000},
        {"GET", "Range: bytes=10-19\r\n", 1000, 206, BOOT_EVENT_FILE_START, 10, true, 10, 10},
        {"GET", "Range: bytes=-1\r\n", 1000, 206, BOOT_EVENT_FILE_START, 1, true, 999, 1},
        {"GET", "Range: bytes=0-1,4-5\r\n", 1000, 200, BOOT_EVENT_FILE_START, 1000, true, 0, 1000},
        {"GET", "Range: bytes=10-19\r\nIf-Range: " ETAG "\r\n", 1000, 206, BOOT_EVENT_FILE_START, 10, true,
         10, 10},
        {"GET", "Range: bytes=10-19\r\nIf-Range: \"x\"\r\n", 1000, 200, BOOT_EVENT_FILE_START, 1000, true, 0,
         1000},
        {"GET", "Range: bytes=1000-\r\n", 1000, 416, BOOT_EVENT_FILE_FAILED, 20, false, 0, 0},
        {"GET", "If-None-Match: " ETAG "\r\n", 1000, 304, BOOT_EVENT_FILE_PROBED, 1000, false, 0, 1000},
        {"HEAD", "If-None-Match: W/" ETAG "\r\n", 1000, 304, BOOT_EVENT_FILE_PROBED, 1000, false, 0, 1000},
        {"GET", "If-None-Match: \"x\"\r\n", 1000, 200, BOOT_EVENT_FILE_START, 1000, true, 0, 1000},
        /* RFC 9110, section 13.2.2: If-None-Match comes before Range */
        {"GET", "If-None-Match: *\r\nRange: bytes=0-9\r\n", 1000, 304, BOOT_EVENT_FILE_PROBED, 1000, false, 0,
         1000},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rig rig;
        ask(&rig, cases[i].method, cases[i].fields, cases[i].size);
        const struct http_exchange *x = &rig.x;
        if (x->answer.status != cases[i].status || x->event != cases[i].event ||
            x->answer.size != cases[i].length || x->sends_part != cases[i].sends ||
            (x->answer.status != 416 &&
             (x->part.offset != cases[i].offset || x->part.size != cases[i].part || *x->line)))
            fail_msg("%s %s: %u", cases[i].method, cases[i].fields, x->answer.status);
        if (x->answer.status == 206) {
            assert_int_equal(x->answer.part_start, cases[i].offset);
            assert_int_equal(x->answer.file_size, 1000);
        }
    }
}

static void types(void **state)
{
    struct rig rig;
    ask(&rig, "GET", "", 1);
    assert_string_equal(rig.x.answer.type, "application/octet-stream");
    assert_string_equal(rig.x.answer.etag, ETAG);
    assert_true(rig.x.answer.ranges);
    rig.file.role = BOOT_FILE_CONFIG;
    http_exchange_file(&rig.head, rig.request, &rig.file, &rig.x);
    assert_string_equal(rig.x.answer.type, "text/plain");
}

static void refusals(void **state)
{
    static const struct {
        enum boot_answer answer;
        unsigned status;
        enum boot_event_kind event;
    } cases[] = {{BOOT_ANSWER_MISSING, 404, BOOT_EVENT_FILE_MISSING},
                 {BOOT_ANSWER_REFUSED, 403, BOOT_EVENT_FILE_REFUSED},
                 {BOOT_ANSWER_FAILED, 503, BOOT_EVENT_FILE_FAILED}};
    for (size_t i = 0; i < 3; i++)
        for (unsigned head = 0; head < 2; head++) {
            struct rig rig;
            ask(&rig, head ? "HEAD" : "GET", "", 1);
            http_exchange_refusal(&rig.head, cases[i].answer, &rig.x);
            assert_int_equal(rig.x.answer.status, cases[i].status);
            assert_int_equal(rig.x.event, cases[i].event);
            assert_false(rig.x.sends_part);
            assert_int_equal(strlen(rig.x.line), head ? 0 : rig.x.answer.size);
            assert_true(rig.x.answer.size > 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files),
        cmocka_unit_test(types),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
