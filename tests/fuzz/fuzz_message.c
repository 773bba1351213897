#include "proc/message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A pack as net, which reads hostile packets, may send it: each message that is let through can be read, and
 * packed again it is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t body[MESSAGE_SIZE_MAX];
    static struct message_pack again;
    static struct boot_event event;
    uint8_t put[MESSAGE_EVENT_MAX];
    const char *words[MESSAGE_WORDS_MAX];
    struct message m;
    struct error err;
    size_t at = 0, count = 0;
    if (size > sizeof again.data)
        return 0;
    if (size)
        memcpy(body, data, size);
    struct message pack = {.type = MESSAGE_PACK, .body = body, .size = size, .fd = -1};
    again.size = again.count = 0;
    while (message_pack_next(&pack, &at, &m, &err) > 0) {
        if (m.type == MESSAGE_ASK)
            message_words(&m, words, &count, &err);
        if (m.type == MESSAGE_EVENT) {
            message_event_get(&m, &event);
            if (message_event_put(&event, put) != m.size || memcmp(put, m.body, m.size) != 0)
                abort();
        }
        if (m.type == MESSAGE_AGENT_ASK) {
            const struct message_agent_ask *ask = m.body;
            if (sizeof *ask + strlen(message_agent_query(&m)) + 1 != m.size ||
                strlen(ask->path) >= sizeof ask->path || strlen(ask->asker) >= sizeof ask->asker)
                abort();
        }
        if (again.count < MESSAGE_PACK_MAX && !message_pack_add(&again, &m))
            abort();
        if (again.size != at && again.count < MESSAGE_PACK_MAX)
            abort();
    }
    return 0;
}
