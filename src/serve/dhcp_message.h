/*
 * DHCP messages: bytes <-> struct. Total: any bytes give a message or an error that names the offset.
 *
 * RFC 2131 (fixed part, overload), 2132 (options), 3396 (long options come in parts), 3046 (option 82 last).
 * Addresses are in host byte order.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/net.h"

#define DHCP_PORT_SERVER    67
#define DHCP_PORT_CLIENT    68
#define DHCP_PORT_PXE       4011         /* RFC 4578, section 2.4: where a boot server is asked */
#define DHCP_INPUT_MAX      65507u       /* the largest UDP payload, RFC 768 and 791 */
#define DHCP_HEADER_SIZE    240u         /* RFC 2131, section 2: 236 and the magic cookie */
#define DHCP_SIZE_MIN       300u         /* RFC 1542, section 2.1: what old clients and relays insist on */
#define DHCP_SIZE_DEFAULT   (576u - 28)  /* RFC 2131, section 2: what every client takes; 28: IP and UDP */
#define DHCP_SIZE_MAX       (1500u - 28) /* Ethernet, unfragmented; OVMF claims to take 65280 */
#define DHCP_FLAG_BROADCAST 0x8000u
#define DHCP_CHADDR_SIZE    16
#define DHCP_SNAME_SIZE     64
#define DHCP_FILE_SIZE      128
#define DHCP_STORE_SIZE     4096u /* values that are not in the packet as one piece */

enum dhcp_op {
    DHCP_OP_REQUEST = 1,
    DHCP_OP_REPLY = 2,
};

enum dhcp_type {
    DHCP_DISCOVER = 1,
    DHCP_OFFER,
    DHCP_REQUEST,
    DHCP_DECLINE,
    DHCP_ACK,
    DHCP_NAK,
    DHCP_RELEASE,
    DHCP_INFORM,
};

enum dhcp_option {
    DHCP_OPTION_PAD = 0,
    DHCP_OPTION_MASK = 1,
    DHCP_OPTION_ROUTER = 3,
    DHCP_OPTION_DNS = 6,
    DHCP_OPTION_HOSTNAME = 12,
    DHCP_OPTION_DOMAIN = 15,
    DHCP_OPTION_BROADCAST = 28,
    DHCP_OPTION_NTP = 42,
    DHCP_OPTION_VENDOR = 43, /* of "PXEClient": the sub-options of PXE 2.1, table 2-3 */
    DHCP_OPTION_REQUESTED_IP = 50,
    DHCP_OPTION_LEASE = 51,
    DHCP_OPTION_OVERLOAD = 52,
    DHCP_OPTION_TYPE = 53,
    DHCP_OPTION_SERVER = 54,
    DHCP_OPTION_ASKED = 55,
    DHCP_OPTION_MESSAGE = 56,
    DHCP_OPTION_MAX_SIZE = 57,
    DHCP_OPTION_T1 = 58,
    DHCP_OPTION_T2 = 59,
    DHCP_OPTION_CLASS = 60,
    DHCP_OPTION_CLIENT_ID = 61,
    DHCP_OPTION_TFTP_SERVER = 66,
    DHCP_OPTION_BOOT_FILE = 67,
    DHCP_OPTION_USER_CLASS = 77,
    DHCP_OPTION_RELAY = 82,
    DHCP_OPTION_ARCH = 93,
    DHCP_OPTION_UUID = 97,
    DHCP_OPTION_SUBNET = 118,
    DHCP_OPTION_IPXE = 175,
    DHCP_OPTION_PREFIX = 210, /* RFC 5071, section 5 */
    DHCP_OPTION_END = 255,
};

/* Not to be copied by assignment: options may point into `store`. */
struct dhcp_message {
    uint8_t op, htype, hlen, hops;
    uint32_t xid;
    uint16_t secs, flags;
    uint32_t ciaddr, yiaddr, siaddr, giaddr;
    uint8_t chaddr[DHCP_CHADDR_SIZE];
    char sname[DHCP_SNAME_SIZE + 1]; /* "" when it carries options */
    char file[DHCP_FILE_SIZE + 1];   /* "" when it carries options */
    struct slice option[256];        /* data NULL: absent. Borrowed from the packet, or in store */
    size_t stored;
    uint8_t store[DHCP_STORE_SIZE];
};

/* The message borrows from data. Options with a fixed length have it afterwards. */
int dhcp_message_decode(const void *data, size_t size, struct dhcp_message *out, struct error *err);

/* An empty reply: op, no addresses, no options. */
void dhcp_message_init(struct dhcp_message *m, enum dhcp_op op);

/* Set options; values are copied. A value that no longer fits the store is an error of ours (assert). */
void dhcp_put(struct dhcp_message *m, enum dhcp_option code, const void *data, size_t size);
void dhcp_put_u8(struct dhcp_message *m, enum dhcp_option code, uint8_t value);
void dhcp_put_u32(struct dhcp_message *m, enum dhcp_option code, uint32_t value);
void dhcp_put_text(struct dhcp_message *m, enum dhcp_option code, const char *text);

/* False when the option is absent (or, for those whose length is not checked, has another length). */
bool dhcp_get_u8(const struct dhcp_message *m, enum dhcp_option code, uint8_t *out);
bool dhcp_get_u16(const struct dhcp_message *m, enum dhcp_option code, uint16_t *out);
bool dhcp_get_u32(const struct dhcp_message *m, enum dhcp_option code, uint32_t *out);

/*
 * The value of an option inside an option: 43 (RFC 2132, section 8.4), 175 (iPXE's), or a relay agent's 82
 * (RFC 3046). data NULL when absent, or the option is broken before it.
 */
struct slice dhcp_get_sub(const struct dhcp_message *m, enum dhcp_option code, uint8_t sub_option);

enum dhcp_relay_option {
    DHCP_RELAY_LINK = 5,    /* RFC 3527: the subnet that is asked for */
    DHCP_RELAY_SERVER = 11, /* RFC 5107: what the client shall take for the server's address */
};
/* False when the relay does not say it, or says nothing (0.0.0.0). */
bool dhcp_get_relay_u32(const struct dhcp_message *m, enum dhcp_relay_option code, uint32_t *out);

static inline bool dhcp_has(const struct dhcp_message *m, enum dhcp_option code)
{
    return m->option[code].data != NULL;
}

/* The largest reply this client takes: option 57 within [DHCP_SIZE_DEFAULT, DHCP_SIZE_MAX]. UDP payload. */
size_t dhcp_message_limit(const struct dhcp_message *request);

/*
 * Writes at most limit bytes (DHCP_SIZE_DEFAULT to DHCP_SIZE_MAX), padded to DHCP_SIZE_MIN; returns the size.
 * Options that do not fit are left out from the least important up, so never the type, the server, the lease
 * or the mask; `dropped`, if not NULL, gets how many.
 */
size_t dhcp_message_encode(const struct dhcp_message *m, size_t limit, uint8_t out[static DHCP_SIZE_MAX],
                           unsigned *dropped);

const char *dhcp_type_name(unsigned type); /* "DISCOVER"; "?" for a number that is none */
