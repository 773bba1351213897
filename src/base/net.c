#include "base/net.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool mac_is_zero(const struct mac *m)
{
    static const struct mac zero;
    return mac_equal(m, &zero);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool mac_parse(const char *text, struct mac *out)
{
    size_t length = strlen(text);
    unsigned group; /* digits between separators */
    char separator = 0;
    if (length == 17 && (text[2] == ':' || text[2] == '-')) {
        group = 2;
        separator = text[2];
    } else if (length == 14 && text[4] == '.') {
        group = 4;
        separator = '.';
    } else if (length == 12) {
        group = 12;
    } else {
        return false;
    }
    struct mac m = {0};
    unsigned digits = 0;
    for (const char *p = text; *p; p++) {
        if (separator && digits && digits % group == 0 && (size_t)(p - text) == digits + digits / group - 1) {
            if (*p != separator)
                return false;
            continue;
        }
        int v = hex_digit(*p);
        if (v < 0 || digits >= 12)
            return false;
        m.byte[digits / 2] = (uint8_t)(m.byte[digits / 2] << 4 | v);
        digits++;
    }
    if (digits != 12)
        return false;
    *out = m;
    return true;
}

static const char *mac_print(const struct mac *m, char separator, char *out)
{
    static const char digits[] = "0123456789abcdef";
    char *p = out;
    for (size_t i = 0; i < MAC_SIZE; i++) {
        *p++ = digits[m->byte[i] >> 4];
        *p++ = digits[m->byte[i] & 15];
        *p++ = i + 1 < MAC_SIZE ? separator : 0;
    }
    return out;
}

const char *mac_format(const struct mac *m, char out[static MAC_TEXT_SIZE])
{
    return mac_print(m, ':', out);
}

const char *mac_format_dash(const struct mac *m, char out[static MAC_TEXT_SIZE])
{
    return mac_print(m, '-', out);
}

bool ip4_parse(const char *text, uint32_t *out)
{
    struct in_addr a;
    if (inet_pton(AF_INET, text, &a) != 1)
        return false;
    *out = ntohl(a.s_addr);
    return true;
}

const char *ip4_format(uint32_t ip, char out[static IP4_TEXT_SIZE])
{
    char *p = out;
    for (int shift = 24; shift >= 0; shift -= 8) {
        unsigned number = ip >> shift & 255;
        if (number >= 100)
            *p++ = (char)('0' + number / 100);
        if (number >= 10)
            *p++ = (char)('0' + number / 10 % 10);
        *p++ = (char)('0' + number % 10);
        *p++ = shift ? '.' : 0;
    }
    return out;
}

bool ip4_parse_prefix(const char *text, uint32_t *base, unsigned *prefix)
{
    const char *slash = strchr(text, '/');
    char address[IP4_TEXT_SIZE];
    if (!slash || (size_t)(slash - text) >= sizeof address)
        return false;
    memcpy(address, text, (size_t)(slash - text));
    address[slash - text] = 0;
    size_t digits = strspn(slash + 1, "0123456789");
    if (digits < 1 || digits > 2 || slash[1 + digits] != 0)
        return false;
    unsigned long bits = strtoul(slash + 1, NULL, 10);
    if (bits > 32 || !ip4_parse(address, base))
        return false;
    *prefix = (unsigned)bits;
    return true;
}
