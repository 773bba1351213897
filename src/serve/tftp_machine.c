#include "serve/tftp_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TAILS_MAX 16 /* doublings: beyond any timeout */
#define NOT_FRESH UINT64_MAX

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static bool has(const struct tftp_machine *m, enum tftp_option option)
{
    return tftp_option_present(&m->granted, option);
}

void tftp_machine_init(struct tftp_machine *m, uint64_t size, const struct tftp_options *asked)
{
    *m = (struct tftp_machine){
        .granted = *asked, .size = size, .blksize = TFTP_BLKSIZE, .window = 1, .rto_us = TFTP_RTO_FIRST_US};
    if (has(m, TFTP_OPTION_BLKSIZE))
        m->blksize = (uint32_t)asked->value[TFTP_OPTION_BLKSIZE];
    if (has(m, TFTP_OPTION_WINDOWSIZE)) {
        uint64_t fit = least(TFTP_WINDOW_MAX, TFTP_WINDOW_BYTES_MAX / m->blksize);
        m->window = (uint32_t)least(asked->value[TFTP_OPTION_WINDOWSIZE], fit);
        m->granted.value[TFTP_OPTION_WINDOWSIZE] = m->window;
    }
    if (has(m, TFTP_OPTION_TIMEOUT))
        m->rto_us = (uint32_t)asked->value[TFTP_OPTION_TIMEOUT] * 1000000;
    m->granted.value[TFTP_OPTION_TSIZE] = size;
    m->last = size / m->blksize + 1;
    m->opening = m->granted.present != 0;
}

uint64_t tftp_machine_bytes(const struct tftp_machine *m)
{
    return least(m->acked * m->blksize, m->size);
}

/* How long the client may be silent. */
static int64_t patience_us(const struct tftp_machine *m)
{
    int64_t patience = m->opening ? TFTP_PROBE_US : TFTP_GIVE_UP_US;
    int64_t rounds = TFTP_GIVE_UP_ROUNDS * 1000000 * (int64_t)m->granted.value[TFTP_OPTION_TIMEOUT];
    return has(m, TFTP_OPTION_TIMEOUT) && rounds > patience ? rounds : patience;
}

/* RFC 6298, section 2. A timeout the client asked for (RFC 2349) is kept as it is. */
static void measure(struct tftp_machine *m, int64_t rtt_us)
{
    if (has(m, TFTP_OPTION_TIMEOUT) || rtt_us < 0)
        return;
    uint32_t r = (uint32_t)least((uint64_t)rtt_us, TFTP_RTO_MAX_US);
    if (!m->measured) {
        m->rtt_us = r;
        m->rtt_var_us = r / 2;
    } else {
        uint32_t distance = r > m->rtt_us ? r - m->rtt_us : m->rtt_us - r;
        m->rtt_var_us = (3 * m->rtt_var_us + distance) / 4;
        m->rtt_us = (7 * m->rtt_us + r) / 8;
    }
    m->measured = true;
    m->tails = 0;
    uint64_t rto = least(m->rtt_us + 4 * (uint64_t)m->rtt_var_us, TFTP_RTO_MAX_US);
    m->rto_us = rto < TFTP_RTO_MIN_US ? TFTP_RTO_MIN_US : (uint32_t)rto;
}

/* How long to wait for an answer before the last block is sent again. Doubles as long as that was needed: the
 * client may have become slower, and then there is nothing to measure (Karn). */
static uint32_t tail_us(const struct tftp_machine *m)
{
    if (has(m, TFTP_OPTION_TIMEOUT) || m->tailed)
        return m->rto_us;
    if (!m->measured && m->tails == 0)
        return TFTP_TAIL_FIRST_US;
    if (!m->measured) /* slower than the first: not to be hurried */
        return (uint32_t)least((uint64_t)m->rto_us << (m->tails - 1), TFTP_RTO_MAX_US);
    uint64_t tail = m->rtt_us + 4 * (uint64_t)m->rtt_var_us;
    if (tail < TFTP_TAIL_MIN_US)
        tail = TFTP_TAIL_MIN_US;
    return (uint32_t)least(tail << m->tails, TFTP_RTO_MAX_US);
}

static void set_deadline(struct tftp_machine *m, int64_t now_us)
{
    int64_t end = m->progress_us + patience_us(m), due = now_us + tail_us(m);
    m->told_us = now_us;
    m->deadline_us = due < end ? due : end;
}

static void send_oack(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    set_deadline(m, now_us);
    out->kind = TFTP_ACTION_OACK;
}

/* The window behind what has arrived. */
static void send_window(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    out->kind = TFTP_ACTION_DATA;
    out->first = m->acked + 1;
    m->repeated = out->first <= m->sent;
    m->echo = false;
    m->put_off = false;
    m->fresh = m->sent + 1;
    m->sent = least(m->acked + m->window, m->last);
    out->end = m->sent + 1;
    m->tailed = false;
    m->sent_us = now_us;
    set_deadline(m, now_us);
}

/* All that was sent has arrived. */
static void send_next_window(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    bool repeated = m->repeated;
    send_window(m, now_us, out);
    m->echo = repeated;
}

/* The client has got further within the window: new blocks only. */
static void extend_window(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    uint64_t sent = least(m->acked + m->window, m->last);
    if (sent == m->sent)
        return;
    out->kind = TFTP_ACTION_DATA;
    out->first = m->sent + 1;
    out->end = sent + 1;
    m->sent = sent;
    m->fresh = NOT_FRESH;
    set_deadline(m, now_us);
}

/* The client is silent; where it said what it misses, the answer to that is due now. */
static void send_tail(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    if (m->tails < TAILS_MAX)
        m->tails++;
    if (m->put_off) {
        send_window(m, now_us, out);
        return;
    }
    m->tailed = true;
    m->repeated = true;
    m->fresh = NOT_FRESH;
    if (m->opening) {
        send_oack(m, now_us, out);
        return;
    }
    out->kind = TFTP_ACTION_DATA;
    out->first = m->sent;
    out->end = m->sent + 1;
    set_deadline(m, now_us);
}

__attribute__((format(printf, 3, 4))) static void end(struct tftp_action *out, enum tftp_verdict verdict,
                                                      const char *format, ...)
{
    out->kind = TFTP_ACTION_END;
    out->verdict = verdict;
    va_list args;
    va_start(args, format);
    vsnprintf(out->text, sizeof out->text, format, args);
    va_end(args);
}

/*
 * The client is there no more. Silence after the OACK is a probe; after the last block it means that the last
 * ACK was lost or never sent, as some ROMs do: the file is there.
 */
static void end_silent(struct tftp_machine *m, const char *how, const char *hint, struct tftp_action *out)
{
    if (m->opening) {
        end(out, TFTP_PROBED, "%s", "");
    } else if (m->heard && m->sent == m->last) {
        m->acked = m->last;
        end(out, TFTP_DONE, "the last ACK did not come");
    } else {
        end(out, TFTP_FAILED, "%s after block %llu of %llu%s", how, (unsigned long long)m->acked,
            (unsigned long long)m->last, hint);
    }
}

/*
 * An ACK from within the window, or the last one again: the client misses the block behind it (RFC 7440,
 * section 4). That is sure when it names a block that was never sent before. Otherwise, what was sent within
 * the last round trip it cannot know of yet, so that is not sent once more: many clients say the same for
 * each block that follows the gap, or for each copy the network made. Half of it allows for round trips that
 * vary; the whole is waited for where copies are known to be on their way.
 */
static void on_gap(struct tftp_machine *m, bool duplicate, bool sure, int64_t now_us, struct tftp_action *out)
{
    int64_t reaction_us = m->measured ? m->rtt_us : m->rto_us;
    if (!duplicate || !m->echo)
        reaction_us /= 2;
    if (sure || now_us - m->sent_us > reaction_us)
        send_window(m, now_us, out);
    else if (!duplicate)
        extend_window(m, now_us, out);
    m->put_off |= !duplicate && out->first != m->acked + 1;
}

static void on_ack(struct tftp_machine *m, uint16_t number, int64_t now_us, struct tftp_action *out)
{
    if (m->opening) {
        if (number != 0)
            return;
        if (m->fresh == 0)
            measure(m, now_us - m->sent_us);
        m->opening = false;
        m->heard = true;
        m->progress_us = now_us;
        send_next_window(m, now_us, out);
        return;
    }
    uint64_t block = m->acked + (uint16_t)(number - (uint16_t)m->acked);
    if (block > m->sent)
        return; /* older than the window, or never sent */
    m->heard = true;
    bool duplicate = block == m->acked;
    bool whole = block == m->sent;
    if (!duplicate)
        m->progress_us = now_us;
    if (!duplicate && !whole)
        m->tails = 0; /* blocks are lost, but the client is not slow */
    /* An ACK from within the window may have been said late, by the client's own timer. */
    bool sure = !duplicate && block >= m->fresh;
    if (sure && (whole || !m->measured))
        measure(m, now_us - m->sent_us);
    m->acked = block;
    if (block == m->last)
        end(out, TFTP_DONE, "%s", "");
    else if (whole)
        send_next_window(m, now_us, out);
    else if (m->window > 1)
        on_gap(m, duplicate, sure, now_us, out);
}

static void on_error(struct tftp_machine *m, const struct tftp_event *event, struct tftp_action *out)
{
    if (m->opening)
        end(out, TFTP_PROBED, "%s", "");
    else
        end(out, TFTP_FAILED, "the client broke off with error %u: %s", event->number, event->text);
}

void tftp_machine_left(struct tftp_machine *m, int64_t now_us)
{
    if (now_us <= m->told_us)
        return;
    if (!m->tailed)
        m->sent_us = now_us;
    set_deadline(m, now_us);
}

/* The client said nothing to what was sent, nor to its tail. */
static void send_again(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    if (!has(m, TFTP_OPTION_TIMEOUT))
        m->rto_us = (uint32_t)least(2 * (uint64_t)m->rto_us, TFTP_RTO_MAX_US);
    if (m->opening) {
        send_oack(m, now_us, out);
    } else {
        send_window(m, now_us, out);
        m->tailed = true; /* once is enough */
        set_deadline(m, now_us);
    }
}

static void on_timer(struct tftp_machine *m, bool full, int64_t now_us, struct tftp_action *out)
{
    if (now_us - m->progress_us >= patience_us(m)) {
        end_silent(m, "no answer", "; is it still on, and its cable in?", out);
        out->tell_client = out->verdict == TFTP_FAILED;
    } else if (now_us < m->deadline_us) {
        return;
    } else if (full) {
        set_deadline(m, now_us);
    } else if (m->tailed || has(m, TFTP_OPTION_TIMEOUT)) {
        send_again(m, now_us, out);
    } else {
        send_tail(m, now_us, out);
    }
}

void tftp_machine_step(struct tftp_machine *m, const struct tftp_event *event, int64_t now_us,
                       struct tftp_action *out)
{
    *out = (struct tftp_action){.kind = TFTP_ACTION_NONE};
    switch (event->kind) {
    case TFTP_EVENT_START:
        m->progress_us = now_us;
        m->sent_us = now_us;
        if (m->opening)
            send_oack(m, now_us, out);
        else
            send_window(m, now_us, out);
        break;
    case TFTP_EVENT_ACK:
        on_ack(m, event->number, now_us, out);
        break;
    case TFTP_EVENT_ERROR:
        on_error(m, event, out);
        break;
    case TFTP_EVENT_GONE:
        end_silent(m, event->text, "", out);
        break;
    case TFTP_EVENT_TIMER:
    case TFTP_EVENT_FULL:
        on_timer(m, event->kind == TFTP_EVENT_FULL, now_us, out);
        break;
    case TFTP_EVENT_BROKEN:
        end(out, TFTP_FAILED, "%s", event->text);
        out->tell_client = true;
        break;
    }
}
