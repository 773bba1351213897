/* The first byte says which port the packet came to: the server's own, or a transfer's. */
#include <stdlib.h>
#include <string.h>

#include "serve/boot_file.h"
#include "serve/tftp_machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_request(struct slice packet)
{
    struct tftp_request r;
    tftp_request_parse(packet, &r);
    check(r.kind != TFTP_REQUEST_REFUSE || r.refuse_text);
    if (r.kind != TFTP_REQUEST_READ)
        return;
    char name[BOOT_PATH_MAX];
    if (boot_path_clean(r.file, strlen(r.file), name))
        check(name[0] != '/' && !strstr(name, "//") && !strstr(name, "/../"));
    struct tftp_machine m;
    tftp_machine_init(&m, 100000, &r.options);
    uint8_t oack[TFTP_PACKET_MAX];
    check(tftp_put_oack(&m.granted, oack) < TFTP_PACKET_MAX);
    check(m.window >= 1 && m.window <= TFTP_WINDOW_MAX && m.blksize >= 8);
}

/* Replies to a running transfer, each a length byte and so many bytes, 50 ms apart. */
static void fuzz_replies(struct slice stream)
{
    struct tftp_options asked = {.present = 1 << TFTP_OPTION_BLKSIZE | 1 << TFTP_OPTION_WINDOWSIZE};
    asked.value[TFTP_OPTION_BLKSIZE] = 8;
    asked.value[TFTP_OPTION_WINDOWSIZE] = 4;
    struct tftp_machine m;
    struct tftp_action action;
    tftp_machine_init(&m, 1000, &asked);
    tftp_machine_step(&m, &(struct tftp_event){.kind = TFTP_EVENT_START}, 0, &action);
    int64_t now_us = 0;
    while (stream.size && action.kind != TFTP_ACTION_END) {
        size_t size = stream.data[0] < stream.size ? stream.data[0] : stream.size - 1;
        struct tftp_reply reply;
        struct tftp_event event = {.kind = TFTP_EVENT_TIMER};
        if (tftp_reply_parse((struct slice){stream.data + 1, size}, &reply)) {
            event.kind = reply.opcode == TFTP_ACK ? TFTP_EVENT_ACK : TFTP_EVENT_ERROR;
            event.number = reply.number;
            event.text = reply.text;
        }
        now_us += 50000;
        tftp_machine_step(&m, &event, now_us, &action);
        check(m.acked <= m.sent && m.sent <= m.last && m.sent - m.acked <= m.window);
        if (action.kind == TFTP_ACTION_DATA)
            check(action.first > m.acked && action.end == m.sent + 1 && action.first < action.end);
        stream.data += size + 1;
        stream.size -= size + 1;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct slice rest = {data + 1, size - 1};
    if (data[0] & 1)
        fuzz_replies(rest);
    else
        fuzz_request(rest);
    return 0;
}
