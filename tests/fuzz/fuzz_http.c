/* The bytes of a connection: one request behind the other, each answered for a file of its own size. */
#include <stdlib.h>
#include <string.h>

#include "serve/http_exchange.h"
#include "serve/http_target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void check_text(const char *start, const struct http_head *head, uint16_t at)
{
    const char *text = http_head_text(start, at);
    check(!text || (size_t)at + strlen(text) < head->size);
    check(!text || !strpbrk(text, "\r\n"));
}

static void check_answer(const struct http_exchange *x)
{
    char out[HTTP_ANSWER_MAX], date[HTTP_DATE_SIZE];
    http_date_format(0, date);
    size_t size = http_answer_format(&x->answer, date, out);
    check(size > 4 && memcmp(out + size - 4, "\r\n\r\n", 4) == 0);
    check(!x->sends_part || x->part.size == x->answer.size);
}

static void answer(const struct http_head *head, const char *start, uint64_t file_size)
{
    struct boot_file file = {.fd = -1, .size = file_size, .etag = "\"ba7816bf8f01cfea\""};
    struct http_exchange x;
    char name[BOOT_PATH_MAX];
    http_target_decode(http_head_text(start, head->target), name);
    if (head->method == HTTP_METHOD_OTHER) {
        http_exchange_status(head, 405, BOOT_EVENT_FILE_REFUSED, "", &x);
    } else {
        http_exchange_file(head, start, &file, &x);
        check(x.part.offset + x.part.size <= file_size || x.answer.status == 416);
    }
    check_answer(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *bytes = malloc(size ? size : 1);
    if (!bytes)
        return 0;
    memcpy(bytes, data, size);
    size_t at = 0;
    for (;;) {
        struct http_head head;
        unsigned status = http_head_parse(bytes + at, size - at, &head);
        const char *start = bytes + at + head.skipped;
        check(head.skipped + head.size <= size - at);
        if (status == HTTP_PARSE_MORE) {
            check(size - at - head.skipped < HTTP_HEAD_MAX);
            break;
        }
        if (status) {
            struct http_exchange x;
            http_exchange_status(&head, status, BOOT_EVENT_FILE_REFUSED, "", &x);
            check_answer(&x);
            break;
        }
        check(head.size > 0 && head.target);
        check_text(start, &head, head.target);
        check_text(start, &head, head.range);
        check_text(start, &head, head.if_range);
        check_text(start, &head, head.if_none_match);
        answer(&head, start, size % 3 ? 1000 : 0);
        at += head.skipped + head.size;
        if (head.body > size - at)
            break;
        at += (size_t)head.body;
    }
    free(bytes);
    return 0;
}
