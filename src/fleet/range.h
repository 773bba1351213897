/*
 * Node ranges: "rack[01-32]", "r[1-2]n[01-16]", "a,b,c[1-3,7]". Leading zeros set the width. At most
 * RANGE_MAX names, each once. A bare name is a range of one. Values that go with a range of nodes are ranges,
 * too: "10.77.0.[11-42]", "52:54:00:00:00:[01-32]", "a,b,c". What a name may be is the caller's to judge.
 */
#pragma once

#include "base/error.h"

#include <stddef.h>

#define RANGE_MAX 100000

struct range {
    size_t count;
    char **names; /* in the order written */
};

/* Errors tell the character. On failure nothing is left in *out. */
int range_parse(const char *text, struct range *out, struct error *err);
void range_fini(struct range *range);
