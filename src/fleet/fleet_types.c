#include "fleet/fleet_types.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *fleet_shown(const char *text, char out[static FLEET_SHOWN_MAX])
{
    text_printable(text, strlen(text), out, FLEET_SHOWN_MAX);
    return out;
}

static void *field(const struct fleet_key *key, void *base)
{
    return (char *)base + key->offset;
}

static const void *field_const(const struct fleet_key *key, const void *base)
{
    return (const char *)base + key->offset;
}

int fleet_expect_text(const struct yaml *value, const char *shape, struct error *err)
{
    if (value->kind == YAML_SCALAR && !yaml_is_empty(value))
        return 0;
    return error_set(err, "here is %s; write one value, as in %s", yaml_kind_name(value), shape);
}

int fleet_expect_list(const struct yaml *value, size_t most, const char *shape, const struct yaml **at,
                      struct error *err)
{
    if (value->kind == YAML_SCALAR)
        return fleet_expect_text(value, shape, err);
    if (value->kind != YAML_LIST)
        return error_set(err, "here is %s; write a list, as in %s", yaml_kind_name(value), shape);
    if (!value->count)
        return error_set(err, "the list is empty; leave the key out");
    if (value->count > most)
        return error_set(err, "%zu values; at most %zu are taken", value->count, most);
    for (const struct yaml *v = value->first; v; v = v->next)
        if (v->kind != YAML_SCALAR || yaml_is_empty(v)) {
            *at = v;
            return error_set(err, "here is %s in a list of texts, as in %s", yaml_kind_name(v), shape);
        }
    return 0;
}

const struct yaml *fleet_first_text(const struct yaml *value)
{
    return value->kind == YAML_LIST ? value->first : value;
}

const struct yaml *fleet_next_text(const struct yaml *value, const struct yaml *text)
{
    return value->kind == YAML_LIST ? text->next : NULL;
}

static int no_memory(struct error *err)
{
    return error_set(err, "out of memory");
}

/* --- text --- */

static bool text_is_set(const struct fleet_key *key, const void *base)
{
    return *(char *const *)field_const(key, base) != NULL;
}

static void text_clear(const struct fleet_key *key, void *base)
{
    char **text = field(key, base);
    free(*text);
    *text = NULL;
}

static int text_copy(const struct fleet_key *key, void *to, const void *from)
{
    char *text = strdup(*(char *const *)field_const(key, from));
    if (!text)
        return -1;
    text_clear(key, to);
    *(char **)field(key, to) = text;
    return 0;
}

static bool text_equals(const struct fleet_key *key, const void *a, const void *b)
{
    return strcmp(*(char *const *)field_const(key, a), *(char *const *)field_const(key, b)) == 0;
}

static int text_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                      const struct yaml **at, struct error *err)
{
    if (fleet_expect_text(value, key->shape, err) < 0)
        return -1;
    char *text = strdup(value->text);
    if (!text)
        return no_memory(err);
    text_clear(key, base);
    *(char **)field(key, base) = text;
    return 0;
}

static void text_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    yaml_write_value(out, *(char *const *)field_const(key, base), indent);
}

const struct fleet_type fleet_type_text = {.is_set = text_is_set,
                                           .clear = text_clear,
                                           .copy = text_copy,
                                           .equal = text_equals,
                                           .parse = text_parse,
                                           .format = text_format};

/* --- switch --- */

static bool switch_is_set(const struct fleet_key *key, const void *base)
{
    return *(const enum fleet_switch *)field_const(key, base) != FLEET_UNSET;
}

static void switch_clear(const struct fleet_key *key, void *base)
{
    *(enum fleet_switch *)field(key, base) = FLEET_UNSET;
}

static int switch_copy(const struct fleet_key *key, void *to, const void *from)
{
    *(enum fleet_switch *)field(key, to) = *(const enum fleet_switch *)field_const(key, from);
    return 0;
}

static bool switch_equal(const struct fleet_key *key, const void *a, const void *b)
{
    return *(const enum fleet_switch *)field_const(key, a) == *(const enum fleet_switch *)field_const(key, b);
}

int fleet_read_switch(const struct yaml *value, enum fleet_switch *out, struct error *err)
{
    static const struct {
        const char *word;
        enum fleet_switch value;
    } words[] = {{"on", FLEET_ON},   {"yes", FLEET_ON}, {"true", FLEET_ON},
                 {"off", FLEET_OFF}, {"no", FLEET_OFF}, {"false", FLEET_OFF}};
    if (fleet_expect_text(value, "on", err) < 0)
        return -1;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcasecmp(value->text, words[i].word) == 0) {
            *out = words[i].value;
            return 0;
        }
    char shown[FLEET_SHOWN_MAX];
    return error_set(err, "'%s' is neither on nor off", fleet_shown(value->text, shown));
}

static int switch_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                        const struct yaml **at, struct error *err)
{
    return fleet_read_switch(value, field(key, base), err);
}

static void switch_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    buf_append_text(out, *(const enum fleet_switch *)field_const(key, base) == FLEET_ON ? " on\n" : " off\n");
}

const struct fleet_type fleet_type_switch = {.is_set = switch_is_set,
                                             .clear = switch_clear,
                                             .copy = switch_copy,
                                             .equal = switch_equal,
                                             .parse = switch_parse,
                                             .format = switch_format};

/* --- addresses --- */

static int ip_read(const struct yaml *value, uint32_t *out, struct error *err)
{
    uint32_t ip = 0;
    if (fleet_expect_text(value, "10.77.0.11", err) < 0)
        return -1;
    if (!ip4_parse(value->text, &ip) || !ip) {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err, "'%s' is no IPv4 address; write four numbers from 0 to 255, as in 10.77.0.11",
                         fleet_shown(value->text, shown));
    }
    *out = ip;
    return 0;
}

static bool u32_is_set(const struct fleet_key *key, const void *base)
{
    return *(const uint32_t *)field_const(key, base) != 0;
}

static void u32_clear(const struct fleet_key *key, void *base)
{
    *(uint32_t *)field(key, base) = 0;
}

static int u32_copy(const struct fleet_key *key, void *to, const void *from)
{
    *(uint32_t *)field(key, to) = *(const uint32_t *)field_const(key, from);
    return 0;
}

static bool u32_equal(const struct fleet_key *key, const void *a, const void *b)
{
    return *(const uint32_t *)field_const(key, a) == *(const uint32_t *)field_const(key, b);
}

static int ip_parse(const struct fleet_key *key, void *base, const struct yaml *value, const struct yaml **at,
                    struct error *err)
{
    return ip_read(value, field(key, base), err);
}

static void ip_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    char ip[IP4_TEXT_SIZE];
    buf_format(out, " %s\n", ip4_format(*(const uint32_t *)field_const(key, base), ip));
}

const struct fleet_type fleet_type_ip = {.is_set = u32_is_set,
                                         .clear = u32_clear,
                                         .copy = u32_copy,
                                         .equal = u32_equal,
                                         .parse = ip_parse,
                                         .format = ip_format};

/* --- subnet --- */

static bool subnet_is_set(const struct fleet_key *key, const void *base)
{
    return ((const struct fleet_network *)base)->prefix != 0;
}

static void subnet_clear(const struct fleet_key *key, void *base)
{
    struct fleet_network *n = base;
    n->subnet = 0;
    n->prefix = 0;
}

static int subnet_copy(const struct fleet_key *key, void *to, const void *from)
{
    const struct fleet_network *source = from;
    struct fleet_network *n = to;
    n->subnet = source->subnet;
    n->prefix = source->prefix;
    return 0;
}

static bool subnet_equal(const struct fleet_key *key, const void *a, const void *b)
{
    const struct fleet_network *left = a, *right = b;
    return left->subnet == right->subnet && left->prefix == right->prefix;
}

static int subnet_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                        const struct yaml **at, struct error *err)
{
    struct fleet_network *n = base;
    uint32_t subnet;
    unsigned prefix;
    if (fleet_expect_text(value, key->shape, err) < 0)
        return -1;
    if (!ip4_parse_prefix(value->text, &subnet, &prefix)) {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err, "'%s' is no subnet; write address/prefix, as in 10.77.0.0/24",
                         fleet_shown(value->text, shown));
    }
    if (prefix == 0) /* in the struct 0 means "not set" */
        return error_set(err, "a prefix of 0 is the whole internet; write one from %u to %u",
                         FLEET_PREFIX_MIN, FLEET_PREFIX_MAX);
    n->subnet = subnet;
    n->prefix = prefix;
    return 0;
}

static void subnet_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    const struct fleet_network *n = base;
    char ip[IP4_TEXT_SIZE];
    buf_format(out, " %s/%u\n", ip4_format(n->subnet, ip), n->prefix);
}

const struct fleet_type fleet_type_subnet = {.is_set = subnet_is_set,
                                             .clear = subnet_clear,
                                             .copy = subnet_copy,
                                             .equal = subnet_equal,
                                             .parse = subnet_parse,
                                             .format = subnet_format};

/* --- pool --- */

static bool pool_is_set(const struct fleet_key *key, const void *base)
{
    return ((const struct fleet_network *)base)->pool_first != 0;
}

static void pool_clear(const struct fleet_key *key, void *base)
{
    struct fleet_network *n = base;
    n->pool_first = n->pool_last = 0;
}

static int pool_copy(const struct fleet_key *key, void *to, const void *from)
{
    const struct fleet_network *source = from;
    struct fleet_network *n = to;
    n->pool_first = source->pool_first;
    n->pool_last = source->pool_last;
    return 0;
}

static bool pool_equal(const struct fleet_key *key, const void *a, const void *b)
{
    const struct fleet_network *left = a, *right = b;
    return left->pool_first == right->pool_first && left->pool_last == right->pool_last;
}

static int pool_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                      const struct yaml **at, struct error *err)
{
    struct fleet_network *n = base;
    if (fleet_expect_text(value, key->shape, err) < 0)
        return -1;
    cleanup_free char *text = strdup(value->text);
    if (!text)
        return no_memory(err);
    char *rest = text, *first = strsep(&rest, "-");
    uint32_t from, to;
    first[strcspn(first, " ")] = 0; /* "a - b" */
    if (!rest || !ip4_parse(first, &from) || !ip4_parse(rest + strspn(rest, " "), &to) || !from || !to) {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err, "'%s' is no pool; write first-last, as in %s", fleet_shown(value->text, shown),
                         key->shape);
    }
    n->pool_first = from;
    n->pool_last = to;
    return 0;
}

static void pool_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    const struct fleet_network *n = base;
    char first[IP4_TEXT_SIZE], last[IP4_TEXT_SIZE];
    buf_format(out, " %s-%s\n", ip4_format(n->pool_first, first), ip4_format(n->pool_last, last));
}

const struct fleet_type fleet_type_pool = {.is_set = pool_is_set,
                                           .clear = pool_clear,
                                           .copy = pool_copy,
                                           .equal = pool_equal,
                                           .parse = pool_parse,
                                           .format = pool_format};

/* --- name servers --- */

static bool dns_is_set(const struct fleet_key *key, const void *base)
{
    return ((const struct fleet_network *)base)->dns_count != 0;
}

static void dns_clear(const struct fleet_key *key, void *base)
{
    ((struct fleet_network *)base)->dns_count = 0;
}

static int dns_copy(const struct fleet_key *key, void *to, const void *from)
{
    const struct fleet_network *source = from;
    struct fleet_network *n = to;
    n->dns_count = source->dns_count;
    memcpy(n->dns, source->dns, sizeof n->dns);
    return 0;
}

static bool dns_equal(const struct fleet_key *key, const void *a, const void *b)
{
    const struct fleet_network *left = a, *right = b;
    return left->dns_count == right->dns_count &&
           memcmp(left->dns, right->dns, left->dns_count * sizeof left->dns[0]) == 0;
}

static int dns_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                     const struct yaml **at, struct error *err)
{
    struct fleet_network *n = base;
    if (fleet_expect_list(value, FLEET_DNS_MAX, key->shape, at, err) < 0)
        return -1;
    n->dns_count = 0;
    for (const struct yaml *v = fleet_first_text(value); v; v = fleet_next_text(value, v)) {
        *at = v;
        if (ip_read(v, &n->dns[n->dns_count], err) < 0)
            return -1;
        n->dns_count++;
    }
    return 0;
}

static void dns_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    const struct fleet_network *n = base;
    char ip[IP4_TEXT_SIZE];
    for (size_t i = 0; i < n->dns_count; i++)
        buf_format(out, "%s%s", i ? ", " : " [", ip4_format(n->dns[i], ip));
    buf_append_text(out, "]\n");
}

const struct fleet_type fleet_type_dns = {.list = true,
                                          .is_set = dns_is_set,
                                          .clear = dns_clear,
                                          .copy = dns_copy,
                                          .equal = dns_equal,
                                          .parse = dns_parse,
                                          .format = dns_format};

/* --- number --- */

static int number_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                        const struct yaml **at, struct error *err)
{
    char shown[FLEET_SHOWN_MAX];
    uint64_t number;
    if (fleet_expect_text(value, key->shape, err) < 0)
        return -1;
    if (!text_u64(value->text, 1, UINT32_MAX, &number))
        return error_set(err, "'%s' is no number of its kind; write it as in %s",
                         fleet_shown(value->text, shown), key->shape);
    *(uint32_t *)field(key, base) = (uint32_t)number;
    return 0;
}

static void number_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    buf_format(out, " %u\n", *(const uint32_t *)field_const(key, base));
}

const struct fleet_type fleet_type_number = {.is_set = u32_is_set,
                                             .clear = u32_clear,
                                             .copy = u32_copy,
                                             .equal = u32_equal,
                                             .parse = number_parse,
                                             .format = number_format};

/* --- lease --- */

static const struct {
    char unit;
    uint32_t seconds;
} units[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

static int lease_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                       const struct yaml **at, struct error *err)
{
    char digits[16], shown[FLEET_SHOWN_MAX];
    uint64_t number;
    uint32_t scale = 1;
    if (fleet_expect_text(value, key->shape, err) < 0)
        return -1;
    size_t size = strlen(value->text);
    for (size_t i = 0; size && i < sizeof units / sizeof units[0]; i++)
        if (value->text[size - 1] == units[i].unit) {
            scale = units[i].seconds;
            size--;
            break;
        }
    if (size < sizeof digits) {
        memcpy(digits, value->text, size);
        digits[size] = 0;
        if (text_u64(digits, 1, UINT32_MAX / scale, &number)) {
            *(uint32_t *)field(key, base) = (uint32_t)number * scale;
            return 0;
        }
    }
    return error_set(err, "'%s' is no duration; write seconds, or 30m, 1h, 2d",
                     fleet_shown(value->text, shown));
}

static void lease_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    uint32_t seconds = *(const uint32_t *)field_const(key, base);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (seconds % units[i].seconds == 0) {
            buf_format(out, " %u%c\n", seconds / units[i].seconds, units[i].unit);
            return;
        }
}

const struct fleet_type fleet_type_lease = {.is_set = u32_is_set,
                                            .clear = u32_clear,
                                            .copy = u32_copy,
                                            .equal = u32_equal,
                                            .parse = lease_parse,
                                            .format = lease_format};
