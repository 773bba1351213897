/*
 * Messages between our processes: datagrams on a SOCK_SEQPACKET pair. One message is one datagram, at most
 * one descriptor with it; or many without descriptors travel as one, a pack (channel.h makes and opens them).
 *
 * Every message is a header and a body of fixed layout; both ends are the same binary, so bodies are structs
 * as they lie in memory. The receiver still checks type, direction, size, text ends and enum ranges: net
 * reads hostile packets and may have been taken over. Bodies of unbounded size (YAML, JSON, overlays) travel
 * as sealed memory files.
 */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "fleet/fleet.h"
#include "image/image.h"
#include "inventory/vm_identity.h"
#include "serve/boot_event.h"
#include "serve/boot_file.h"
#include "serve/lease.h"

#define MESSAGE_SIZE_MAX  65536 /* header and body */
#define MESSAGE_WORDS_MAX 64
#define MESSAGE_PACK_MAX  1024 /* messages in one datagram */

enum message_type {
    /* asker (a command) -> state */
    MESSAGE_ASK = 1, /* body: words, each ended by NUL; fd: a text that goes with it, or none */
    /* state -> asker */
    MESSAGE_NOTE,   /* body: one line for the operator */
    MESSAGE_ANSWER, /* fd: the text asked for, or none */
    /* any -> the one that asked; state and net -> parent before they end */
    MESSAGE_FAILED, /* body: the error's text */

    /* net -> state */
    MESSAGE_LEASE,       /* body: struct message_lease; answered by MESSAGE_COMMITTED */
    MESSAGE_EVENT,       /* body: message_event_put */
    MESSAGE_OVERLAY_ASK, /* body: struct message_overlay_ask */
    MESSAGE_AGENT_ASK,   /* body: struct message_agent_ask, then the query as a text */
    /* state -> net */
    MESSAGE_FLEET,        /* fd: YAML without secrets, the whole of it */
    MESSAGE_FLEET_CHANGE, /* fd: what it was changed by (fleet_change.h); after MESSAGE_START */
    MESSAGE_LEASE_KNOWN,  /* body: struct lease; before MESSAGE_START */
    MESSAGE_START,        /* the leases are complete: serve */
    MESSAGE_COMMITTED,    /* body: struct message_committed */
    MESSAGE_OVERLAY,      /* body: struct message_overlay; fd: the archive when it went well */
    MESSAGE_AGENT,        /* body: struct message_agent; fd: the answer's text when it went well */

    /* import -> the command that started it */
    MESSAGE_PROGRESS, /* body: struct message_progress */
    MESSAGE_TABLE,    /* body: text, a partition table as fdisk prints it */
    MESSAGE_IMPORTED, /* body: struct message_imported; fd: the description, text or JSON */

    /* net, state -> parent */
    MESSAGE_READY,

    /* between net and state */
    MESSAGE_PACK, /* body: whole messages, one after the other; no pack within */
    MESSAGE_TYPES
};

struct message_lease {
    uint64_t token;
    struct lease lease;
};

struct message_committed {
    uint64_t token;
    bool ok;
};

struct message_overlay_ask {
    uint64_t serial;
    struct digest manifest;
    uint32_t server_ip; /* ours, that was asked: where the node's agent will ask */
    char node[FLEET_NAME_MAX];
};

struct message_overlay {
    uint64_t serial;
    bool ok;
    char text[512]; /* why not */
};

/* agent/IDENTITY/WORD/WORD...?QUERY */
struct message_agent_ask {
    uint64_t serial;
    uint32_t server_ip;
    char asker[FLEET_NAME_MAX]; /* the node that holds the lease of the address asked from; "" none */
    char path[BOOT_PATH_MAX];   /* behind "agent/" */
};

struct message_agent {
    uint64_t serial;
};

struct message_progress {
    uint64_t done, total; /* bytes of the source; total 0: unknown */
};

struct message_imported {
    struct digest manifest;    /* zero when only inspected */
    char name[IMAGE_NAME_MAX]; /* made from what was recognised */
};

struct message {
    enum message_type type;
    const void *body; /* borrowed: the receive buffer, or the sender's */
    size_t size;      /* bytes of body */
    int fd;           /* -1: none. A received one is owned by the receiver */
};

/* Sends one message; waits when the peer's buffer is full (see channel.h for not waiting). Does not take
 * m->fd. */
int message_send(int socket, const struct message *m, struct error *err);

/* The last word of a process that cannot work, to the one that prints it; to standard error when nobody
 * listens. */
void message_send_failed(int socket, const struct error *why);

/*
 * Receives one message into `buffer` (MESSAGE_SIZE_MAX bytes, which m->body then points into). Returns 1, 0
 * at the end (the peer is gone), -1 on an error; err->code is EAGAIN when a non-blocking socket has nothing.
 */
int message_receive(int socket, void *buffer, struct message *m, struct error *err);

/* Checks the body against the type: sizes, text ends, enum ranges. An error means the peer is broken. */
int message_check(const struct message *m, struct error *err);

/*
 * Several messages in one datagram, which is a tenth of the kernel's work for each. A pack is filled from
 * empty: message_pack_add takes messages without a descriptor until it says that there is no room, and
 * message_pack_all is the datagram. On the way out, `at` is 0 at first; message_pack_next fills *m with the
 * next message (borrowed from the pack, checked): 1, 0 at the end, -1 where the pack is malformed.
 */
struct message_pack {
    size_t size, count;
    _Alignas(8) uint8_t data[MESSAGE_SIZE_MAX - 16]; /* 16: at least the datagram's own header */
};
bool message_pack_add(struct message_pack *pack, const struct message *m);
struct message message_pack_all(const struct message_pack *pack);
int message_pack_next(const struct message *pack, size_t *at, struct message *m, struct error *err);

/* An event's texts travel only as long as they are. Returns the body's size; `out` borrows nothing. */
#define MESSAGE_EVENT_MAX sizeof(struct boot_event)
size_t message_event_put(const struct boot_event *event, uint8_t out[static MESSAGE_EVENT_MAX]);
/* m: a checked MESSAGE_EVENT. Beyond the ends of its texts *out is left as it was. */
void message_event_get(const struct message *m, struct boot_event *out);

/* The query behind the body of a checked MESSAGE_AGENT_ASK; borrowed from it. */
const char *message_agent_query(const struct message *m);

/* The words of a MESSAGE_ASK, borrowed from the body. */
int message_words(const struct message *m, const char *words[static MESSAGE_WORDS_MAX], size_t *count,
                  struct error *err);
