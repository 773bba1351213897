/*
 * TFTP packets, bytes <-> values: RFC 1350, options by RFC 2347, 2348 (blksize), 2349 (timeout, tsize), 7440
 * (windowsize). Total: any bytes give a value. A request to write is recognised only to be refused; there is
 * no code that takes data in.
 */
#pragma once

#include "base/buf.h"

#define TFTP_PACKET_MAX                                                                                      \
    1500 /* requests, ACK and ERROR; RFC 2347 ends a request at 512 bytes, be generous                       \
          */
#define TFTP_DATA_HEADER    4
#define TFTP_BLKSIZE        512   /* RFC 1350, section 2 */
#define TFTP_BLKSIZE_MAX    65464 /* RFC 2348 */
#define TFTP_ERROR_TEXT_MAX 128

enum tftp_opcode {
    TFTP_RRQ = 1,
    TFTP_WRQ = 2,
    TFTP_DATA = 3,
    TFTP_ACK = 4,
    TFTP_ERROR = 5,
    TFTP_OACK = 6,
};

enum tftp_error_code {
    TFTP_ERROR_UNDEFINED = 0, /* see the words */
    TFTP_ERROR_NOT_FOUND = 1,
    TFTP_ERROR_ACCESS = 2,
    TFTP_ERROR_ILLEGAL = 4,
    TFTP_ERROR_OPTION = 8, /* RFC 2347: the client will not go on with this OACK */
};

enum tftp_option {
    TFTP_OPTION_BLKSIZE,
    TFTP_OPTION_TSIZE,
    TFTP_OPTION_TIMEOUT, /* seconds */
    TFTP_OPTION_WINDOWSIZE,
    TFTP_OPTIONS
};

/* Asked by a client, or granted by us. */
struct tftp_options {
    unsigned present; /* bits 1 << enum tftp_option */
    uint64_t value[TFTP_OPTIONS];
};

static inline bool tftp_option_present(const struct tftp_options *o, enum tftp_option option)
{
    return o->present >> option & 1;
}

bool tftp_options_equal(const struct tftp_options *a, const struct tftp_options *b);

enum tftp_request_kind {
    TFTP_REQUEST_READ,
    TFTP_REQUEST_REFUSE, /* answer ERROR with refuse_code and refuse_text */
    TFTP_REQUEST_IGNORE, /* an ERROR, never answered (two servers could talk for ever), or no TFTP at all */
};

struct tftp_request {
    enum tftp_request_kind kind;
    const char *file; /* borrowed from the packet; NULL where it names none */
    struct tftp_options options;
    enum tftp_error_code refuse_code;
    const char *refuse_text; /* static */
};

/*
 * A packet sent to the server's own port. Unknown options are ignored (RFC 2347); one that is asked twice or
 * has a value outside its RFC's range is as if it were not asked.
 *
 * Mode netascii is served byte for byte, as octet. RFC 1350 would have line ends translated, but what is
 * served are kernels and configuration with bare line feeds: to translate them would corrupt the one, to
 * refuse the mode would stop loaders and people (tftp-hpa's default) whose files arrive intact as it is.
 */
void tftp_request_parse(struct slice packet, struct tftp_request *out);

/* A packet sent to the port of a running transfer. */
struct tftp_reply {
    enum tftp_opcode opcode;        /* TFTP_ACK or TFTP_ERROR */
    uint16_t number;                /* the block of an ACK, the code of an ERROR */
    char text[TFTP_ERROR_TEXT_MAX]; /* of an ERROR, printable */
};

/* False for anything else, which is to be ignored. */
bool tftp_reply_parse(struct slice packet, struct tftp_reply *out);

/* The client's side of an option agreement: OACK, and its values as the server granted them. False for
 * anything else and for a broken one. */
bool tftp_oack_parse(struct slice packet, struct tftp_options *out);

/* These write a packet into out and return its size. */
size_t tftp_put_oack(const struct tftp_options *granted, uint8_t out[static TFTP_PACKET_MAX]);
/* A read request, mode octet. 0 when the name is too long for a packet. */
size_t tftp_put_request(const char *file, const struct tftp_options *asked,
                        uint8_t out[static TFTP_PACKET_MAX]);
size_t tftp_put_error(enum tftp_error_code code, const char *text, uint8_t out[static TFTP_PACKET_MAX]);
void tftp_put_data_header(uint16_t block, uint8_t out[static TFTP_DATA_HEADER]);
