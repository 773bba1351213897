#include "image/esxi_release.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"

static bool is_in(uint8_t c, const char *set)
{
    return c && strchr(set, c);
}

/* What of `text` from its start consists of `set`. */
static struct slice span(struct slice text, const char *set)
{
    size_t size = 0;
    while (size < text.size && is_in(text.data[size], set))
        size++;
    return (struct slice){text.data, size};
}

static struct slice skip(struct slice text, size_t size)
{
    return size ? (struct slice){text.data + size, text.size - size} : text;
}

static struct slice skip_blanks(struct slice text)
{
    return skip(text, span(text, " \t\r\n").size);
}

/* What follows the first `mark`; false when there is none. */
static bool find_after(struct slice text, const char *mark, struct slice *out)
{
    const uint8_t *at = text.size ? memmem(text.data, text.size, mark, strlen(mark)) : NULL;
    if (at)
        *out = skip(text, (size_t)(at - text.data) + strlen(mark));
    return at;
}

static bool copy(struct slice from, char out[static ESXI_RELEASE_TEXT_MAX])
{
    if (from.size == 0 || from.size >= ESXI_RELEASE_TEXT_MAX)
        return false;
    memcpy(out, from.data, from.size);
    out[from.size] = 0;
    return true;
}

/* "8.0.2", and no dot at its end: a sentence may stop there. */
static struct slice take_version(struct slice text, char out[static ESXI_RELEASE_TEXT_MAX])
{
    struct slice version = span(text, DIGITS ".");
    while (version.size && version.data[version.size - 1] == '.')
        version.size--;
    if (!version.size || version.data[0] == '.' || !memchr(version.data, '.', version.size) ||
        !copy(version, out))
        out[0] = 0;
    return skip(text, version.size);
}

/* The build is the last number of "22380479", "8.0.2-22380479" and "8.0.2-0.0.22380479". */
static void take_build(struct slice text, char out[static ESXI_RELEASE_TEXT_MAX])
{
    struct slice word = span(text, DIGITS ".-");
    size_t start = word.size;
    while (start && is_in(word.data[start - 1], DIGITS))
        start--;
    if (!copy(skip(word, start), out))
        out[0] = 0;
}

bool esxi_release_metadata(struct slice text, struct esxi_release *out)
{
    struct esxi_release found = {0};
    struct slice at;
    if (!find_after(text, "<esxVersion>", &at))
        return false;
    take_version(skip_blanks(at), found.version);
    if (find_after(text, "<esxRelease>", &at))
        take_build(skip_blanks(at), found.build);
    if (!found.version[0])
        return false;
    *out = found;
    return true;
}

/* The next line without blanks at its ends; takes it off *text. */
static struct slice next_line(struct slice *text)
{
    const uint8_t *end = memchr(text->data, '\n', text->size);
    struct slice line = {text->data, end ? (size_t)(end - text->data) : text->size};
    *text = skip(*text, line.size + (end != NULL));
    line = skip_blanks(line);
    while (line.size && is_in(line.data[line.size - 1], " \t\r"))
        line.size--;
    return line;
}

static bool starts(struct slice line, const char *mark)
{
    return line.size >= strlen(mark) && memcmp(line.data, mark, strlen(mark)) == 0;
}

bool esxi_release_discinfo(struct slice text, struct esxi_release *out)
{
    static const char key[] = "Version:";
    struct esxi_release found = {0};
    bool named = false;
    while (text.size) {
        struct slice line = next_line(&text);
        named |= line.size == strlen("ESXi") && starts(line, "ESXi");
        if (!found.version[0] && starts(line, key))
            take_version(skip_blanks(skip(line, strlen(key))), found.version);
    }
    if (!named || !found.version[0])
        return false;
    *out = found;
    return true;
}

bool esxi_release_readme(struct slice text, struct esxi_release *out)
{
    struct esxi_release found = {0};
    struct slice at;
    if (!find_after(text, "VMware ESXi", &at))
        return false;
    at = skip_blanks(at);
    if (starts(at, "version"))
        at = skip_blanks(skip(at, strlen("version")));
    take_version(at, found.version);
    if (!found.version[0])
        return false;
    *out = found;
    return true;
}

bool esxi_release_build(struct slice text, struct esxi_release *out)
{
    struct esxi_release found = {0};
    struct slice rest = take_version(text, found.version);
    if (!found.version[0])
        return false;
    if (rest.size && rest.data[0] == '-')
        take_build(skip(rest, 1), found.build);
    *out = found;
    return true;
}

bool esxi_release_since(const struct esxi_release *release, unsigned major, unsigned minor)
{
    char *end;
    unsigned long has = strtoul(release->version, &end, 10);
    unsigned long has_minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    return release->version[0] && (has > major || (has == major && has_minor >= minor));
}
