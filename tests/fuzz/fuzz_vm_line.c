#include "inventory/vm_line.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written so that it is read as the same. */
static void again(const struct vm_line *line)
{
    struct buf out = BUF_INIT;
    struct vm_line twice;
    struct error err;
    vm_line_put(&out, line->field, line->count);
    struct slice text = buf_slice(&out);
    if (vm_line_next(&text, &twice, &err) == 1) { /* else: longer, now that all is encoded */
        if (twice.count != line->count || text.size)
            abort();
        for (size_t i = 0; i < line->count; i++)
            if (strcmp(twice.field[i], line->field[i]) != 0)
                abort();
    } else if (out.size < VM_LINE_MAX) {
        abort();
    }
    buf_fini(&out);
}

static void query(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    struct buf out = BUF_INIT;
    if (!text)
        return;
    if (size)
        memcpy(text, data, size);
    text[size] = 0;
    if (vm_query_decode(text, &out) &&
        (out.size > strlen(text) || memchr(out.data ? out.data : data, 0, out.size)))
        abort();
    buf_fini(&out);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {data, size};
    struct vm_line line;
    struct error err;
    size_t left = size;
    for (int more; (more = vm_line_next(&text, &line, &err)) != 0; left = text.size) {
        if (text.size >= left)
            abort(); /* it would never end */
        if (more > 0)
            again(&line);
    }
    query(data, size);
    return 0;
}
