/*
 * What a request is answered: pure, from its head and the boot file it names, or from why there is none.
 */
#pragma once

#include "serve/boot_file.h"
#include "serve/http_message.h"

#define HTTP_EXCHANGE_TEXT_MAX 96

struct http_exchange {
    struct http_answer answer;
    bool sends_part;        /* the body is `part` of the file */
    struct http_range part; /* of the file, also where it is not sent */
    const char *line;       /* the body is this line; "": there is none */
    enum boot_event_kind event;
    char text[HTTP_EXCHANGE_TEXT_MAX]; /* the event's */
};

/* start: where the head begins (http_head_text). */
void http_exchange_file(const struct http_head *head, const char *start, const struct boot_file *file,
                        struct http_exchange *out);

/* For every answer but FOUND. The event's text is the answer's. */
void http_exchange_refusal(const struct http_head *head, enum boot_answer answer, struct http_exchange *out);

/* A line that says what is wrong with the request or its file. */
void http_exchange_status(const struct http_head *head, unsigned status, enum boot_event_kind event,
                          const char *text, struct http_exchange *out);
