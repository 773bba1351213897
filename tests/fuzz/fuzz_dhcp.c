#include "serve/dhcp_client.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read is written and read again; the options that came through are the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct dhcp_message m, back;
    static struct dhcp_client client;
    uint8_t out[DHCP_SIZE_MAX];
    struct error err;
    if (dhcp_message_decode(data, size, &m, &err) < 0)
        return 0;
    dhcp_client_read(&m, &client);
    uint32_t link;
    dhcp_get_relay_u32(&m, DHCP_RELAY_LINK, &link);
    dhcp_get_sub(&m, DHCP_OPTION_VENDOR, 71);
    m.option[DHCP_OPTION_OVERLOAD].data = NULL; /* never written by us: the fields are texts now */
    size_t limit = dhcp_message_limit(&m);
    size_t written = dhcp_message_encode(&m, limit, out, NULL);
    if (written > limit || written < DHCP_SIZE_MIN || dhcp_message_decode(out, written, &back, &err) < 0)
        abort();
    for (unsigned i = 0; i < 256; i++) {
        struct slice a = m.option[i], b = back.option[i];
        if (b.data && (a.size != b.size || (a.size && __builtin_memcmp(a.data, b.data, a.size) != 0)))
            abort();
    }
    return 0;
}
