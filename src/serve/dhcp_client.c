#include "serve/dhcp_client.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static bool value_starts(struct slice value, const char *prefix)
{
    size_t size = strlen(prefix);
    return value.size >= size && memcmp(value.data, prefix, size) == 0;
}

/* Option 77 is a list of length-prefixed classes (RFC 3004), but iPXE sends bare text. */
static bool user_class_is(struct slice value, const char *name)
{
    size_t size = strlen(name);
    if (value.size == size && value_starts(value, name))
        return true;
    for (size_t at = 0; at < value.size; at += 1 + value.data[at]) {
        size_t length = value.data[at];
        if (length == size && value.size - at - 1 >= size && memcmp(value.data + at + 1, name, size) == 0)
            return true;
    }
    return false;
}

/* The first architecture of option 93; without it, BIOS (RFC 4578, section 2.1, made it a must only later).
 */
static unsigned arch_read(const struct dhcp_message *m)
{
    struct slice value = m->option[DHCP_OPTION_ARCH];
    return value.size >= 2 ? (unsigned)value.data[0] << 8 | value.data[1] : 0;
}

void dhcp_client_read(const struct dhcp_message *m, struct dhcp_client *out)
{
    struct slice class = m->option[DHCP_OPTION_CLASS];
    memset(out, 0, sizeof *out);
    memcpy(out->plan.mac.byte, m->chaddr, MAC_SIZE);
    out->plan.arch = arch_read(m);
    const struct plan_arch *arch = plan_arch_find(out->plan.arch);
    out->plan.http =
        value_starts(class, "HTTPClient") || (arch && arch->http && !value_starts(class, "PXEClient"));
    out->plan.ipxe =
        user_class_is(m->option[DHCP_OPTION_USER_CLASS], "iPXE") || dhcp_has(m, DHCP_OPTION_IPXE);
    out->boots =
        out->plan.http || value_starts(class, "PXEClient") || dhcp_has(m, DHCP_OPTION_ARCH) || out->plan.ipxe;
    if (!out->boots) {
        char said[64];
        text_printable((const char *)class.data, class.size, said, sizeof said);
        snprintf(out->text, sizeof out->text, "booted system%s%s", said[0] ? ", " : "", said);
        return;
    }
    char number[32];
    snprintf(number, sizeof number, "architecture %u", out->plan.arch);
    snprintf(out->text, sizeof out->text, "%s, %s%s", out->plan.http ? "HTTP Boot" : "PXE",
             arch ? arch->name : number, out->plan.ipxe ? ", iPXE ROM" : "");
}
