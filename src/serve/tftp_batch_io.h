/*
 * Packets of many transfers, put together and handed to the kernel in one call. What one transfer sends in a
 * turn is one message: the blocks of a window are cut apart by the kernel or by the network card
 * (UDP_SEGMENT), so that a window costs about as much as a block.
 */
#pragma once

#include "serve/boot_file.h"
#include "serve/tftp_machine.h"

#include <netinet/in.h>

/* What one transfer has to send, and to whom. All but the first three are the transfer's. */
struct tftp_sender {
    struct tftp_sender *next, *before; /* in a port's queue */
    bool queued;
    bool one_by_one;           /* blocks of this size go to this client as messages of their own */
    struct sockaddr_in client; /* set once */
    struct in_addr local;      /* the address that was asked; answers come from it */
    const struct boot_file *file;
    const struct tftp_machine *machine;
    bool oack;           /* the OACK is to leave, before any block */
    uint64_t first, end; /* blocks that are to leave: first .. end - 1 */
};

static inline bool tftp_sender_done(const struct tftp_sender *s)
{
    return !s->oack && s->first >= s->end;
}

struct tftp_batch;

struct tftp_batch *tftp_batch_new(void); /* NULL when memory runs out */
void tftp_batch_free(struct tftp_batch *batch);

enum tftp_batch_answer {
    TFTP_BATCH_TAKEN,
    TFTP_BATCH_FULL,       /* not taken: send first */
    TFTP_BATCH_UNREADABLE, /* not taken: the file cannot be read at block s->first; errno says why */
};

/* Forgets what is in it. */
void tftp_batch_clear(struct tftp_batch *batch);

/* Takes one message of s, which has something to send and must not change before the batch is cleared. */
enum tftp_batch_answer tftp_batch_add(struct tftp_batch *batch, struct tftp_sender *s);

/* Sends the messages from number `first` on; how many left, or -1 with errno for the first of them. */
int tftp_batch_send(struct tftp_batch *batch, int fd, size_t first);

/* Bytes that left since it was made. */
uint64_t tftp_batch_sent(const struct tftp_batch *batch);

size_t tftp_batch_count(const struct tftp_batch *batch);

/* Takes what message `number` held out of what its sender has to send. */
void tftp_batch_settle(const struct tftp_batch *batch, size_t number, struct tftp_sender *s);

/* True when message `number` is made of segments. */
bool tftp_batch_segmented(const struct tftp_batch *batch, size_t number);

/* One packet by itself, lost where it cannot leave at once. */
void tftp_send_packet(int fd, const struct sockaddr_in *client, struct in_addr local, const void *packet,
                      size_t size);
