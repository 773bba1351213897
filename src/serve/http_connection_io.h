/*
 * One connection: requests are read from it and answered, one after the other. It gets turns from http_io, in
 * each of which it does a bounded piece of work and never waits.
 */
#pragma once

#include "serve/boot_file.h"
#include "serve/http_message.h"
#include "serve/http_stream_io.h"

#define HTTP_INPUT_SIZE  (2 * HTTP_HEAD_MAX) /* read at a time */
#define HTTP_OUTPUT_SIZE (64u << 10)         /* of a file that is read into memory, at a time */

enum http_state {
    HTTP_STATE_HANDSHAKE, /* TLS */
    HTTP_STATE_HEAD,      /* reads a request, or waits for one */
    HTTP_STATE_ASKED,     /* the boot file is looked up */
    HTTP_STATE_SENDING,
    HTTP_STATE_LINGER, /* has ended what it says, reads what still comes: RFC 9112, section 9.6 */
    HTTP_STATES
};

enum http_turn {
    HTTP_TURN_AGAIN, /* there is more to do */
    HTTP_TURN_WAIT,  /* for the socket, or for the boot file */
    HTTP_TURN_END,   /* free it */
};

struct http_connection;

/* What all connections of a server share; http_io owns it. */
struct http_shared {
    const struct boot_files *files;
    const struct boot_events *events;
    bool secure;
    uint64_t sent_bytes; /* by all of them, ever */
    void *ctx;
    void (*wake)(void *ctx, struct http_connection *c); /* it wants a turn: its file came */
    int64_t date_s;                                     /* wall clock, of `date` */
    char date[HTTP_DATE_SIZE];
    char input[HTTP_INPUT_SIZE];   /* for one turn */
    char output[HTTP_OUTPUT_SIZE]; /* for one turn */
};

/* An idle one is no more than this, so that ten thousand cost little. */
struct http_connection {
    struct http_connection *next, *previous; /* http_io's: all, those that were busy last at the end */
    struct http_connection *next_turn;       /* http_io's: waiting for a turn */
    bool queued;                             /* http_io's: among them */
    bool watched;                            /* http_io's: in its epoll */
    struct http_shared *shared;
    struct http_stream stream;
    enum http_state state;
    bool readable, writable; /* as far as is known: no call would say EAGAIN */
    bool ended;              /* the client sends no more */
    bool clean;              /* ends after an answer, not within */
    bool begun;              /* the first bytes of a request are there */
    uint32_t ip, server_ip;  /* server_ip: 0 until it is needed */
    int64_t deadline_ms;     /* monotonic; when the client has been waited for long enough */
    uint64_t sent;           /* bytes given to the stream */
    uint64_t skip;           /* bytes of a body to read over */
    char *kept;              /* read, and not looked at yet; NULL: nothing */
    size_t kept_size;
    struct http_request *request; /* what is answered now */
};

/* Takes the stream, also when memory runs out (NULL). */
struct http_connection *http_connection_new(struct http_shared *shared, struct http_stream stream,
                                            uint32_t ip);

/* why: told if it is in the middle of an answer. */
void http_connection_free(struct http_connection *c, const char *why);

/* What epoll said: EPOLL... bits. */
void http_connection_ready(struct http_connection *c, uint32_t events);

enum http_turn http_connection_turn(struct http_connection *c);

/* Has had an answer and waits for a request: could be closed without harm. */
bool http_connection_idle(const struct http_connection *c);

/* What is told of one whose deadline has passed. */
const char *http_connection_late(const struct http_connection *c);
