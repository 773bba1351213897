#include "serve/dhcp_client.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

/* IANA "Processor Architecture Types"; 9 is EBC there but means x86-64 in practice. */
static const struct {
    unsigned arch;
    enum plan_firmware firmware;
    const char *name;
} archs[] = {
    {0, PLAN_FIRMWARE_BIOS, "BIOS"},           {6, PLAN_FIRMWARE_UEFI, "UEFI x86"},
    {7, PLAN_FIRMWARE_UEFI, "UEFI x86-64"},    {9, PLAN_FIRMWARE_UEFI, "UEFI x86-64"},
    {10, PLAN_FIRMWARE_UEFI, "UEFI arm"},      {11, PLAN_FIRMWARE_UEFI, "UEFI arm64"},
    {15, PLAN_FIRMWARE_UEFI_HTTP, "UEFI x86"}, {16, PLAN_FIRMWARE_UEFI_HTTP, "UEFI x86-64"},
    {18, PLAN_FIRMWARE_UEFI_HTTP, "UEFI arm"}, {19, PLAN_FIRMWARE_UEFI_HTTP, "UEFI arm64"},
};

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
static const char *arch_read(const struct dhcp_message *m, struct plan_client *plan)
{
    struct slice value = m->option[DHCP_OPTION_ARCH];
    plan->arch = value.size >= 2 ? (unsigned)value.data[0] << 8 | value.data[1] : 0;
    for (size_t i = 0; i < sizeof archs / sizeof archs[0]; i++) {
        if (archs[i].arch == plan->arch) {
            plan->firmware = archs[i].firmware;
            return archs[i].name;
        }
    }
    plan->firmware = PLAN_FIRMWARE_OTHER;
    return NULL;
}

void dhcp_client_read(const struct dhcp_message *m, struct dhcp_client *out)
{
    struct slice class = m->option[DHCP_OPTION_CLASS];
    memset(out, 0, sizeof *out);
    memcpy(out->plan.mac.byte, m->chaddr, MAC_SIZE);
    const char *name = arch_read(m, &out->plan);
    bool http = value_starts(class, "HTTPClient");
    if (http && out->plan.firmware == PLAN_FIRMWARE_UEFI)
        out->plan.firmware = PLAN_FIRMWARE_UEFI_HTTP;
    out->plan.ipxe =
        user_class_is(m->option[DHCP_OPTION_USER_CLASS], "iPXE") || dhcp_has(m, DHCP_OPTION_IPXE);
    out->boots = http || value_starts(class, "PXEClient") || dhcp_has(m, DHCP_OPTION_ARCH) || out->plan.ipxe;
    if (!out->boots) {
        char said[64];
        text_printable((const char *)class.data, class.size, said, sizeof said);
        snprintf(out->text, sizeof out->text, "booted system%s%s", said[0] ? ", " : "", said);
        return;
    }
    char number[32];
    snprintf(number, sizeof number, "architecture %u", out->plan.arch);
    snprintf(out->text, sizeof out->text, "%s, %s%s", http ? "HTTP Boot" : "PXE", name ? name : number,
             out->plan.ipxe ? ", iPXE ROM" : "");
}
