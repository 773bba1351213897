#include "fleet/yaml.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/yaml_tree.h"

#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

#define YAML_SHOWN_MAX 64

struct reader {
    const char *name;
    struct yaml_tree *tree;
    struct error *err;
    struct fy_parser *parser;
    struct fy_diag *diag;
    struct open {
        struct yaml *value;
        struct yaml **tail;
        struct yaml *key; /* read, its value not yet */
    } open[YAML_DEPTH_MAX];
    unsigned depth;
    struct yaml *root;
    struct buf text; /* one scalar, decoded */
};

/* --- what libfyaml says --- */

static int fail_at(struct reader *r, unsigned line, unsigned column, const char *what)
{
    return error_set(r->err, "%s:%u:%u: %s", r->name, line, column, what);
}

static int fail_mark(struct reader *r, const struct fy_mark *mark, const char *what)
{
    return fail_at(r, mark ? (unsigned)mark->line + 1 : 1, mark ? (unsigned)mark->column + 1 : 1, what);
}

/* libfyaml marks anchors, aliases and quoted texts behind their '&', '*' and quote. */
static const struct fy_mark *step_back(const struct fy_mark *mark, struct fy_mark *copy)
{
    if (!mark || mark->column <= 0)
        return mark;
    *copy = *mark;
    copy->column--;
    return copy;
}

static int fail_parser(struct reader *r)
{
    void *at = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(r->diag, &at);
    if (!e || !e->msg)
        return error_set(r->err, "%s: this is no YAML", r->name);
    char message[256];
    text_printable(e->msg, strcspn(e->msg, "\n"), message, sizeof message);
    return error_set(r->err, "%s:%d:%d: this is no YAML: %s", r->name, e->line > 0 ? e->line : 1,
                     e->column > 0 ? e->column : 1, message);
}

static int refuse_extras(struct reader *r, struct fy_token *anchor, struct fy_token *tag)
{
    struct fy_mark copy;
    if (anchor)
        return fail_mark(r, step_back(fy_token_start_mark(anchor), &copy),
                         "anchors (&name) are not taken here; write each value out");
    if (tag)
        return fail_mark(r, fy_token_start_mark(tag), "tags (!name) are not taken here; leave it out");
    return 0;
}

/* --- building the tree --- */

static struct yaml *value_new(struct reader *r, enum yaml_kind kind, const struct fy_mark *mark)
{
    if (++r->tree->values > YAML_VALUES_MAX) {
        fail_mark(r, mark, "too many values in one file; split it");
        return NULL;
    }
    struct yaml *v = yaml_alloc(r->tree, sizeof *v);
    if (!v) {
        error_set(r->err, "%s: out of memory", r->name);
        return NULL;
    }
    *v = (struct yaml){.kind = kind};
    if (mark) {
        v->line = (unsigned)mark->line + 1;
        v->column = (unsigned)mark->column + 1;
    }
    return v;
}

static int add_key(struct reader *r, struct open *map, struct yaml *key)
{
    if (!key->line) { /* an empty one has no place of its own */
        key->line = map->value->line;
        key->column = map->value->column;
    }
    if (key->kind != YAML_SCALAR)
        return fail_at(r, key->line, key->column, "a key must be a word, not a list or a map");
    if (!*key->text)
        return fail_at(r, key->line, key->column, "a key is missing before the ':'");
    map->key = key;
    return 0;
}

static int add_value(struct reader *r, struct yaml *v)
{
    if (!r->depth) {
        r->root = v;
        return 0;
    }
    struct open *parent = &r->open[r->depth - 1];
    if (parent->value->kind == YAML_MAP && !parent->key)
        return add_key(r, parent, v);
    v->key = parent->key;
    parent->key = NULL;
    if (!v->line && v->key) { /* an empty value has no place of its own */
        v->line = v->key->line;
        v->column = v->key->column;
    }
    *parent->tail = v;
    parent->tail = &v->next;
    parent->value->count++;
    return 0;
}

static int by_key(const void *a, const void *b)
{
    const struct yaml *x = *(const struct yaml *const *)a, *y = *(const struct yaml *const *)b;
    int order = strcmp(x->key->text, y->key->text);
    if (order)
        return order;
    return x->key->line != y->key->line ? (x->key->line < y->key->line ? -1 : 1)
                                        : (x->key->column < y->key->column ? -1 : 1);
}

static int refuse_twice(struct reader *r, const struct yaml *map)
{
    if (map->count < 2)
        return 0;
    cleanup_free const struct yaml **sorted = malloc(map->count * sizeof *sorted);
    if (!sorted)
        return error_set(r->err, "%s: out of memory", r->name);
    size_t n = 0;
    for (const struct yaml *v = map->first; v; v = v->next)
        sorted[n++] = v;
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i - 1]->key->text, sorted[i]->key->text) == 0) {
            const struct yaml *key = sorted[i]->key;
            char shown[YAML_SHOWN_MAX];
            text_printable(key->text, strlen(key->text), shown, sizeof shown);
            return error_set(r->err, "%s:%u:%u: '%s' is there twice, first in line %u; keep one", r->name,
                             key->line, key->column, shown, sorted[i - 1]->key->line);
        }
    return 0;
}

/* By chunks, since fy_token_get_text of libfyaml 0.7.12 leaks memory for texts of many escapes. */
static int read_scalar(struct reader *r, struct fy_token *token)
{
    struct fy_token_iter *iter = fy_token_iter_create(token);
    const struct fy_iter_chunk *chunk = NULL;
    int failed = iter ? 0 : -1;
    buf_clear(&r->text);
    while (iter && (chunk = fy_token_iter_chunk_next(iter, chunk, &failed)))
        buf_append(&r->text, chunk->str, chunk->len);
    fy_token_iter_destroy(iter);
    return failed || r->text.failed ? error_set(r->err, "%s: out of memory", r->name) : 0;
}

static int on_scalar(struct reader *r, struct fy_event *e)
{
    struct fy_mark start;
    const struct fy_mark *mark = fy_event_start_mark(e);
    enum fy_scalar_style style = fy_token_scalar_style(e->scalar.value);
    if (style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED)
        mark = step_back(mark, &start);
    if (refuse_extras(r, e->scalar.anchor, e->scalar.tag) < 0)
        return -1;
    struct yaml *v = value_new(r, YAML_SCALAR, mark);
    if (!v)
        return -1;
    if (read_scalar(r, e->scalar.value) < 0)
        return -1;
    size_t size = r->text.size;
    char *copy = yaml_alloc(r->tree, size + 1);
    if (!copy)
        return error_set(r->err, "%s: out of memory", r->name);
    memcpy(copy, buf_text(&r->text), size + 1);
    v->text = copy;
    v->plain = style == FYSS_PLAIN;
    /* Escapes ("\0", "\e") make what the file itself may not hold. */
    if (text_valid(copy, size, "\t\n") != size)
        return fail_mark(r, mark, "control characters are not taken; leave the escape out");
    return add_value(r, v);
}

static int on_open(struct reader *r, struct fy_event *e)
{
    bool map = e->type == FYET_MAPPING_START;
    const struct fy_mark *mark = fy_event_start_mark(e);
    if (refuse_extras(r, map ? e->mapping_start.anchor : e->sequence_start.anchor,
                      map ? e->mapping_start.tag : e->sequence_start.tag) < 0)
        return -1;
    if (r->depth == YAML_DEPTH_MAX)
        return fail_mark(r, mark, "lists and maps are nested too deeply");
    struct yaml *v = value_new(r, map ? YAML_MAP : YAML_LIST, mark);
    if (!v || add_value(r, v) < 0)
        return -1;
    r->open[r->depth++] = (struct open){.value = v, .tail = &v->first};
    return 0;
}

static int on_event(struct reader *r, struct fy_event *e)
{
    struct fy_mark copy;
    switch (e->type) {
    case FYET_SCALAR:
        return on_scalar(r, e);
    case FYET_SEQUENCE_START:
    case FYET_MAPPING_START:
        return on_open(r, e);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        r->depth--;
        return e->type == FYET_MAPPING_END ? refuse_twice(r, r->open[r->depth].value) : 0;
    case FYET_ALIAS:
        return fail_mark(r, step_back(fy_event_start_mark(e), &copy),
                         "aliases (*name) are not taken here; write the value out");
    case FYET_DOCUMENT_START:
        return r->root ? fail_mark(r, fy_event_start_mark(e), "a second document ('---'); keep one to a file")
                       : 0;
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_END:
        break;
    }
    return 0;
}

static int read_events(struct reader *r)
{
    for (bool ended = false; !ended;) {
        struct fy_event *e = fy_parser_parse(r->parser);
        if (!e)
            return fail_parser(r);
        ended = e->type == FYET_STREAM_END;
        int result = on_event(r, e);
        fy_parser_event_free(r->parser, e);
        if (result < 0)
            return -1;
    }
    return fy_parser_get_stream_error(r->parser) ? fail_parser(r) : 0;
}

/* --- in and out --- */

/* How many bytes are text: no control characters, no broken UTF-8, no CR but before LF. libfyaml sees nothing
 * else. */
static size_t text_size_valid(const char *text, size_t size)
{
    size_t good = text_valid(text, size, "\t\n\r");
    for (size_t i = 0; i < good; i++)
        if (text[i] == '\r' && (i + 1 == size || text[i + 1] != '\n'))
            return i;
    return good;
}

static int refuse_binary(const char *name, struct slice text, struct error *err)
{
    const char *start = (const char *)text.data;
    size_t good = text_size_valid(start, text.size);
    if (good == text.size)
        return 0;
    unsigned line = 1, column = 1;
    for (size_t i = 0; i < good; i++) {
        column = start[i] == '\n' ? 1 : column + ((start[i] & 0xc0) != 0x80);
        line += start[i] == '\n';
    }
    return error_set(err, "%s:%u:%u: byte 0x%02x is %s", name, line, column, (unsigned)text.data[good],
                     text.data[good] < 0x80 ? "a control character; take it out"
                                            : "no UTF-8; save the file as UTF-8");
}

static int read_text(struct reader *r, struct slice text)
{
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    r->diag = fy_diag_create(&diag_cfg);
    if (!r->diag)
        return error_set(r->err, "%s: out of memory", r->name);
    fy_diag_set_collect_errors(r->diag, true);
    struct fy_parse_cfg cfg = {
        .flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE,
        .diag = r->diag,
    };
    int result = -1;
    r->parser = fy_parser_create(&cfg);
    if (!r->parser || fy_parser_set_string(r->parser, (const char *)text.data, text.size) < 0)
        error_set(r->err, "%s: out of memory", r->name);
    else
        result = read_events(r);
    fy_parser_destroy(r->parser);
    fy_diag_destroy(r->diag);
    return result;
}

int yaml_read(const char *name, struct slice text, struct yaml_tree *out, struct error *err)
{
    static const char bom[] = "\xef\xbb\xbf";
    *out = (struct yaml_tree){0};
    if (text.size >= 3 && memcmp(text.data, bom, 3) == 0)
        text = (struct slice){text.data + 3, text.size - 3};
    if (!text.size)
        return 0;
    if (refuse_binary(name, text, err) < 0)
        return -1;
    struct reader r = {.name = name, .tree = out, .err = err};
    int result = read_text(&r, text);
    buf_fini(&r.text);
    out->root = r.root;
    if (result < 0)
        yaml_tree_fini(out);
    return result;
}

bool yaml_is_empty(const struct yaml *value)
{
    return value->kind == YAML_SCALAR && value->plain && !*value->text;
}

const struct yaml *yaml_get(const struct yaml *map, const char *key)
{
    for (const struct yaml *v = map->first; v; v = v->next)
        if (v->key && strcmp(v->key->text, key) == 0)
            return v;
    return NULL;
}

const struct yaml *yaml_at(const struct yaml *list, size_t index)
{
    const struct yaml *v = list->first;
    while (v && index--)
        v = v->next;
    return v;
}

const char *yaml_kind_name(const struct yaml *value)
{
    static const char *const names[] = {[YAML_SCALAR] = "text", [YAML_LIST] = "a list", [YAML_MAP] = "a map"};
    return yaml_is_empty(value) ? "nothing" : names[value->kind];
}

int yaml_wrap(const char *name, const struct yaml *at, struct error *err)
{
    return at && at->line ? error_wrap(err, "%s:%u:%u", name, at->line, at->column) : -1;
}
