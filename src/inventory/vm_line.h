/*
 * Lines of words, as the agent's shell reads and writes them (docs/agent.md): fields are separated by '|'; in
 * a field '%', '|' and control characters (below 0x20, and 0x7f) are written %XX. Anything else is as it is,
 * blanks and UTF-8 included. Pure and total.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

#define VM_LINE_FIELDS 12

/* Appends "field|field|...\n". */
void vm_line_put(struct buf *out, const char *const *fields, size_t count);

/*
 * Takes the next line of *text (which moves on), decodes its fields into `scratch` and points `fields` at
 * them; those that are missing are "". A CR before the line end is dropped. 1, 0 at the end, -1: a broken
 * %XX, a NUL, or a line longer than scratch, which is passed all the same; fields beyond VM_LINE_FIELDS are
 * left out.
 */
#define VM_LINE_MAX 8192 /* bytes of a line: all fields of a machine (vm_list.h), every byte encoded */
struct vm_line {
    size_t count;
    const char *field[VM_LINE_FIELDS]; /* into scratch */
    char scratch[VM_LINE_MAX];
};
int vm_line_next(struct slice *text, struct vm_line *out, struct error *err);

/* The percent-encoding of URLs on top of that: decodes a query, '+' stays '+'. False for a broken escape or a
 * NUL. */
bool vm_query_decode(const char *query, struct buf *out);
