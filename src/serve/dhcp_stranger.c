#include "serve/dhcp_stranger.h"

bool dhcp_stranger_tell(struct dhcp_strangers *s, const struct mac *mac, int64_t now_ms)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < MAC_SIZE; i++)
        sum = sum * 31 + mac->byte[i];
    int64_t age_ms = now_ms - s->seen[sum % DHCP_STRANGERS].told_ms;
    /* A negative age: the clock went back. */
    if (mac_equal(&s->seen[sum % DHCP_STRANGERS].mac, mac) && age_ms >= 0 && age_ms < DHCP_STRANGER_MS)
        return false;
    if (s->second != now_ms / 1000) {
        s->second = now_ms / 1000;
        s->told = 0;
    }
    if (s->told >= DHCP_STRANGERS_A_SECOND)
        return false;
    s->told++;
    s->seen[sum % DHCP_STRANGERS].mac = *mac;
    s->seen[sum % DHCP_STRANGERS].told_ms = now_ms;
    return true;
}
