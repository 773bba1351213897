/* Addresses as the network writes them: hardware addresses and IPv4 in host byte order, parsed and printed.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MAC_SIZE      6
#define MAC_TEXT_SIZE 18 /* "52:54:00:12:34:56" and NUL */
#define IP4_TEXT_SIZE 16

struct mac {
    uint8_t byte[MAC_SIZE];
};

/* Here, since tables of leases, nodes and machines compare little else. */
static inline bool mac_equal(const struct mac *a, const struct mac *b)
{
    return memcmp(a->byte, b->byte, MAC_SIZE) == 0;
}
bool mac_is_zero(const struct mac *m);

/* Takes aa:bb:cc:dd:ee:ff, dashes, Cisco dots (aabb.ccdd.eeff) and twelve bare digits, any case. Whole text
 * or nothing. */
bool mac_parse(const char *text, struct mac *out);
const char *mac_format(const struct mac *m, char out[static MAC_TEXT_SIZE]);      /* lower case, colons */
const char *mac_format_dash(const struct mac *m, char out[static MAC_TEXT_SIZE]); /* lower case, dashes */

/* IPv4 addresses are uint32_t in host byte order everywhere in this program; 0 means none. */
bool ip4_parse(const char *text, uint32_t *out);
const char *ip4_format(uint32_t ip, char out[static IP4_TEXT_SIZE]);
bool ip4_parse_prefix(const char *text, uint32_t *base,
                      unsigned *prefix); /* "10.77.0.0/24"; base as written */
static inline uint32_t ip4_mask(unsigned prefix)
{
    return prefix == 0 ? 0 : ~(uint32_t)0 << (32 - prefix);
}
