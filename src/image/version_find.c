#include "image/version_find.h"

#include <string.h>

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* "6.04" of "6.04 PXE": what ends it decides whether it is one. */
static void end_text(struct version_find *v)
{
    while (v->size && v->text[v->size - 1] == '.')
        v->size--;
    v->text[v->size] = '\0';
    v->found = v->size > 0;
    v->matched = 0;
}

/* Behind the mark. False: the byte is no part of a version. */
static bool take_byte(struct version_find *v, uint8_t byte)
{
    if (!v->size && byte == '\0')
        return true;
    if ((!v->size && !is_digit(byte)) || (byte != '.' && !is_digit(byte)) || v->size == sizeof v->text - 1)
        return false;
    v->text[v->size++] = (char)byte;
    return true;
}

/* The marks here do not begin again within themselves, so a mismatch starts from the first byte. */
static void match_byte(struct version_find *v, uint8_t byte)
{
    if (byte != v->mark.data[v->matched])
        v->matched = 0;
    v->matched += byte == v->mark.data[v->matched];
}

void version_find_add(struct version_find *v, const void *bytes, size_t size)
{
    const uint8_t *at = bytes, *end = at + size;
    while (v->mark.size && !v->found && at < end) {
        if (v->matched == 0 && !(at = memchr(at, v->mark.data[0], (size_t)(end - at))))
            return;
        if (v->matched < v->mark.size)
            match_byte(v, *at++);
        else if (take_byte(v, *at))
            at++;
        else
            end_text(v);
    }
}
