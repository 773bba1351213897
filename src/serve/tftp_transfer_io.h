/* One running TFTP transfer: its file, its deadline, its place in a port's queue. Decisions are
 * tftp_machine's. */
#pragma once

#include "serve/tftp_port_io.h"
#include "serve/tftp_timers.h"

struct tftp_transfer {
    struct tftp_transfer *next; /* in tftp_io's table */
    struct tftp_port *port;     /* borrowed */
    struct tftp_timers *timers; /* borrowed; holds room for this one */
    struct tftp_sender sender;
    struct tftp_timer timer;
    struct tftp_options asked; /* with the name: tells a repeated request from a new one */
    char *name;                /* owned, cleaned */
    uint64_t opening;          /* boot_files' handle while the file is looked up, else 0 */
    struct boot_file *file;    /* owned reference; NULL while it is looked up */
    int64_t started_us;
    int64_t heard_us; /* when the client last said anything */
    struct tftp_machine machine;

    /* Called once when the transfer has ended by itself; it may be freed in the call. */
    void (*ended)(void *ctx, struct tftp_transfer *t, enum tftp_verdict verdict, const char *text);
    void *ctx;
};

struct tftp_transfer *tftp_transfer_of_sender(struct tftp_sender *sender);
struct tftp_transfer *tftp_transfer_of_timer(struct tftp_timer *timer);

/*
 * The file is found. Puts the first packet into the port's queue. Everything else but machine and timer is
 * set. In this call and in those below the transfer may end, and be freed; what they want to send leaves with
 * the next tftp_port_flush.
 */
void tftp_transfer_start(struct tftp_transfer *t, int64_t now_us);

/* A packet of its client has come to its port. */
void tftp_transfer_packet(struct tftp_transfer *t, struct slice packet, int64_t now_us);

/* All that was to be sent has left. */
void tftp_transfer_left(struct tftp_transfer *t, int64_t now_us);

/* Its timer is due, and no longer set. */
void tftp_transfer_due(struct tftp_transfer *t, int64_t now_us);

/* The file could not be read; code is an errno. */
void tftp_transfer_unreadable(struct tftp_transfer *t, int code, int64_t now_us);

/* The client is known to have left; `how` is for the verdict. */
void tftp_transfer_gone(struct tftp_transfer *t, const char *how, int64_t now_us);

/* Frees everything, silently. NULL is fine. */
void tftp_transfer_free(struct tftp_transfer *t);
