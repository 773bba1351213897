#include "serve/tftp_transfer_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTAINER(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

struct tftp_transfer *tftp_transfer_of_sender(struct tftp_sender *sender)
{
    return CONTAINER(sender, struct tftp_transfer, sender);
}

struct tftp_transfer *tftp_transfer_of_timer(struct tftp_timer *timer)
{
    return CONTAINER(timer, struct tftp_transfer, timer);
}

void tftp_transfer_free(struct tftp_transfer *t)
{
    if (!t)
        return;
    tftp_port_unqueue(t->port, &t->sender);
    tftp_timers_unset(t->timers, &t->timer);
    boot_file_unref(t->file);
    free(t->name);
    free(t);
}

/* The timer is only ever moved when it would fire too late; when it fires too early it is set anew. So a
 * transfer that runs well hardly touches the heap. */
static void set_timer(struct tftp_transfer *t)
{
    if (!t->timer.place || t->timer.due_us > t->machine.deadline_us)
        tftp_timers_set(t->timers, &t->timer, t->machine.deadline_us);
}

static void send_blocks(struct tftp_sender *s, const struct tftp_action *action)
{
    if (action->first != s->end)
        s->first = action->first;
    s->end = action->end;
}

static void step(struct tftp_transfer *t, const struct tftp_event *event, int64_t now_us)
{
    struct tftp_action action;
    tftp_machine_step(&t->machine, event, now_us, &action);
    switch (action.kind) {
    case TFTP_ACTION_NONE:
        break;
    case TFTP_ACTION_OACK:
        t->sender.oack = true;
        tftp_port_queue(t->port, &t->sender);
        break;
    case TFTP_ACTION_DATA:
        send_blocks(&t->sender, &action);
        tftp_port_queue(t->port, &t->sender);
        break;
    case TFTP_ACTION_END:
        if (action.tell_client) {
            uint8_t packet[TFTP_PACKET_MAX];
            size_t size = tftp_put_error(TFTP_ERROR_UNDEFINED, action.text, packet);
            tftp_port_send(t->port, &t->sender, packet, size);
        }
        t->ended(t->ctx, t, action.verdict, action.text);
        return;
    }
    set_timer(t);
}

void tftp_transfer_start(struct tftp_transfer *t, int64_t now_us)
{
    tftp_machine_init(&t->machine, t->file->size, &t->asked);
    t->sender.file = t->file;
    t->sender.machine = &t->machine;
    step(t, &(struct tftp_event){.kind = TFTP_EVENT_START}, now_us);
}

void tftp_transfer_packet(struct tftp_transfer *t, struct slice packet, int64_t now_us)
{
    struct tftp_reply reply;
    if (!tftp_reply_parse(packet, &reply))
        return;
    t->heard_us = now_us;
    bool error = reply.opcode == TFTP_ERROR;
    struct tftp_event event = {
        .kind = error ? TFTP_EVENT_ERROR : TFTP_EVENT_ACK, .number = reply.number, .text = reply.text};
    step(t, &event, now_us);
}

void tftp_transfer_left(struct tftp_transfer *t, int64_t now_us)
{
    tftp_machine_left(&t->machine, now_us);
}

void tftp_transfer_due(struct tftp_transfer *t, int64_t now_us)
{
    enum tftp_event_kind kind = t->sender.queued ? TFTP_EVENT_FULL : TFTP_EVENT_TIMER;
    step(t, &(struct tftp_event){.kind = kind}, now_us);
}

void tftp_transfer_unreadable(struct tftp_transfer *t, int code, int64_t now_us)
{
    char text[TFTP_ERROR_TEXT_MAX];
    snprintf(text, sizeof text, "cannot read the file at block %llu: %s", (unsigned long long)t->sender.first,
             strerror(code));
    step(t, &(struct tftp_event){.kind = TFTP_EVENT_BROKEN, .text = text}, now_us);
}

void tftp_transfer_gone(struct tftp_transfer *t, const char *how, int64_t now_us)
{
    step(t, &(struct tftp_event){.kind = TFTP_EVENT_GONE, .text = how}, now_us);
}
