/*
 * A boot loader's side of one TFTP transfer, pure: a packet or the time in, one action out. RFC 1350,
 * 2347-2349, 7440. It waits as loaders wait, tells a gap at once (RFC 7440, section 4), and counts what a
 * server made it wait for. Times are microseconds, monotonic.
 */
#pragma once

#include "serve/tftp_message.h"

/* How a loader asks. */
struct tftp_manner {
    uint32_t blksize;    /* 0: not asked, 512 */
    uint32_t windowsize; /* 0: not asked, 1 */
    bool tsize;
    uint32_t timeout_ms; /* silence after which it says its last word again */
    unsigned tries;      /* so often, then it gives up */
};

enum tftp_client_verdict {
    TFTP_CLIENT_RUNNING,
    TFTP_CLIENT_DONE,
    TFTP_CLIENT_REFUSED,    /* the server's ERROR; text says which */
    TFTP_CLIENT_TIMED_OUT,  /* silence */
    TFTP_CLIENT_BAD_SERVER, /* it granted what nobody asked for, or sent another size than it said */
};

enum tftp_client_say {
    TFTP_SAY_NOTHING,
    TFTP_SAY_REQUEST, /* tftp_client_request */
    TFTP_SAY_ACK,     /* number */
    TFTP_SAY_ERROR,   /* code and text */
};

struct tftp_client_action {
    enum tftp_client_say say;
    uint16_t number;   /* of an ACK */
    struct slice data; /* bytes that arrived, in order; borrowed from the packet */
    uint64_t offset;   /* where they belong */
    const char *text;  /* of an ERROR to be sent; static */
    enum tftp_error_code code;
};

struct tftp_client {
    const struct tftp_manner *manner; /* borrowed */
    bool probe;                       /* asks the size, then breaks off by ERROR 8, as UEFI does */
    bool opened;                      /* OACK or DATA has come */
    bool size_known;
    enum tftp_client_verdict verdict;
    uint32_t blksize, window; /* as agreed */
    uint64_t size;            /* as the server said, where size_known */
    uint64_t have;            /* blocks that arrived in order; the number on the wire is the low 16 bits */
    uint64_t acked;
    uint64_t ahead; /* the highest block that arrived behind a gap since block `have`; 0: none */
    uint64_t bytes;
    unsigned silences; /* timeouts since the last word of the server */
    int64_t deadline_us;
    /* For the report. */
    uint32_t timeouts;              /* silences that made it speak again */
    uint32_t gaps;                  /* blocks missing in a window */
    uint32_t duplicates;            /* blocks that came again */
    uint16_t code;                  /* of the server's ERROR */
    char text[TFTP_ERROR_TEXT_MAX]; /* why, once it has failed */
};

void tftp_client_init(struct tftp_client *c, const struct tftp_manner *manner, bool probe, int64_t now_us);

/* Its read request; to be sent first. 0: the name is too long for a packet. */
size_t tftp_client_request(const struct tftp_client *c, const char *file,
                           uint8_t out[static TFTP_PACKET_MAX]);

/* What a packet from the server changes. Afterwards look at c->verdict. */
void tftp_client_packet(struct tftp_client *c, struct slice packet, int64_t now_us,
                        struct tftp_client_action *out);

/* c->deadline_us may have passed; harmless when it has not. */
void tftp_client_timer(struct tftp_client *c, int64_t now_us, struct tftp_client_action *out);
