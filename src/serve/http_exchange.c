#include "serve/http_exchange.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void http_exchange_status(const struct http_head *head, unsigned status, enum boot_event_kind event,
                          const char *text, struct http_exchange *out)
{
    const char *line = http_status_line(status);
    *out = (struct http_exchange){
        .answer = {.status = status, .keep = head->keep, .type = "text/plain", .size = strlen(line)},
        .line = head->method == HTTP_METHOD_HEAD ? "" : line,
        .event = event,
    };
    snprintf(out->text, sizeof out->text, "%s", text);
}

void http_exchange_refusal(const struct http_head *head, enum boot_answer answer, struct http_exchange *out)
{
    static const struct {
        unsigned status;
        enum boot_event_kind event;
    } refusals[] = {
        [BOOT_ANSWER_MISSING] = {404, BOOT_EVENT_FILE_MISSING},
        [BOOT_ANSWER_REFUSED] = {403, BOOT_EVENT_FILE_REFUSED},
        [BOOT_ANSWER_FAILED] = {503, BOOT_EVENT_FILE_FAILED},
    };
    assert(answer != BOOT_ANSWER_FOUND);
    http_exchange_status(head, refusals[answer].status, refusals[answer].event, "", out);
}

static void part(const struct boot_file *file, struct http_exchange *out)
{
    out->answer.status = 206;
    out->answer.part_start = out->part.offset;
    snprintf(out->text, sizeof out->text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, out->part.offset,
             out->part.offset + out->part.size - 1, file->size);
}

void http_exchange_file(const struct http_head *head, const char *start, const struct boot_file *file,
                        struct http_exchange *out)
{
    bool get = head->method == HTTP_METHOD_GET;
    *out = (struct http_exchange){
        .answer = {.status = 200,
                   .keep = head->keep,
                   .ranges = true,
                   .type = file->role == BOOT_FILE_CONFIG ? "text/plain" : "application/octet-stream",
                   .etag = file->etag,
                   .size = file->size,
                   .file_size = file->size},
        .part = {0, file->size},
        .line = "",
        .event = BOOT_EVENT_FILE_PROBED,
    };
    if (http_etag_listed(http_head_text(start, head->if_none_match), file->etag)) {
        /* No body, but the length of what 200 would have had: RFC 9110, section 8.6. */
        out->answer.status = 304;
        snprintf(out->text, sizeof out->text, "the client has it already");
        return;
    }
    if (!get) /* RFC 9110, section 14.2: only GET has ranges */
        return;
    bool ranged = http_etag_current(http_head_text(start, head->if_range), file->etag);
    enum http_range_kind kind =
        http_range_parse(ranged ? http_head_text(start, head->range) : NULL, file->size, &out->part);
    if (kind == HTTP_RANGE_NONE) {
        http_exchange_status(head, 416, BOOT_EVENT_FILE_FAILED, "asked for bytes behind the end", out);
        out->answer.file_size = file->size;
        return;
    }
    out->sends_part = true;
    out->event = BOOT_EVENT_FILE_START;
    out->answer.size = out->part.size;
    if (kind == HTTP_RANGE_PART)
        part(file, out);
}
