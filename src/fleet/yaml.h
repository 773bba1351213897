/*
 * YAML as this program reads and writes it: block and flow collections, all scalar styles. Anchors, aliases,
 * tags and a second document are refused, so a small file stays small in memory. libfyaml is used in yaml.c
 * and nowhere else.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#define YAML_DEPTH_MAX  16      /* collections in collections; a fleet needs 6 */
#define YAML_VALUES_MAX 8000000 /* keys and values of one file: 200,000 nodes with all their settings */

enum yaml_kind {
    YAML_SCALAR,
    YAML_LIST,
    YAML_MAP,
};

/* One value. All of a tree lives and dies with its yaml_tree. */
struct yaml {
    enum yaml_kind kind;
    bool plain;            /* a scalar without quotes: empty means "no value" */
    unsigned line, column; /* from 1, in characters; 0: did not come from a file */
    const char *text;   /* scalars: valid UTF-8 without control characters but tab and newline; else NULL */
    struct yaml *key;   /* the scalar in front of it, for values in a map; else NULL */
    struct yaml *first; /* lists and maps: the values in the order written */
    struct yaml *next;
    size_t count;
};

struct yaml_tree {
    const struct yaml *root;  /* NULL: nothing but comments */
    struct yaml_block *block; /* memory */
    size_t values;
};

/* `name` is for messages: "name:line:column: ...". A map's keys are scalars, not empty and unique. */
int yaml_read(const char *name, struct slice text, struct yaml_tree *out, struct error *err);
void yaml_tree_fini(struct yaml_tree *tree);

bool yaml_is_empty(const struct yaml *value); /* "key:" with nothing behind it */
const struct yaml *yaml_get(const struct yaml *map, const char *key);
const struct yaml *yaml_at(const struct yaml *list, size_t index); /* NULL past the end */
const char *yaml_kind_name(const struct yaml *value);              /* "a list", "a map", "text" */

/* Puts "name:line:column: " before the text; nothing for a value from nowhere. Returns -1. */
int yaml_wrap(const char *name, const struct yaml *at, struct error *err);

/*
 * Writes a scalar so that any YAML reader takes it as this very text: plain where no reader could see a
 * number, a bool or a date in it, else quoted.
 */
void yaml_write_text(struct buf *out, const char *text);

/* The same as the value of a block map's key, behind "key:": a block ("|") for several lines where that is
 * faithful, indented by `indent` blanks. Ends with a newline. */
void yaml_write_value(struct buf *out, const char *text, unsigned indent);
