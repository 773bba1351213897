#include "fleet/yaml_quick.h"

#include "base/text.h"
#include "fleet/yaml_tree.h"

#include <ctype.h>
#include <string.h>

#define SECTIONS_MAX 8
#define MAP_MAX      64   /* keys of one map: that none is there twice is found by looking at each pair */
#define KEY_MAX      1000 /* bytes; YAML takes 1024 for a key without '?' */

struct quick {
    const char *next, *end; /* the lines to come */
    /* The current line from its first character that is no blank; `stop` is its newline. NULL: no more lines.
     */
    const char *line, *stop;
    unsigned indent; /* blanks before it */
    unsigned depth;
    struct yaml_tree tree;
    struct buf text; /* one scalar of several lines */
};

/* --- lines --- */

/* The next line that is neither empty nor a comment. A line of blanks only has no meaning between values. */
static void next_line(struct quick *q)
{
    while (q->next < q->end) {
        const char *start = q->next, *stop = memchr(start, '\n', (size_t)(q->end - start));
        const char *text = start;
        while (*text == ' ')
            text++;
        q->next = stop + 1;
        if (*text == '\n' || *text == '#')
            continue;
        q->line = text;
        q->stop = stop;
        q->indent = (unsigned)(text - start);
        return;
    }
    q->line = NULL;
    q->indent = 0;
}

/* Nothing comes behind `at`, or blanks, or a comment with a blank before it. */
static bool ends_line(const struct quick *q, const char *at)
{
    const char *rest = at + strspn(at, " ");
    return rest == q->stop || (rest > at && *rest == '#');
}

static bool is_item(const struct quick *q)
{
    return q->line && q->line[0] == '-' && q->line[1] == ' ';
}

/* --- values --- */

static struct yaml *new_value(struct quick *q, enum yaml_kind kind)
{
    if (++q->tree.values > YAML_VALUES_MAX)
        return NULL;
    struct yaml *v = yaml_alloc(&q->tree, sizeof *v);
    if (v)
        *v = (struct yaml){.kind = kind};
    return v;
}

static struct yaml *new_scalar(struct quick *q, const char *text, size_t size, bool plain)
{
    struct yaml *v = new_value(q, YAML_SCALAR);
    char *copy = v ? yaml_alloc(&q->tree, size + 1) : NULL;
    if (!copy)
        return NULL;
    memcpy(copy, text, size);
    copy[size] = 0;
    v->text = copy;
    v->plain = plain;
    return v;
}

struct collection {
    struct yaml *value;
    struct yaml **tail;
};

static bool add(struct collection *c, struct yaml *key, struct yaml *v)
{
    if (!v)
        return false;
    if (key) {
        if (c->value->count == MAP_MAX || yaml_get(c->value, key->text))
            return false;
        v->key = key;
    }
    *c->tail = v;
    c->tail = &v->next;
    c->value->count++;
    return true;
}

/* --- scalars: from `at`; *at is left behind them --- */

/* No indicator of YAML: in front of a plain scalar it means nothing but itself. */
static bool starts_plain(char c)
{
    return isalnum((unsigned char)c) || c == '/' || c == '$';
}

static bool is_word(char c)
{
    return isalnum((unsigned char)c) || (c && strchr("._/@+$-=", c));
}

/* A blank or ':' inside a plain scalar belongs to it when a word goes on behind it. */
static bool goes_on(const char *at)
{
    return is_word(*at) || ((*at == ' ' || *at == ':') && is_word(at[1]));
}

static bool goes_on_in_block(const char *at)
{
    return goes_on(at) || (*at && strchr(",[]", *at)) ||
           ((*at == ' ' || *at == ':') && at[1] && strchr(",[]", at[1]));
}

static struct yaml *read_plain(struct quick *q, const char **at, bool (*more)(const char *at))
{
    const char *start = *at;
    if (!starts_plain(*start))
        return NULL;
    while (more(*at))
        ++*at;
    return new_scalar(q, start, (size_t)(*at - start), true);
}

/* U+2028, U+2029 and U+FEFF mean something to YAML; all characters that start like them are left alone. */
static bool is_literal(char c)
{
    return c != '\n' && c != '\xe2' && c != '\xef';
}

static struct yaml *read_quoted(struct quick *q, const char **at)
{
    static const char escapes[][2] = {{'n', '\n'}, {'t', '\t'}, {'"', '"'}, {'\\', '\\'}};
    char quote = *(*at)++;
    char *text = yaml_alloc(&q->tree, (size_t)(q->stop - *at) + 1);
    size_t size = 0;
    for (; text && **at != quote; ++*at) {
        char c = **at;
        if (!is_literal(c))
            return NULL;
        if (c == '\\' && quote == '"') {
            c = 0;
            for (size_t i = 0; i < sizeof escapes / sizeof escapes[0]; i++)
                if ((*at)[1] == escapes[i][0])
                    c = escapes[i][1];
            if (!c)
                return NULL;
            ++*at;
        }
        text[size++] = c;
    }
    struct yaml *v = text ? new_value(q, YAML_SCALAR) : NULL;
    if (!v || *++*at == quote) /* '' in single quotes is a quote */
        return NULL;
    text[size] = 0;
    v->text = text;
    return v;
}

/* Gathers the lines of a block that are indented by `indent`; returns where the next begins. NULL: a line of
 * blanks only, or a comment right behind, which are left to libfyaml. */
static const char *gather_lines(struct quick *q, size_t indent)
{
    const char *at = q->next;
    while (at < q->end) {
        const char *stop = memchr(at, '\n', (size_t)(q->end - at));
        size_t blanks = strspn(at, " ");
        if (blanks && at + blanks == stop)
            return NULL;
        if (at < stop && blanks < indent)
            return at[blanks] == '#' ? NULL : at;
        for (at += at < stop ? indent : 0; at < stop; at++) {
            if (!is_literal(*at))
                return NULL;
            buf_append(&q->text, at, 1);
        }
        buf_append_text(&q->text, "\n");
        at++;
    }
    return at;
}

/* "|" or "|-" at the end of a line, and the lines below that are deeper than the parent. */
static struct yaml *read_literal(struct quick *q, const char *style, unsigned parent)
{
    bool strip = style[1] == '-';
    size_t indent = q->next < q->end ? strspn(q->next, " ") : 0;
    if (style + 1 + strip != q->stop || indent <= parent)
        return NULL;
    buf_clear(&q->text);
    q->next = gather_lines(q, indent);
    size_t size = q->text.size;
    while (size && q->text.data[size - 1] == '\n')
        size--;
    if (!q->next || q->text.failed || !size)
        return NULL;
    return new_scalar(q, (const char *)q->text.data, strip ? size : size + 1, false);
}

/* --- collections of scalars in one line --- */

static struct yaml *read_flow_scalar(struct quick *q, const char **at)
{
    return **at == '"' || **at == '\'' ? read_quoted(q, at) : read_plain(q, at, goes_on);
}

static bool skip(const char **at, char c)
{
    if (**at != c)
        return false;
    ++*at;
    return true;
}

/* "word: " of a map in one line. */
static struct yaml *read_flow_key(struct quick *q, const char **at)
{
    const char *start = *at;
    while (isalnum((unsigned char)**at) || **at == '_')
        ++*at;
    size_t size = (size_t)(*at - start);
    return size && skip(at, ':') && skip(at, ' ') ? new_scalar(q, start, size, true) : NULL;
}

/* "[a, b]" or "{a: b, c: d}" */
static struct yaml *read_flow(struct quick *q, const char **at)
{
    bool map = **at == '{';
    char close = map ? '}' : ']';
    struct yaml *v = new_value(q, map ? YAML_MAP : YAML_LIST);
    if (!v)
        return NULL;
    struct collection c = {v, &v->first};
    do {
        ++*at; /* behind the bracket or comma */
        if (v->count)
            skip(at, ' ');
        struct yaml *key = map ? read_flow_key(q, at) : NULL;
        if ((map && !key) || !add(&c, key, read_flow_scalar(q, at)))
            return NULL;
    } while (**at == ',');
    return skip(at, close) ? v : NULL;
}

/* --- collections in blocks --- */

static struct yaml *read_value(struct quick *q, unsigned indent, bool in_map);

/* "key:" at the start of the line, plain or in quotes without escapes; *at is left behind the colon. NULL:
 * none. */
static struct yaml *read_key(struct quick *q, const char **at)
{
    const char *start = *at, *stop;
    bool quoted = *start == '"';
    if (quoted)
        start++;
    else if (!isalnum((unsigned char)*start))
        return NULL;
    for (stop = start; isalnum((unsigned char)*stop) || strchr("._-,[]", *stop);)
        stop++;
    const char *colon = quoted ? stop + 1 : stop;
    if (stop == start || stop - start > KEY_MAX || (quoted && *stop != '"') || *colon != ':' ||
        (colon[1] != ' ' && colon[1] != '\n'))
        return NULL;
    *at = colon + 1;
    return new_scalar(q, start, (size_t)(stop - start), !quoted);
}

static struct yaml *read_map(struct quick *q)
{
    unsigned indent = q->indent;
    struct yaml *map = new_value(q, YAML_MAP);
    if (!map || q->depth++ == YAML_DEPTH_MAX)
        return NULL;
    struct collection c = {map, &map->first};
    while (q->line && q->indent == indent && !is_item(q)) {
        struct yaml *key = read_key(q, &q->line);
        if (!key || !add(&c, key, read_value(q, indent, true)))
            return NULL;
    }
    q->depth--;
    return q->line && q->indent > indent ? NULL : map;
}

static struct yaml *read_item(struct quick *q, unsigned indent)
{
    const char *start = q->line;
    unsigned blanks = (unsigned)strspn(start + 1, " ") + 1;
    const char *at = q->line = start + blanks;
    if (!read_key(q, &at))
        return read_value(q, indent, false);
    q->indent += blanks; /* a map whose first key stands behind the "- " */
    return read_map(q);
}

static struct yaml *read_list(struct quick *q)
{
    unsigned indent = q->indent;
    struct yaml *list = new_value(q, YAML_LIST);
    if (!list || q->depth++ == YAML_DEPTH_MAX)
        return NULL;
    struct collection c = {list, &list->first};
    while (is_item(q) && q->indent == indent)
        if (!add(&c, NULL, read_item(q, indent)))
            return NULL;
    q->depth--;
    return q->line && q->indent > indent ? NULL : list;
}

/* Behind "key:" or "- ", to the end of its last line; q is left at the next. */
static struct yaml *read_value(struct quick *q, unsigned indent, bool in_map)
{
    struct yaml *v;
    const char *at = q->line + strspn(q->line, " ");
    if (ends_line(q, q->line)) { /* below, or nothing */
        if (!in_map)
            return NULL;
        next_line(q);
        if (is_item(q) && q->indent >= indent)
            return read_list(q);
        return q->line && q->indent > indent ? read_map(q) : new_scalar(q, "", 0, true);
    }
    if (*at == '|') {
        v = read_literal(q, at, indent);
        at = q->stop;
    } else if (*at == '[' || *at == '{') {
        v = read_flow(q, &at);
    } else if (*at == '"' || *at == '\'') {
        v = read_quoted(q, &at);
    } else {
        v = read_plain(q, &at, goes_on_in_block);
    }
    if (!v || !ends_line(q, at))
        return NULL;
    next_line(q);
    return v; /* should the scalar go on in deeper lines, the collection finds them */
}

/* --- the two outer maps, an entry at a time --- */

static bool read_entries(struct quick *q, const char *section, void *ctx, yaml_entry_fn *each)
{
    unsigned indent = q->indent;
    if (indent == 0 || is_item(q))
        return false;
    while (q->line && q->indent == indent) {
        yaml_tree_clear(&q->tree);
        struct yaml *key = read_key(q, &q->line);
        struct yaml *value = key ? read_value(q, indent, true) : NULL;
        if (!value)
            return false;
        value->key = key;
        if (!each(ctx, section, value))
            return false;
    }
    return !q->line || q->indent == 0;
}

static bool read_sections(struct quick *q, void *ctx, yaml_entry_fn *each)
{
    char names[SECTIONS_MAX][32];
    for (size_t count = 0; q->line; count++) {
        struct yaml *key = q->indent == 0 && count < SECTIONS_MAX ? read_key(q, &q->line) : NULL;
        if (!key || !ends_line(q, q->line) || strlen(key->text) >= sizeof names[0])
            return false;
        memcpy(names[count], key->text, strlen(key->text) + 1);
        for (size_t i = 0; i < count; i++)
            if (strcmp(names[i], names[count]) == 0)
                return false;
        next_line(q);
        if (!q->line || !read_entries(q, names[count], ctx, each))
            return false;
    }
    return true;
}

bool yaml_quick(struct slice text, void *ctx, yaml_entry_fn *each)
{
    const char *start = (const char *)text.data;
    struct quick q = {.next = start, .end = start + text.size, .depth = 2};
    /* The newline at the end is what all loops stop at. */
    if (!text.size || q.end[-1] != '\n' || text_valid(start, text.size, "\n") != text.size)
        return false;
    next_line(&q);
    if (q.line && q.indent == 0 && q.stop - q.line == 3 && memcmp(q.line, "---", 3) == 0)
        next_line(&q);
    bool done = q.line && read_sections(&q, ctx, each);
    yaml_tree_fini(&q.tree);
    buf_fini(&q.text);
    return done;
}
