#include "inventory/vm_line.h"

#include <string.h>

static bool line_is_special(uint8_t c)
{
    return c < 0x20 || c == 0x7f || c == '%' || c == '|';
}

static void line_put_field(struct buf *out, const char *field)
{
    const char *from = field, *p = field;
    for (; *p; p++) {
        if (!line_is_special((uint8_t)*p))
            continue;
        buf_append(out, from, (size_t)(p - from));
        buf_format(out, "%%%02X", (uint8_t)*p);
        from = p + 1;
    }
    buf_append(out, from, (size_t)(p - from));
}

void vm_line_put(struct buf *out, const char *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_append_text(out, "|");
        line_put_field(out, fields[i]);
    }
    buf_append_text(out, "\n");
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that %XX at p stands for; 0 where it is none, since NUL is never meant. */
static uint8_t unescape(const uint8_t *p, const uint8_t *end)
{
    int high = end - p > 2 ? hex_digit(p[1]) : -1, low = high < 0 ? -1 : hex_digit(p[2]);
    return low < 0 ? 0 : (uint8_t)(high << 4 | low);
}

static int line_decode(const uint8_t *p, const uint8_t *end, struct vm_line *out, struct error *err)
{
    char *to = out->scratch;
    for (; p < end; p++) {
        uint8_t c = *p;
        if (c == '|') {
            *to++ = '\0';
            if (++out->count == VM_LINE_FIELDS)
                return 0;
            out->field[out->count] = to;
            continue;
        }
        if (c == '%') {
            c = unescape(p, end);
            p += 2;
            if (!c)
                return error_set(err, "a '%%' without two hex digits behind it, or %%00");
        }
        if (!c)
            return error_set(err, "a byte 0");
        *to++ = (char)c;
    }
    *to = '\0';
    out->count++;
    return 0;
}

int vm_line_next(struct slice *text, struct vm_line *out, struct error *err)
{
    if (!text->size)
        return 0;
    const uint8_t *start = text->data, *line_end = memchr(start, '\n', text->size);
    size_t size = line_end ? (size_t)(line_end - start) : text->size;
    size_t taken = line_end ? size + 1 : size;
    text->data += taken;
    text->size -= taken;
    if (size && start[size - 1] == '\r')
        size--;
    if (size >= VM_LINE_MAX)
        return error_set(err, "a line of %zu bytes; at most %d are taken", size, VM_LINE_MAX - 1);
    out->count = 0;
    out->scratch[0] = '\0';
    out->field[0] = out->scratch;
    if (line_decode(start, start + size, out, err) < 0)
        return -1;
    for (size_t i = out->count; i < VM_LINE_FIELDS; i++)
        out->field[i] = "";
    return 1;
}

bool vm_query_decode(const char *query, struct buf *out)
{
    const uint8_t *p = (const uint8_t *)query, *end = p + strlen(query);
    for (; p < end; p++) {
        uint8_t c = *p;
        if (c == '%') {
            if (!(c = unescape(p, end)))
                return false;
            p += 2;
        }
        buf_append(out, &c, 1);
    }
    return true;
}
