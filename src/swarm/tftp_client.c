#include "swarm/tftp_client.h"

#include <stdio.h>

static void heard(struct tftp_client *c, int64_t now_us)
{
    c->silences = 0;
    c->deadline_us = now_us + (int64_t)c->manner->timeout_ms * 1000;
}

void tftp_client_init(struct tftp_client *c, const struct tftp_manner *manner, bool probe, int64_t now_us)
{
    *c = (struct tftp_client){.manner = manner, .probe = probe, .blksize = TFTP_BLKSIZE, .window = 1};
    heard(c, now_us);
}

static void ask(struct tftp_options *o, enum tftp_option option, uint64_t value)
{
    o->present |= 1u << option;
    o->value[option] = value;
}

static struct tftp_options asked_options(const struct tftp_client *c)
{
    struct tftp_options o = {0};
    if (c->manner->tsize || c->probe)
        ask(&o, TFTP_OPTION_TSIZE, 0);
    if (c->manner->blksize)
        ask(&o, TFTP_OPTION_BLKSIZE, c->manner->blksize);
    if (c->manner->windowsize)
        ask(&o, TFTP_OPTION_WINDOWSIZE, c->manner->windowsize);
    return o;
}

size_t tftp_client_request(const struct tftp_client *c, const char *file, uint8_t out[static TFTP_PACKET_MAX])
{
    struct tftp_options asked = asked_options(c);
    return tftp_put_request(file, &asked, out);
}

static void fail(struct tftp_client *c, enum tftp_client_verdict verdict, const char *text)
{
    c->verdict = verdict;
    snprintf(c->text, sizeof c->text, "%s", text);
}

/* RFC 2347: a client that cannot go on with an OACK says so by ERROR 8. */
static void break_off(struct tftp_client *c, enum tftp_client_verdict verdict, const char *text,
                      struct tftp_client_action *out)
{
    fail(c, verdict, text);
    out->say = TFTP_SAY_ERROR;
    out->code = TFTP_ERROR_OPTION;
    out->text = text;
}

static void acknowledge(struct tftp_client *c, struct tftp_client_action *out)
{
    out->say = TFTP_SAY_ACK;
    out->number = (uint16_t)c->have;
    c->acked = c->have;
    c->ahead = 0;
}

/* A value may be granted as asked or lower, and nothing that was not asked (RFC 2347, 2348, 7440). */
static bool grant(const struct tftp_options *granted, enum tftp_option option, uint64_t asked,
                  uint32_t *value)
{
    if (!tftp_option_present(granted, option))
        return true;
    if (granted->value[option] > asked)
        return false;
    *value = (uint32_t)granted->value[option];
    return true;
}

static void take_oack(struct tftp_client *c, struct slice packet, int64_t now_us,
                      struct tftp_client_action *out)
{
    struct tftp_options granted;
    if (c->have || !tftp_oack_parse(packet, &granted))
        return;
    heard(c, now_us);
    c->opened = true;
    if (!grant(&granted, TFTP_OPTION_BLKSIZE, c->manner->blksize, &c->blksize) ||
        !grant(&granted, TFTP_OPTION_WINDOWSIZE, c->manner->windowsize, &c->window)) {
        break_off(c, TFTP_CLIENT_BAD_SERVER, "the server granted more than was asked", out);
        return;
    }
    c->size_known = tftp_option_present(&granted, TFTP_OPTION_TSIZE);
    c->size = granted.value[TFTP_OPTION_TSIZE];
    if (c->probe)
        break_off(c, TFTP_CLIENT_DONE, "User aborted the transfer", out);
    else
        acknowledge(c, out);
}

/*
 * A block that is not the next one. Behind a gap: the last good one is told at once, and once a burst; a
 * number that is not above those seen since begins another burst. The last one again: the ACK was lost.
 */
static void take_other(struct tftp_client *c, uint16_t distance, struct tftp_client_action *out)
{
    if (distance < 0x8000) {
        uint64_t block = c->have + 1 + distance;
        bool burst = block <= c->ahead || !c->ahead;
        c->gaps += burst;
        if (burst)
            acknowledge(c, out);
        c->ahead = block;
        return;
    }
    c->duplicates++;
    if (distance == 0xffff && c->acked == c->have)
        acknowledge(c, out);
}

static void take_data(struct tftp_client *c, struct slice packet, int64_t now_us,
                      struct tftp_client_action *out)
{
    uint16_t distance = (uint16_t)((packet.data[2] << 8 | packet.data[3]) - (uint16_t)(c->have + 1));
    size_t size = packet.size - TFTP_DATA_HEADER;
    if (size > c->blksize) {
        break_off(c, TFTP_CLIENT_BAD_SERVER, "a block is larger than was agreed", out);
        return;
    }
    heard(c, now_us);
    c->opened = true;
    if (distance != 0) {
        take_other(c, distance, out);
        return;
    }
    out->data = (struct slice){packet.data + TFTP_DATA_HEADER, size};
    out->offset = c->bytes;
    c->bytes += size;
    c->have++;
    c->ahead = 0;
    bool last = size < c->blksize;
    if (last || c->have - c->acked >= c->window)
        acknowledge(c, out);
    if (last && c->size_known && c->size != c->bytes)
        fail(c, TFTP_CLIENT_BAD_SERVER, "the file has another size than the server said");
    else if (last)
        c->verdict = TFTP_CLIENT_DONE;
}

void tftp_client_packet(struct tftp_client *c, struct slice packet, int64_t now_us,
                        struct tftp_client_action *out)
{
    struct tftp_reply reply;
    *out = (struct tftp_client_action){.say = TFTP_SAY_NOTHING};
    if (packet.size < TFTP_DATA_HEADER || packet.data[0] != 0)
        return;
    switch (packet.data[1]) {
    case TFTP_DATA:
        take_data(c, packet, now_us, out);
        break;
    case TFTP_OACK:
        take_oack(c, packet, now_us, out);
        break;
    case TFTP_ERROR:
        if (tftp_reply_parse(packet, &reply)) {
            fail(c, TFTP_CLIENT_REFUSED, reply.text);
            c->code = reply.number;
        }
        break;
    default:
        break;
    }
}

void tftp_client_timer(struct tftp_client *c, int64_t now_us, struct tftp_client_action *out)
{
    *out = (struct tftp_client_action){.say = TFTP_SAY_NOTHING};
    if (now_us < c->deadline_us)
        return;
    c->timeouts++;
    if (++c->silences > c->manner->tries) {
        fail(c, TFTP_CLIENT_TIMED_OUT, c->opened ? "the server fell silent" : "no answer");
        return;
    }
    c->deadline_us = now_us + (int64_t)c->manner->timeout_ms * 1000;
    if (c->opened)
        acknowledge(c, out);
    else
        out->say = TFTP_SAY_REQUEST;
}
