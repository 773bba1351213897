#include "image/grub_words.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64 /* of a variable; longer ones are nobody's */

/* --- variables --- */

void grub_variables_fini(struct grub_variables *v)
{
    for (size_t i = 0; i < v->count; i++) {
        free(v->at[i].name);
        free(v->at[i].value);
    }
    v->count = 0;
}

const char *grub_variable(const struct grub_variables *v, const char *name)
{
    for (size_t i = v->count; i-- > 0;)
        if (strcmp(v->at[i].name, name) == 0)
            return v->at[i].value;
    return NULL;
}

static void drop(struct grub_variables *v, size_t i)
{
    free(v->at[i].name);
    free(v->at[i].value);
    memmove(&v->at[i], &v->at[i + 1], (v->count - i - 1) * sizeof v->at[0]);
    v->count--;
}

int grub_variable_set(struct grub_variables *v, const char *name, const char *value, struct error *err)
{
    for (size_t i = v->count; i-- > 0;)
        if (strcmp(v->at[i].name, name) == 0)
            drop(v, i);
    if (v->count == GRUB_VARIABLES_MAX)
        drop(v, 0);
    char *own_name = strdup(name), *own_value = strdup(value);
    if (!own_name || !own_value) {
        free(own_name);
        free(own_value);
        return error_errno(err, ENOMEM, "variable %.40s", name);
    }
    v->at[v->count].name = own_name;
    v->at[v->count++].value = own_value;
    return 0;
}

/* --- words --- */

void grub_reader_init(struct grub_reader *r, struct slice text, const struct grub_variables *variables)
{
    memset(r, 0, sizeof *r);
    r->at = (const char *)text.data;
    r->end = r->at ? r->at + text.size : NULL;
    r->line = 1;
    r->variables = variables;
}

void grub_reader_fini(struct grub_reader *r)
{
    buf_fini(&r->text);
}

static bool more(const struct grub_reader *r)
{
    return r->at < r->end;
}

static char take(struct grub_reader *r)
{
    r->line += *r->at == '\n';
    return *r->at++;
}

/* A backslash at the end of a line joins the next one to it. */
static bool take_joined_line(struct grub_reader *r)
{
    const char *p = r->at;
    if (*p++ != '\\')
        return false;
    p += p < r->end && *p == '\r';
    if (p == r->end || *p != '\n')
        return false;
    while (r->at <= p)
        take(r);
    return true;
}

static bool is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* Behind '$'. What names no variable stays as it is. */
static void expand(struct grub_reader *r)
{
    char name[NAME_MAX_BYTES];
    const char *p = r->at;
    bool braces = p < r->end && *p == '{';
    p += braces;
    const char *from = p;
    while (p < r->end && is_name(*p))
        p++;
    size_t length = (size_t)(p - from);
    if (!length && p < r->end && strchr("?*@#", *p))
        length = (size_t)(++p - from);
    bool whole = length && (!braces || (p < r->end && *p == '}'));
    if (!whole) {
        buf_append_text(&r->text, "$");
        return;
    }
    r->at = p + braces;
    if (length >= sizeof name)
        return;
    memcpy(name, from, length);
    name[length] = 0;
    const char *value = grub_variable(r->variables, name);
    buf_append_text(&r->text, value ? value : "");
}

static void put(struct grub_reader *r, char c)
{
    if (c) /* no text holds NUL */
        buf_append(&r->text, &c, 1);
}

static void read_single_quoted(struct grub_reader *r)
{
    while (more(r)) {
        char c = take(r);
        if (c == '\'')
            return;
        put(r, c);
    }
}

static void read_double_quoted(struct grub_reader *r)
{
    while (more(r)) {
        if (take_joined_line(r))
            continue;
        char c = take(r);
        if (c == '"')
            return;
        if (c == '$')
            expand(r);
        else if (c == '\\' && more(r) && strchr("$\"\\", *r->at))
            put(r, take(r));
        else
            put(r, c);
    }
}

static bool ends_word(char c)
{
    return c && strchr(" \t\r\n;{}|&<>", c);
}

/* At least one byte of it is there. A word of its own: quotes make one of nothing, variables do not. */
static int read_word(struct grub_reader *r, struct error *err)
{
    if (r->count == GRUB_WORDS_MAX)
        return error_set(err, "line %u: a command of more than %d words", r->line, GRUB_WORDS_MAX);
    size_t start = r->text.size;
    bool quoted = false;
    while (more(r) && !ends_word(*r->at)) {
        if (take_joined_line(r))
            continue;
        char c = take(r);
        quoted = quoted || c == '"' || c == '\'';
        if (c == '\'')
            read_single_quoted(r);
        else if (c == '"')
            read_double_quoted(r);
        else if (c == '$')
            expand(r);
        else if (c == '\\' && more(r))
            put(r, take(r));
        else
            put(r, c);
        if (r->text.size - start > GRUB_WORD_MAX)
            return error_set(err, "line %u: a word of more than %d bytes", r->line, GRUB_WORD_MAX);
    }
    if (r->text.size == start && !quoted)
        return 0;
    buf_append(&r->text, "", 1);
    r->start[r->count++] = start;
    return r->text.failed ? error_errno(err, ENOMEM, "line %u", r->line) : 0;
}

static void skip_comment(struct grub_reader *r)
{
    while (more(r) && *r->at != '\n')
        r->at++;
}

/* Inside one command. True when it ends here; nothing is taken of a '#'. */
static bool is_end(struct grub_reader *r, enum grub_end *ended)
{
    switch (*r->at) {
    case '{':
        *ended = GRUB_OPEN;
        break;
    case '}':
        *ended = GRUB_CLOSE;
        break;
    case '\n':
    case ';':
    case '|':
    case '&':
    case '<':
    case '>':
        *ended = GRUB_NEXT;
        break;
    default:
        return false;
    }
    take(r);
    return true;
}

static int read_command(struct grub_reader *r, enum grub_end *ended, struct error *err)
{
    *ended = GRUB_LAST;
    while (more(r)) {
        if (!*r->at || strchr(" \t\r", *r->at)) {
            r->at++;
        } else if (take_joined_line(r)) {
            continue;
        } else if (*r->at == '#') {
            skip_comment(r);
        } else if (is_end(r, ended)) {
            return 0;
        } else {
            if (!r->count)
                r->command_line = r->line;
            if (read_word(r, err) < 0)
                return -1;
        }
    }
    return 0;
}

int grub_reader_next(struct grub_reader *r, enum grub_end *ended, struct error *err)
{
    buf_clear(&r->text);
    r->count = 0;
    r->command_line = r->line;
    int result = read_command(r, ended, err);
    for (size_t i = 0; i < r->count; i++)
        r->word[i] = (const char *)r->text.data + r->start[i];
    return result;
}
