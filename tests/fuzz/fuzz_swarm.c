/* What a server says to a herd: the first byte tells a frame with DHCP in it, packets of a TFTP transfer, the
 * name of a boot file. */
#include <stdlib.h>
#include <string.h>

#include "swarm/dhcp_client.h"
#include "swarm/frame.h"
#include "swarm/place.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_frame(struct slice frame)
{
    struct slice payload;
    struct dhcp_message m;
    struct dhcp_client c = {.habit = &habits[0], .file_needed = true};
    if (!frame_parse(frame, &payload))
        return;
    check(payload.data >= frame.data && payload.data + payload.size <= frame.data + frame.size);
    if (dhcp_message_decode(payload.data, payload.size, &m, NULL) < 0)
        return;
    memcpy(c.mac.byte, m.chaddr, MAC_SIZE);
    dhcp_client_start(&c, m.xid, 0);
    dhcp_client_take(&c, &m, 1);
    uint8_t out[DHCP_SIZE_MAX];
    if (c.state == DHCP_CLIENT_REQUESTING)
        check(dhcp_client_message(&c, 2, out) <= DHCP_SIZE_DEFAULT);
}

/* Packets, each a length byte and so many bytes. Whatever comes, the bytes are handed over in order. */
static void fuzz_transfer(struct slice stream)
{
    static const struct tftp_manner manner = {8, 4, true, 100, 3};
    struct tftp_client c;
    struct tftp_client_action action;
    uint64_t bytes = 0;
    int64_t now_us = 0;
    tftp_client_init(&c, &manner, false, now_us);
    while (stream.size && c.verdict == TFTP_CLIENT_RUNNING) {
        size_t size = stream.data[0] < stream.size ? stream.data[0] : stream.size - 1;
        now_us += 50000;
        if (size)
            tftp_client_packet(&c, (struct slice){stream.data + 1, size}, now_us, &action);
        else
            tftp_client_timer(&c, now_us, &action);
        check(!action.data.size || action.offset == bytes);
        bytes += action.data.size;
        check(c.bytes == bytes && c.acked <= c.have && c.have - c.acked < c.window + 1);
        stream.data += size + 1;
        stream.size -= size + 1;
    }
}

/* A boot file's name, as an OFFER has it. */
static void fuzz_place(struct slice text)
{
    const struct script_server server = {SCRIPT_TFTP, 1, PLACE_PORT_TFTP};
    char name[SCRIPT_PATH_MAX + 64], folder[SCRIPT_PATH_MAX];
    struct place place, beside;
    size_t size = text.size < sizeof name ? text.size : sizeof name - 1;
    memcpy(name, text.data, size);
    name[size] = 0;
    if (!place_parse(name, &server, &place))
        return;
    check(place.server.port && strlen(place.path) < SCRIPT_PATH_MAX);
    check(place.server.door == SCRIPT_TFTP || place.path[0] == '/');
    place_folder(place.path, folder);
    if (place_beside(&place, "boot.cfg", &beside))
        check(strncmp(beside.path, folder, strlen(folder)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct slice rest = {data + 1, size - 1};
    static void (*const targets[])(struct slice) = {fuzz_frame, fuzz_transfer, fuzz_place};
    targets[data[0] % 3](rest);
    return 0;
}
