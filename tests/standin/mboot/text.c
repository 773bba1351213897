#include "mboot.h"

void text_append_part(char *to, size_t size, const char *text, size_t length)
{
    size_t at = strlena((CHAR8 *)to);

    if (length >= size - at)
        fatal("a name is too long", text);
    CopyMem(to + at, text, length);
    to[at + length] = 0;
}

void text_append(char *to, size_t size, const char *text)
{
    text_append_part(to, size, text, strlena((const CHAR8 *)text));
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? c + 'a' - 'A' : c;
}

bool text_same_start(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!a[i] || lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

const char *text_find(const char *text, const char *part)
{
    for (; *text; text++)
        if (text_same_start(text, part, strlena((const CHAR8 *)part)))
            return text;
    return NULL;
}

bool text_is_url(const char *text)
{
    return text_find(text, "://") != NULL;
}

CHAR16 *text_wide(const char *text)
{
    CHAR16 *wide = allocate((strlena((const CHAR8 *)text) + 1) * sizeof(*wide));

    for (size_t i = 0; text[i]; i++)
        wide[i] = (uint8_t)text[i];
    return wide;
}

void path_clean(char *path)
{
    const char *host = text_find(path, "://");
    char *to = path;

    for (const char *from = path; *from; from++) {
        char c = *from == '\\' ? '/' : *from;

        if (c == ' ' || (c == '/' && to > path && to[-1] == '/' && !(host && from == host + 2)))
            continue;
        *to++ = c;
    }
    *to = 0;
}

void path_folder(char folder[PATH_MAX], const char *path)
{
    size_t length = strlena((const CHAR8 *)path);

    while (length && path[length] != '/')
        length--;
    folder[0] = 0;
    text_append_part(folder, PATH_MAX, path, length);
}

void path_join(char path[PATH_MAX], const char *folder, const char *name)
{
    bool absolute = name[0] == '/' || name[0] == '\\' || text_is_url(name);

    path[0] = 0;
    if (!absolute && folder[0]) {
        text_append(path, PATH_MAX, folder);
        text_append(path, PATH_MAX, "/");
    }
    text_append(path, PATH_MAX, name);
    path_clean(path);
}

void *allocate(size_t size)
{
    void *memory = AllocateZeroPool(size);

    if (!memory)
        fatal("out of memory", "");
    return memory;
}
