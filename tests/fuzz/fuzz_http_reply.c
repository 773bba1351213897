/* The first byte is how many bytes come at a time; whole or in parts, the answer is the same. */
#include <stdlib.h>
#include <string.h>

#include "swarm/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    int result, status;
    uint64_t body_bytes;
    size_t used;
};

static struct outcome feed(struct slice text, size_t step)
{
    struct http_reply reply;
    struct outcome out = {0};
    struct error err;
    uint64_t bodied = 0;
    http_reply_init(&reply, false);
    while (out.result == 0 && out.used < text.size && !http_reply_done(&reply)) {
        struct slice body, part = {text.data + out.used, text.size - out.used};
        size_t used = 0;
        if (part.size > step)
            part.size = step;
        out.result = http_reply_feed(&reply, part, &used, &body, &err);
        if (used > part.size || body.size > used || (body.size && body.data < part.data))
            abort();
        if (out.result == 0 && !used)
            abort();
        bodied += body.size;
        out.used += used;
    }
    if (out.result == 0 && bodied != reply.body_bytes)
        abort();
    if (out.result == 0 && !http_reply_done(&reply))
        http_reply_close(&reply, &err);
    out.status = reply.status;
    out.body_bytes = reply.body_bytes;
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct slice text = {data + 1, size - 1};
    struct outcome whole = feed(text, SIZE_MAX), parts = feed(text, (size_t)data[0] + 1);
    if (whole.result != parts.result || (whole.result == 0 && whole.used != parts.used) ||
        whole.status != parts.status || whole.body_bytes != parts.body_bytes)
        abort();
    return 0;
}
