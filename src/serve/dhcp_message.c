#include "serve/dhcp_message.h"

#include "base/wire.h"

#include <assert.h>
#include <string.h>

#define DHCP_COOKIE      0x63825363u /* RFC 2131, section 3 */
#define DHCP_OPTION_PART 255u        /* bytes in one option; RFC 3396 */
#define OVERLOAD_FILE    1u
#define OVERLOAD_SNAME   2u
#define OPTION_FILE_AT   108u /* offsets of the two fields that may carry options */
#define OPTION_SNAME_AT  44u

static const char *const type_names[] = {
    NULL,
    [DHCP_DISCOVER] = "DISCOVER",
    [DHCP_OFFER] = "OFFER",
    [DHCP_REQUEST] = "REQUEST",
    [DHCP_DECLINE] = "DECLINE",
    [DHCP_ACK] = "ACK",
    [DHCP_NAK] = "NAK",
    [DHCP_RELEASE] = "RELEASE",
    [DHCP_INFORM] = "INFORM",
};

const char *dhcp_type_name(unsigned type)
{
    return type >= DHCP_DISCOVER && type <= DHCP_INFORM ? type_names[type] : "?";
}

/* Options that decide what happens: a wrong length is an error rather than a guess. RFC 2132, 3011. */
static const struct {
    uint8_t code;
    uint8_t size;
    const char *name;
} fixed_options[] = {
    {DHCP_OPTION_REQUESTED_IP, 4, "requested address"},
    {DHCP_OPTION_LEASE, 4, "lease time"},
    {DHCP_OPTION_OVERLOAD, 1, "overload"},
    {DHCP_OPTION_TYPE, 1, "message type"},
    {DHCP_OPTION_SERVER, 4, "server identifier"},
    {DHCP_OPTION_MAX_SIZE, 2, "maximum message size"},
    {DHCP_OPTION_SUBNET, 4, "subnet selection"},
};

/* Puts a further part of an option behind what is there (RFC 3396, section 7). */
static int option_join(struct dhcp_message *m, uint8_t code, const uint8_t *data, size_t size,
                       struct error *err)
{
    struct slice *value = &m->option[code];
    if (!value->data) {
        *value = (struct slice){data, size};
        return 0;
    }
    bool at_end = value->data + value->size == m->store + m->stored && value->data >= m->store;
    size_t need = at_end ? size : value->size + size;
    if (need > DHCP_STORE_SIZE - m->stored)
        return error_set(err, "option %u comes in parts of more than %u bytes together", code,
                         DHCP_STORE_SIZE);
    if (!at_end) {
        memcpy(m->store + m->stored, value->data, value->size);
        value->data = m->store + m->stored;
        m->stored += value->size;
    }
    memcpy(m->store + m->stored, data, size);
    m->stored += size;
    value->size += size;
    return 0;
}

/* One area of options; `at` is its offset in the packet. A missing END is forgiven, as by every server. */
static int options_read(struct dhcp_message *m, const uint8_t *data, size_t size, size_t at,
                        struct error *err)
{
    struct wire_in w = wire_in(data, size);
    while (wire_left(&w) > 0) {
        size_t offset = at + (size_t)(w.at - data);
        uint8_t code = wire_u8(&w);
        if (code == DHCP_OPTION_PAD)
            continue;
        if (code == DHCP_OPTION_END)
            return 0;
        uint8_t length = wire_u8(&w);
        struct slice value = wire_bytes(&w, length);
        if (w.bad)
            return error_set(err, "option %u at offset %zu runs past the end of its area", code, offset);
        /* An overload inside an overloaded field would send the reader round in a circle. */
        if (code == DHCP_OPTION_OVERLOAD && at != DHCP_HEADER_SIZE)
            continue;
        if (option_join(m, code, value.data, value.size, err) < 0)
            return error_wrap(err, "offset %zu", offset);
    }
    return 0;
}

static int options_check(const struct dhcp_message *m, struct error *err)
{
    for (size_t i = 0; i < sizeof fixed_options / sizeof fixed_options[0]; i++) {
        const struct slice *value = &m->option[fixed_options[i].code];
        if (value->data && value->size != fixed_options[i].size)
            return error_set(err, "option %u (%s) has %zu bytes, must have %u", fixed_options[i].code,
                             fixed_options[i].name, value->size, fixed_options[i].size);
    }
    return 0;
}

static int overload_read(struct dhcp_message *m, const uint8_t *data, struct error *err)
{
    uint8_t overload = 0;
    if (!dhcp_get_u8(m, DHCP_OPTION_OVERLOAD, &overload))
        return 0;
    if (overload & OVERLOAD_FILE) {
        m->file[0] = '\0';
        if (options_read(m, data + OPTION_FILE_AT, DHCP_FILE_SIZE, OPTION_FILE_AT, err) < 0)
            return -1;
    }
    if (overload & OVERLOAD_SNAME) {
        m->sname[0] = '\0';
        if (options_read(m, data + OPTION_SNAME_AT, DHCP_SNAME_SIZE, OPTION_SNAME_AT, err) < 0)
            return -1;
    }
    return 0;
}

static void header_read(struct wire_in *w, struct dhcp_message *m)
{
    m->op = wire_u8(w);
    m->htype = wire_u8(w);
    m->hlen = wire_u8(w);
    m->hops = wire_u8(w);
    m->xid = wire_u32(w);
    m->secs = wire_u16(w);
    m->flags = wire_u16(w);
    m->ciaddr = wire_u32(w);
    m->yiaddr = wire_u32(w);
    m->siaddr = wire_u32(w);
    m->giaddr = wire_u32(w);
    wire_copy(w, m->chaddr, sizeof m->chaddr);
    wire_copy(w, m->sname, DHCP_SNAME_SIZE);
    wire_copy(w, m->file, DHCP_FILE_SIZE);
}

int dhcp_message_decode(const void *data, size_t size, struct dhcp_message *out, struct error *err)
{
    dhcp_message_init(out, 0);
    if (size < DHCP_HEADER_SIZE)
        return error_set(err, "%zu bytes, the fixed part alone has %u", size, DHCP_HEADER_SIZE);
    if (size > DHCP_INPUT_MAX)
        return error_set(err, "%zu bytes, UDP carries %u", size, DHCP_INPUT_MAX);
    struct wire_in w = wire_in(data, size);
    header_read(&w, out);
    uint32_t cookie = wire_u32(&w);
    if (out->op != DHCP_OP_REQUEST && out->op != DHCP_OP_REPLY)
        return error_set(err, "op is %u, must be 1 or 2", out->op);
    if (out->hlen > DHCP_CHADDR_SIZE)
        return error_set(err, "the hardware address has %u bytes, there is room for 16", out->hlen);
    if (cookie != DHCP_COOKIE)
        return error_set(err, "no DHCP magic cookie at offset 236 (%08x): plain BOOTP is not served", cookie);
    if (options_read(out, w.at, wire_left(&w), DHCP_HEADER_SIZE, err) < 0 || options_check(out, err) < 0 ||
        overload_read(out, data, err) < 0)
        return -1;
    return options_check(out, err);
}

void dhcp_message_init(struct dhcp_message *m, enum dhcp_op op)
{
    memset(m, 0, offsetof(struct dhcp_message, store));
    m->op = (uint8_t)op;
}

void dhcp_put(struct dhcp_message *m, enum dhcp_option code, const void *data, size_t size)
{
    assert(size <= DHCP_STORE_SIZE - m->stored);
    m->option[code] = (struct slice){m->store + m->stored, size};
    if (size > 0)
        memcpy(m->store + m->stored, data, size);
    m->stored += size;
}

void dhcp_put_u8(struct dhcp_message *m, enum dhcp_option code, uint8_t value)
{
    dhcp_put(m, code, &value, 1);
}

void dhcp_put_u32(struct dhcp_message *m, enum dhcp_option code, uint32_t value)
{
    uint8_t bytes[4];
    struct wire_out w = wire_out(bytes, sizeof bytes);
    wire_put_u32(&w, value);
    dhcp_put(m, code, bytes, sizeof bytes);
}

void dhcp_put_text(struct dhcp_message *m, enum dhcp_option code, const char *text)
{
    dhcp_put(m, code, text, strlen(text)); /* RFC 2132, section 2: without a NUL */
}

/* A reader over the option if it has exactly `size` bytes. */
static bool option_in(const struct dhcp_message *m, enum dhcp_option code, size_t size, struct wire_in *w)
{
    struct slice value = m->option[code];
    *w = wire_in(value.data, value.size);
    return value.data && value.size == size;
}

bool dhcp_get_u8(const struct dhcp_message *m, enum dhcp_option code, uint8_t *out)
{
    struct wire_in w;
    if (!option_in(m, code, 1, &w))
        return false;
    *out = wire_u8(&w);
    return true;
}

bool dhcp_get_u16(const struct dhcp_message *m, enum dhcp_option code, uint16_t *out)
{
    struct wire_in w;
    if (!option_in(m, code, 2, &w))
        return false;
    *out = wire_u16(&w);
    return true;
}

bool dhcp_get_u32(const struct dhcp_message *m, enum dhcp_option code, uint32_t *out)
{
    struct wire_in w;
    if (!option_in(m, code, 4, &w))
        return false;
    *out = wire_u32(&w);
    return true;
}

struct slice dhcp_get_sub(const struct dhcp_message *m, enum dhcp_option code, uint8_t sub_option)
{
    struct slice all = m->option[code];
    struct wire_in w = wire_in(all.data, all.size);
    bool padded = code != DHCP_OPTION_RELAY; /* RFC 3046, section 2.0: no padding, no end */
    while (wire_left(&w) > 0) {
        uint8_t at = wire_u8(&w);
        if (padded && at == DHCP_OPTION_PAD)
            continue;
        if (padded && at == DHCP_OPTION_END)
            break;
        struct slice value = wire_bytes(&w, wire_u8(&w));
        if (w.bad)
            break;
        if (at == sub_option)
            return value;
    }
    return (struct slice){NULL, 0};
}

bool dhcp_get_relay_u32(const struct dhcp_message *m, enum dhcp_relay_option code, uint32_t *out)
{
    struct slice value = dhcp_get_sub(m, DHCP_OPTION_RELAY, (uint8_t)code);
    struct wire_in w = wire_in(value.data, value.size);
    *out = value.size == 4 ? wire_u32(&w) : 0;
    return *out != 0;
}

size_t dhcp_message_limit(const struct dhcp_message *request)
{
    uint16_t most = 0;
    size_t headers = 28; /* option 57 counts IP and UDP, as its minimum of 576 does */
    if (!dhcp_get_u16(request, DHCP_OPTION_MAX_SIZE, &most) || most < DHCP_SIZE_DEFAULT + headers)
        return DHCP_SIZE_DEFAULT;
    return most > DHCP_SIZE_MAX + headers ? DHCP_SIZE_MAX : most - headers;
}

/* In this order on the wire, and what comes first stays when there is little room. All others follow by
 * number. */
static const uint8_t option_order[] = {
    DHCP_OPTION_TYPE,      DHCP_OPTION_SERVER, DHCP_OPTION_CLASS,       DHCP_OPTION_VENDOR,
    DHCP_OPTION_LEASE,     DHCP_OPTION_MASK,   DHCP_OPTION_ROUTER,      DHCP_OPTION_HOSTNAME,
    DHCP_OPTION_BOOT_FILE, DHCP_OPTION_PREFIX, DHCP_OPTION_TFTP_SERVER, DHCP_OPTION_T1,
    DHCP_OPTION_T2,        DHCP_OPTION_DNS,    DHCP_OPTION_DOMAIN,      DHCP_OPTION_CLIENT_ID,
    DHCP_OPTION_SUBNET,    DHCP_OPTION_NTP,    DHCP_OPTION_BROADCAST,   DHCP_OPTION_UUID,
};

/* Bytes of a value with the code and length of each of its parts. */
static size_t option_size(struct slice value)
{
    size_t parts = value.size == 0 ? 1 : (value.size + DHCP_OPTION_PART - 1) / DHCP_OPTION_PART;
    return value.size + 2 * parts;
}

static void option_write(struct wire_out *w, uint8_t code, struct slice value)
{
    size_t at = 0;
    do {
        size_t part = value.size - at < DHCP_OPTION_PART ? value.size - at : DHCP_OPTION_PART;
        wire_put_u8(w, code);
        wire_put_u8(w, (uint8_t)part);
        wire_put(w, value.data + at, part);
        at += part;
    } while (at < value.size);
}

static void options_write(struct wire_out *w, const struct dhcp_message *m, size_t room, unsigned *dropped)
{
    bool seen[256] = {[DHCP_OPTION_PAD] = true, [DHCP_OPTION_RELAY] = true, [DHCP_OPTION_END] = true};
    struct slice relay = m->option[DHCP_OPTION_RELAY];
    bool with_relay = relay.data && option_size(relay) + 64 <= room; /* 64: the options that must not go */
    if (with_relay)
        room -= option_size(relay);
    *dropped = relay.data && !with_relay;
    for (unsigned i = 0; i < sizeof option_order + 256; i++) {
        uint8_t code = i < sizeof option_order ? option_order[i] : (uint8_t)(i - sizeof option_order);
        struct slice value = m->option[code];
        if (seen[code] || !value.data)
            continue;
        seen[code] = true;
        if (option_size(value) > room) {
            *dropped += 1;
            continue;
        }
        option_write(w, code, value);
        room -= option_size(value);
    }
    if (with_relay) /* RFC 3046, section 2.1: the last option, END aside */
        option_write(w, DHCP_OPTION_RELAY, relay);
    wire_put_u8(w, DHCP_OPTION_END);
}

size_t dhcp_message_encode(const struct dhcp_message *m, size_t limit, uint8_t out[static DHCP_SIZE_MAX],
                           unsigned *dropped)
{
    assert(limit >= DHCP_SIZE_DEFAULT && limit <= DHCP_SIZE_MAX);
    unsigned left_out = 0;
    struct wire_out w = wire_out(out, limit);
    wire_put_u8(&w, m->op);
    wire_put_u8(&w, m->htype);
    wire_put_u8(&w, m->hlen);
    wire_put_u8(&w, m->hops);
    wire_put_u32(&w, m->xid);
    wire_put_u16(&w, m->secs);
    wire_put_u16(&w, m->flags);
    wire_put_u32(&w, m->ciaddr);
    wire_put_u32(&w, m->yiaddr);
    wire_put_u32(&w, m->siaddr);
    wire_put_u32(&w, m->giaddr);
    wire_put(&w, m->chaddr, sizeof m->chaddr);
    wire_put(&w, m->sname, DHCP_SNAME_SIZE);
    wire_put(&w, m->file, DHCP_FILE_SIZE);
    wire_put_u32(&w, DHCP_COOKIE);
    options_write(&w, m, limit - DHCP_HEADER_SIZE - 1, &left_out);
    if (wire_written(&w) < DHCP_SIZE_MIN)
        wire_put_zero(&w, DHCP_SIZE_MIN - wire_written(&w));
    assert(!w.full);
    if (dropped)
        *dropped = left_out;
    return wire_written(&w);
}
