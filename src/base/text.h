/* Small text helpers shared by every room: sizes and durations for people, safe printing, number parsing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_SIZE_MAX     24
#define TEXT_DURATION_MAX 32
#define TEXT_TIME_MAX     32

const char *text_size(uint64_t bytes, char out[static TEXT_SIZE_MAX]); /* "70.3 MB" (10^6), "512 B" */
const char *text_duration_ms(int64_t ms,
                             char out[static TEXT_DURATION_MAX]); /* "37.9 s", "2 min 05 s", "85 ms" */
const char *text_time_utc(int64_t wall_ms, char out[static TEXT_TIME_MAX]); /* "2026-11-22T15:05:22Z" */

/* A copy of `text` in which control characters and bytes that are no printable ASCII or valid UTF-8 become
 * '?'. */
void text_printable(const char *text, size_t size, char *out, size_t out_size);

/* In place: what is neither printable ASCII, valid UTF-8 (no C1 controls) nor one of `also` becomes '?'. For
 * text from elsewhere on its way to a terminal. */
void text_scrub(char *text, size_t size, const char *also);

/* How many bytes from the start are printable ASCII, valid UTF-8 (no C1 controls) or one of `also` ("\t\n");
 * size when all are. */
size_t text_valid(const char *text, size_t size, const char *also);

/* Decimal digits only, the whole text, within [min, max]. */
bool text_u64(const char *text, uint64_t min, uint64_t max, uint64_t *out);

bool text_equal(const char *a, const char *b); /* NULL equals NULL only */
bool text_starts(const char *text, const char *prefix);
bool text_ends(const char *text, const char *suffix);

/* Edit distance limited to `limit`; for "did you mean". Returns limit + 1 when farther. */
unsigned text_distance(const char *a, const char *b, unsigned limit);
