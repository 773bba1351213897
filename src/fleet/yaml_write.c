#include "fleet/yaml.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Words that YAML 1.1 or 1.2 readers take for a bool or nothing. */
static const char *const taken[] = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"};

static bool plain_is_safe(const char *text)
{
    if (!isalpha((unsigned char)text[0]) && text[0] != '$' && text[0] != '/')
        return false;
    for (const char *p = text; *p; p++)
        if (!isalnum((unsigned char)*p) && !strchr("._/@+$-", *p) && !(*p == ' ' && p[1] && p[1] != ' '))
            return false;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcasecmp(text, taken[i]) == 0)
            return false;
    return true;
}

/* Characters that end a line for some reader, or vanish at a file's start: U+2028, U+2029, U+FEFF. */
static const struct {
    const char *bytes, *escape;
} special[] = {{"\xe2\x80\xa8", "\\L"}, {"\xe2\x80\xa9", "\\P"}, {"\xef\xbb\xbf", "\\uFEFF"}};

static bool has_special(const char *text)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (strstr(text, special[i].bytes))
            return true;
    return false;
}

static size_t write_special(struct buf *out, const char *at)
{
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (text_starts(at, special[i].bytes)) {
            buf_append_text(out, special[i].escape);
            return strlen(special[i].bytes);
        }
    return 0;
}

static void write_quoted(struct buf *out, const char *text)
{
    buf_append_text(out, "\"");
    for (const char *p = text; *p;) {
        size_t skipped = write_special(out, p);
        if (skipped) {
            p += skipped;
            continue;
        }
        if (*p == '\n')
            buf_append_text(out, "\\n");
        else if (*p == '\t')
            buf_append_text(out, "\\t");
        else if (*p == '"' || *p == '\\')
            buf_append(out, (char[]){'\\', *p}, 2);
        else
            buf_append(out, p, 1);
        p++;
    }
    buf_append_text(out, "\"");
}

void yaml_write_text(struct buf *out, const char *text)
{
    if (plain_is_safe(text))
        buf_append_text(out, text);
    else
        write_quoted(out, text);
}

/* A block scalar keeps the text as it is unless its first line starts with a blank (that would set the
 * indentation), a line holds blanks only, or it ends in several newlines. */
static bool block_is_faithful(const char *text)
{
    size_t size = strlen(text);
    if (!strchr(text, '\n') || strchr(" \t\n", text[0]) || has_special(text))
        return false;
    if (size > 1 && text[size - 1] == '\n' && text[size - 2] == '\n')
        return false;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t blanks = strspn(line, " \t");
        if (blanks && (line[blanks] == '\n' || !line[blanks]))
            return false;
    }
    return true;
}

void yaml_write_value(struct buf *out, const char *text, unsigned indent)
{
    if (!block_is_faithful(text)) {
        buf_append_text(out, " ");
        yaml_write_text(out, text);
        buf_append_text(out, "\n");
        return;
    }
    bool ends = text[strlen(text) - 1] == '\n';
    buf_append_text(out, ends ? " |\n" : " |-\n");
    for (const char *line = text; *line;) {
        size_t size = strcspn(line, "\n");
        if (size)
            buf_format(out, "%*s", (int)indent, "");
        buf_append(out, line, size);
        buf_append_text(out, "\n");
        line += size + (line[size] == '\n');
    }
}
