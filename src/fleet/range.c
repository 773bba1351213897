#include "fleet/range.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_MAX     4   /* brackets in one name: row, rack, chassis, node */
#define NAME_BYTES_MAX 255 /* of one name or value */
#define DIGITS_MAX     9
#define SHOWN_MAX      80

/* Numbers of one bracket: "7", or "01-32". */
struct span {
    uint32_t first, last;
    int width; /* digits at least */
};

struct reader {
    const char *text;
    struct range *out;
    size_t capacity;
    struct error *err;
    char name[NAME_BYTES_MAX + 1];
};

static int fail(struct reader *r, const char *at, const char *what)
{
    char shown[SHOWN_MAX];
    text_printable(r->text, strlen(r->text), shown, sizeof shown);
    return error_set(r->err, "range '%s', character %zu: %s", shown, (size_t)(at - r->text) + 1, what);
}

static bool read_number(const char **at, uint32_t *number, size_t *digits)
{
    *number = 0;
    *digits = strspn(*at, "0123456789");
    if (!*digits || *digits > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < *digits; i++)
        *number = *number * 10 + (uint32_t)((*at)[i] - '0');
    *at += *digits;
    return true;
}

/* Reads "01-32" or "7" and leaves *at behind it. */
static int read_span(struct reader *r, const char **at, struct span *span)
{
    const char *start = *at;
    size_t low, high;
    if (!read_number(at, &span->first, &low))
        return fail(r, start, "here must be a number of 1 to 9 digits, as in [01-32] or [1,3,7]");
    span->last = span->first;
    high = low;
    if (**at == '-') {
        ++*at;
        const char *second = *at;
        if (!read_number(at, &span->last, &high))
            return fail(r, second, "here must be a number of 1 to 9 digits, as in [01-32]");
        if (*second == '0' && high != low)
            return fail(r, start, "one width for both ends, please, as in [01-32]");
    }
    if (span->last < span->first)
        return fail(r, start, "the last number is below the first; swap them");
    span->width = *start == '0' ? (int)low : 1;
    return 0;
}

/* From '[' to behind ']'; *count: how many numbers. */
static int read_group(struct reader *r, const char **at, size_t *count)
{
    const char *open = *at;
    *count = 0;
    do {
        struct span span;
        if (!*++*at)
            return fail(r, open, "'[' without ']'; close it");
        if (read_span(r, at, &span) < 0)
            return -1;
        *count += (size_t)(span.last - span.first) + 1;
        if (*count > RANGE_MAX)
            return fail(r, open, "more than 100000 names; split the range");
    } while (**at == ',');
    if (!**at)
        return fail(r, open, "'[' without ']'; close it");
    if (**at != ']')
        return fail(r, *at,
                    **at == '[' ? "brackets in brackets are not taken"
                                : "after a number comes '-', ',' or ']'");
    ++*at;
    return 0;
}

/* One name with its brackets, up to the comma or the end; *count: how many names it makes. */
static int check_item(struct reader *r, const char **at, size_t *count)
{
    const char *start = *at;
    unsigned groups = 0;
    *count = 1;
    while (**at && **at != ',') {
        size_t numbers;
        if (**at == ']')
            return fail(r, *at, "']' without '['");
        if (**at != '[') {
            ++*at;
            continue;
        }
        if (++groups > GROUPS_MAX)
            return fail(r, *at, "more than 4 brackets in one name; split the range");
        if (read_group(r, at, &numbers) < 0)
            return -1;
        *count *= numbers;
        if (*count > RANGE_MAX)
            return fail(r, start, "more than 100000 names; split the range");
    }
    return *at == start ? fail(r, start, "a name is missing; is there a comma too many?") : 0;
}

static int add_name(struct reader *r, const char *item, size_t size)
{
    if (r->out->count == RANGE_MAX)
        return fail(r, item, "more than 100000 names; split the range");
    if (r->out->count == r->capacity) {
        size_t capacity = r->capacity ? r->capacity * 2 : 1;
        char **names = realloc(r->out->names, capacity * sizeof *names);
        if (!names)
            return error_set(r->err, "out of memory");
        r->out->names = names;
        r->capacity = capacity;
    }
    char *name = strndup(r->name, size);
    if (!name)
        return error_set(r->err, "out of memory");
    r->out->names[r->out->count++] = name;
    return 0;
}

/* Writes what `at` makes behind the first `used` bytes of r->name; recursion is as deep as there are
 * brackets. check_item has found the item well formed. */
static int expand(struct reader *r, const char *item, const char *at, size_t used)
{
    size_t size = strcspn(at, "[,");
    if (used + size > NAME_BYTES_MAX)
        return fail(r, item, "a name of more than 255 characters");
    memcpy(r->name + used, at, size);
    used += size;
    at += size;
    if (*at != '[')
        return add_name(r, item, used);
    const char *end = strchr(at, ']') + 1;
    do {
        struct span span;
        at++;
        if (read_span(r, &at, &span) < 0)
            return -1;
        for (uint32_t n = span.first; n <= span.last; n++) {
            int digits = snprintf(r->name + used, sizeof r->name - used, "%0*u", span.width, n);
            if (used + (size_t)digits > NAME_BYTES_MAX)
                return fail(r, item, "a name of more than 255 characters");
            if (expand(r, item, end, used + (size_t)digits) < 0)
                return -1;
        }
    } while (*at == ',');
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int refuse_twice(struct reader *r)
{
    if (r->out->count < 2)
        return 0;
    cleanup_free char **sorted = malloc(r->out->count * sizeof *sorted);
    if (!sorted)
        return error_set(r->err, "out of memory");
    memcpy(sorted, r->out->names, r->out->count * sizeof *sorted);
    qsort(sorted, r->out->count, sizeof *sorted, by_text);
    for (size_t i = 1; i < r->out->count; i++)
        if (strcmp(sorted[i - 1], sorted[i]) == 0) {
            char shown[SHOWN_MAX], name[SHOWN_MAX];
            text_printable(r->text, strlen(r->text), shown, sizeof shown);
            text_printable(sorted[i], strlen(sorted[i]), name, sizeof name);
            return error_set(r->err, "range '%s': %s is there twice; keep one", shown, name);
        }
    return 0;
}

static int read_items(struct reader *r)
{
    for (const char *at = r->text;; at++) {
        size_t count;
        at += strspn(at, " ");
        const char *item = at;
        if (check_item(r, &at, &count) < 0)
            return -1;
        if (r->out->count + count > RANGE_MAX)
            return fail(r, item, "more than 100000 names; split the range");
        if (expand(r, item, item, 0) < 0)
            return -1;
        if (!*at)
            return refuse_twice(r);
    }
}

int range_parse(const char *text, struct range *out, struct error *err)
{
    *out = (struct range){0};
    struct reader r = {.text = text, .out = out, .err = err};
    int result =
        *text ? read_items(&r) : error_set(err, "the range is empty; write a name, as in rack[01-32]");
    if (result < 0)
        range_fini(out);
    return result;
}

void range_fini(struct range *range)
{
    for (size_t i = 0; i < range->count; i++)
        free(range->names[i]);
    free(range->names);
    *range = (struct range){0};
}
