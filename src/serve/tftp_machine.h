/*
 * One TFTP transfer, pure: an event and the time in, one action out. It knows sizes and block numbers, never
 * the bytes, a socket or the clock. RFC 1350, 2347-2349, 7440; RFC 1123, section 4.2.3 (no Sorcerer's
 * Apprentice: a duplicate ACK sends nothing, adaptive timeout with backoff).
 *
 * Silence is answered twice. A little after the client should have spoken, the last block alone is sent once
 * more, as TCP's tail loss probe does (RFC 8985, section 7): it costs next to nothing, and what the client
 * says to it tells what is missing. Only if that stays without an answer as well, the window is sent again by
 * RFC 6298's timer.
 *
 * Blocks are counted from 1 without end (uint64_t); their number on the wire is the low 16 bits, so that it
 * goes from 65535 to 0, as every loader that reads large files expects. Times are microseconds, monotonic.
 */
#pragma once

#include "serve/tftp_message.h"

/* A window leaves as one burst: more than this fills a client's receive ring and is lost there. 64 is also
 * what one segmented send takes (UDP_MAX_SEGMENTS in Linux). Granted less than asked, as RFC 7440 allows. */
#define TFTP_WINDOW_MAX       64
#define TFTP_WINDOW_BYTES_MAX (128u << 10) /* below the default send buffer of 208 KiB */

#define TFTP_RTO_FIRST_US   1000000 /* RFC 6298, section 2: before anything was measured */
#define TFTP_RTO_MIN_US     100000  /* a loader writing to slow memory pauses this long without loss */
#define TFTP_RTO_MAX_US     8000000
#define TFTP_TAIL_FIRST_US  200000 /* before anything was measured: longer than a LAN and its loaders take */
#define TFTP_TAIL_MIN_US    5000   /* a client's own scheduling */
#define TFTP_GIVE_UP_US     30000000 /* silence that ends a transfer */
#define TFTP_PROBE_US       10000000 /* silence after an OACK: a client that only wanted the size */
#define TFTP_GIVE_UP_ROUNDS 5        /* option timeout: at least so many of the client's own timeouts */

enum tftp_verdict {
    TFTP_RUNNING,
    TFTP_DONE,
    TFTP_PROBED, /* the client went no further than the OACK: it knows the size now */
    TFTP_FAILED,
};

enum tftp_event_kind {
    TFTP_EVENT_START,
    TFTP_EVENT_ACK,    /* number: the block, as on the wire */
    TFTP_EVENT_ERROR,  /* number and text, as the client sent them */
    TFTP_EVENT_GONE,   /* the client is no longer there (ICMP says so, or it asks anew); text says how */
    TFTP_EVENT_TIMER,  /* the deadline has passed; harmless when it has not */
    TFTP_EVENT_FULL,   /* the same, while what is to be sent waits for room in the network */
    TFTP_EVENT_BROKEN, /* the file cannot be read; text says why */
};

struct tftp_event {
    enum tftp_event_kind kind;
    uint16_t number;
    const char *text; /* borrowed */
};

enum tftp_action_kind {
    TFTP_ACTION_NONE, /* what was being sent goes on */
    TFTP_ACTION_OACK, /* send it, with machine.granted */
    TFTP_ACTION_DATA, /* send blocks first .. end - 1; in place of what has not left yet, unless they follow
                         on it */
    TFTP_ACTION_END,  /* verdict; then drop everything */
};

struct tftp_action {
    enum tftp_action_kind kind;
    uint64_t first, end;
    enum tftp_verdict verdict;
    bool tell_client;               /* END: send ERROR 0 with the text */
    char text[TFTP_ERROR_TEXT_MAX]; /* END: why, empty when all is well */
};

struct tftp_machine {
    struct tftp_options granted; /* for the OACK; empty: none is sent */
    uint64_t size;               /* bytes */
    uint64_t last;               /* number of the last block, shorter than blksize, maybe empty */
    uint64_t acked;              /* all blocks up to this one have arrived */
    uint64_t sent;               /* end of the window that was sent */
    uint32_t blksize;
    uint32_t window;     /* blocks */
    uint32_t rtt_us;     /* smoothed; RFC 6298's SRTT */
    uint32_t rtt_var_us; /* RTTVAR */
    uint32_t rto_us;     /* current, after backoff */
    bool opening;        /* the OACK is not answered yet */
    bool heard;          /* anything at all from the client since the request */
    bool measured;       /* rtt_us holds a value */
    bool tailed;         /* the last block was sent once more, since the client says nothing */
    bool repeated;       /* some of the window in flight was sent more than once */
    bool echo;           /* some of the window before was: its last ACK may come once for each copy */
    bool put_off;        /* it said what it misses, but that had just been sent */
    unsigned tails;      /* windows that were tailed since something was measured */
    uint64_t
        fresh; /* blocks from this one on left at sent_us and never before: they can be measured (Karn) */
    int64_t sent_us;     /* when the window was sent last */
    int64_t told_us;     /* when the last action told to send something */
    int64_t progress_us; /* when the client last got further */
    int64_t deadline_us; /* when TFTP_EVENT_TIMER is due */
};

void tftp_machine_init(struct tftp_machine *m, uint64_t size, const struct tftp_options *asked);
void tftp_machine_step(struct tftp_machine *m, const struct tftp_event *event, int64_t now_us,
                       struct tftp_action *out);

/* What the last action said has left, maybe later than it was decided: the client's time runs from now. */
void tftp_machine_left(struct tftp_machine *m, int64_t now_us);

/* Where a block lies in the file, and its size (0 .. blksize). */
static inline uint64_t tftp_machine_offset(const struct tftp_machine *m, uint64_t block)
{
    return (block - 1) * m->blksize;
}
static inline size_t tftp_machine_block_size(const struct tftp_machine *m, uint64_t block)
{
    return block < m->last ? m->blksize : (size_t)(m->size % m->blksize);
}

/* Bytes the client has confirmed. */
uint64_t tftp_machine_bytes(const struct tftp_machine *m);
