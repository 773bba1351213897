/*
 * Events as the database keeps them: a JSON array, one inner array an event, so that SQL takes them apart
 * (the view `event`) and people can read them. Its fields, in order:
 *
 *   first_order, kind, role, file, text, file_number, files_expected, bytes, duration_ms, ip ("" for none),
 *   last_ms; and, when it happened more than once, times, last_order, first_ms
 *
 * Pure. Only what `format` and the migration from schema 1 write is taken: no spaces, no escapes but \" and
 * \\, since texts are printable before they come here.
 */
#pragma once

#include "base/buf.h"
#include "state/story.h"

/* Appends one inner array. */
void event_text_format(const struct story_event *event, struct buf *out);

/* Calls `each` with every event of `text`, a NUL-terminated array of arrays. Stops with an error at what is
 * none, or when `each` returns a negative number. */
int event_text_parse(const char *text, void *ctx,
                     int (*each)(void *ctx, const struct story_event *event, struct error *err),
                     struct error *err);
