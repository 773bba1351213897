/* Events as the database keeps them: any text gives events or an error, and what gave events is written back
 * the same but for what never is written. */
#include "state/event_text.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int write_back(void *ctx, const struct story_event *event, struct error *err)
{
    struct buf *out = ctx;
    buf_append_text(out, out->size ? "," : "[");
    event_text_format(event, out);
    return 0;
}

static int parse(const char *text, struct buf *out)
{
    struct error err;
    int result = event_text_parse(text, out, write_back, &err);
    buf_append_text(out, out->size ? "]" : "[]");
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf once = BUF_INIT, twice = BUF_INIT;
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    if (parse(text, &once) == 0 &&
        (parse(buf_text(&once), &twice) < 0 || strcmp(buf_text(&once), buf_text(&twice)) != 0))
        abort();
    free(text);
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
