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

/* How well we can serve it; of equals the first counts. */
static unsigned arch_worth(unsigned code, bool http)
{
    static const char *const served[] = {"386", "amd64", "arm64"};
    const struct plan_arch *arch = plan_arch_find(code);
    if (!arch)
        return 0;
    for (size_t i = 0; i < sizeof served / sizeof served[0]; i++)
        if (arch->platform != PLAN_PLATFORM_OTHER && arch->cpu && text_equal(arch->cpu, served[i]))
            return arch->http == http ? 3 : 2;
    return 1;
}

static unsigned arch_at(struct slice value, size_t i)
{
    return (unsigned)value.data[2 * i] << 8 | value.data[2 * i + 1];
}

/* One of option 93's list (RFC 4578, section 2.1); without it, BIOS, since ROMs are older than the option. */
static unsigned arch_read(struct slice value, bool http)
{
    unsigned best = value.size >= 2 ? arch_at(value, 0) : 0;
    for (size_t i = 1; i < value.size / 2; i++)
        if (arch_worth(arch_at(value, i), http) > arch_worth(best, http))
            best = arch_at(value, i);
    return best;
}

/* Encapsulated options of one byte, 1 for "yes": ipxe.org, "DHCP feature option tags". */
static unsigned ipxe_features(const struct dhcp_message *m)
{
    static const struct {
        uint8_t code;
        enum plan_ipxe_feature feature;
    } flags[] = {
        {0x13, PLAN_IPXE_HTTP},    {0x14, PLAN_IPXE_HTTPS},     {0x15, PLAN_IPXE_TFTP},
        {0x18, PLAN_IPXE_BZIMAGE}, {0x19, PLAN_IPXE_MULTIBOOT}, {0x21, PLAN_IPXE_PXE},
        {0x24, PLAN_IPXE_EFI},
    };
    unsigned features = 0;
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        struct slice value = dhcp_get_sub(m, DHCP_OPTION_IPXE, flags[i].code);
        if (value.size == 1 && value.data[0])
            features |= flags[i].feature;
    }
    return features;
}

/* Type 0 and 16 bytes (RFC 4578, section 2.3), the first three fields little-endian as in SMBIOS. */
static void uuid_read(struct slice value, char out[static DHCP_UUID_TEXT_SIZE])
{
    static const uint8_t order[] = {4, 3, 2, 1, 6, 5, 8, 7, 9, 10, 11, 12, 13, 14, 15, 16};
    static const char digits[] = "0123456789abcdef";
    char *at = out;
    out[0] = '\0';
    if (value.size != 17 || value.data[0] != 0)
        return;
    for (size_t i = 0; i < sizeof order; i++) {
        uint8_t byte = value.data[order[i]];
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    *at = '\0';
}

/* "UEFI x86-64 (of architectures 37, 7)" */
static void arch_text(struct slice value, unsigned code, char *out, size_t size)
{
    const struct plan_arch *arch = plan_arch_find(code);
    size_t used = arch ? (size_t)snprintf(out, size, "%s", arch->name)
                       : (size_t)snprintf(out, size, "architecture %u, which nobody has registered", code);
    for (size_t i = 0; value.size >= 4 && i < value.size / 2 && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%s%u%s", i ? ", " : " (of architectures ",
                                 arch_at(value, i), i + 1 < value.size / 2 ? "" : ")");
}

static void text_make(const struct dhcp_message *m, struct dhcp_client *out)
{
    struct slice class = m->option[DHCP_OPTION_CLASS];
    char said[64], arch[128];
    if (out->boots) {
        arch_text(m->option[DHCP_OPTION_ARCH], out->plan.arch, arch, sizeof arch);
        snprintf(out->text, sizeof out->text, "%s, %s%s", out->plan.http ? "HTTP Boot" : "PXE", arch,
                 out->plan.ipxe ? ", iPXE ROM" : "");
    } else {
        text_printable((const char *)class.data, class.size, said, sizeof said);
        snprintf(out->text, sizeof out->text, "booted system%s%s", said[0] ? ", " : "", said);
    }
}

void dhcp_client_read(const struct dhcp_message *m, struct dhcp_client *out)
{
    struct slice class = m->option[DHCP_OPTION_CLASS];
    struct plan_client *plan = &out->plan;
    memset(out, 0, sizeof *out);
    memcpy(plan->mac.byte, m->chaddr, MAC_SIZE);
    plan->arch = arch_read(m->option[DHCP_OPTION_ARCH], value_starts(class, "HTTPClient"));
    const struct plan_arch *arch = plan_arch_find(plan->arch);
    plan->http =
        value_starts(class, "HTTPClient") || (arch && arch->http && !value_starts(class, "PXEClient"));
    plan->ipxe = user_class_is(m->option[DHCP_OPTION_USER_CLASS], "iPXE") || dhcp_has(m, DHCP_OPTION_IPXE);
    plan->features = ipxe_features(m);
    out->boots =
        plan->http || value_starts(class, "PXEClient") || dhcp_has(m, DHCP_OPTION_ARCH) || plan->ipxe;
    out->takes_offer = plan->http || plan->ipxe || plan_client_platform(plan) == PLAN_PLATFORM_BIOS;
    uuid_read(m->option[DHCP_OPTION_UUID], out->uuid);
    text_make(m, out);
}
