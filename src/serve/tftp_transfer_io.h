/* One running TFTP transfer: its socket, its timer, its file. Decisions are tftp_machine's. */
#pragma once

#include "base/error.h"
#include "serve/boot_file.h"
#include "serve/tftp_machine.h"

#include <netinet/in.h>
#include <systemd/sd-event.h>

/* One packet being put together, shared by all transfers of a server: nothing in it outlives a call. */
struct tftp_scratch {
    uint8_t packet[TFTP_DATA_HEADER + TFTP_BLKSIZE_MAX];
};

struct tftp_transfer {
    struct tftp_transfer *next; /* in tftp_io's table */
    sd_event *loop;             /* borrowed */
    struct tftp_scratch *scratch;
    struct sockaddr_in client;
    struct in_addr local;      /* the address that was asked; replies come from it */
    struct tftp_options asked; /* with the name: tells a repeated request from a new one */
    char *name;                /* owned, cleaned */
    uint64_t opening;          /* boot_files' handle while the file is looked up, else 0 */
    struct boot_file *file;    /* owned reference; NULL while it is looked up */
    int fd;                    /* owned; -1 while the file is looked up */
    sd_event_source *input;    /* owned */
    sd_event_source *timer;    /* owned */
    uint64_t timer_us;         /* when the timer is set to fire */
    uint64_t send_next;        /* blocks that are to leave now: send_next .. send_end - 1 */
    uint64_t send_end;
    int64_t started_us;
    int64_t heard_us; /* when the client last said anything */
    struct tftp_machine machine;

    /* Called once when the transfer has ended by itself; it may be freed in the call. */
    void (*ended)(void *ctx, struct tftp_transfer *t, enum tftp_verdict verdict, const char *text);
    void *ctx;
};

/* Opens the socket. t->file, client, local, asked, loop, scratch and ended are set. Sends nothing yet. */
int tftp_transfer_open(struct tftp_transfer *t, struct error *err);

/* Sends the first packet. The transfer may end, and be freed, in the call. */
void tftp_transfer_start(struct tftp_transfer *t, int64_t now_us);

/* The client is known to have left; `how` is for the verdict. The transfer ends, and may be freed, in the
 * call. */
void tftp_transfer_gone(struct tftp_transfer *t, const char *how, int64_t now_us);

/* Frees everything, silently. NULL is fine. */
void tftp_transfer_free(struct tftp_transfer *t);
