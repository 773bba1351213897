#include "serve/tftp_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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
    uint64_t rto = least(m->rtt_us + 4 * (uint64_t)m->rtt_var_us, TFTP_RTO_MAX_US);
    m->rto_us = rto < TFTP_RTO_MIN_US ? TFTP_RTO_MIN_US : (uint32_t)rto;
}

static void set_deadline(struct tftp_machine *m, int64_t now_us)
{
    int64_t end = m->progress_us + patience_us(m);
    m->deadline_us = now_us + m->rto_us < end ? now_us + m->rto_us : end;
}

static void send_oack(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    m->sent_us = now_us;
    set_deadline(m, now_us);
    out->kind = TFTP_ACTION_OACK;
}

/* The window behind what has arrived. */
static void send_window(struct tftp_machine *m, int64_t now_us, struct tftp_action *out)
{
    out->kind = TFTP_ACTION_DATA;
    out->first = m->acked + 1;
    m->repeated = out->first <= m->sent;
    m->sent = least(m->acked + m->window, m->last);
    out->end = m->sent + 1;
    m->sent_us = now_us;
    set_deadline(m, now_us);
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
    m->repeated = true;
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
 * section 4). What was sent within the last round trip it cannot know of yet, so that is not sent once more:
 * many clients say the same for each block that follows the gap, or for each copy the network made.
 */
static void on_gap(struct tftp_machine *m, bool duplicate, int64_t now_us, struct tftp_action *out)
{
    int64_t reaction_us = (m->measured ? m->rtt_us : m->rto_us) / 2;
    if (now_us - m->sent_us >= reaction_us && now_us - m->sent_us >= TFTP_REACTION_MIN_US)
        send_window(m, now_us, out);
    else if (!duplicate)
        extend_window(m, now_us, out);
}

static void on_ack(struct tftp_machine *m, uint16_t number, int64_t now_us, struct tftp_action *out)
{
    if (m->opening) {
        if (number != 0)
            return;
        if (!m->repeated)
            measure(m, now_us - m->sent_us);
        m->opening = false;
        m->heard = true;
        m->progress_us = now_us;
        send_window(m, now_us, out);
        return;
    }
    uint64_t block = m->acked + (uint16_t)(number - (uint16_t)m->acked);
    if (block > m->sent)
        return; /* older than the window, or never sent */
    m->heard = true;
    if (block > m->acked)
        m->progress_us = now_us;
    if (block == m->sent && !m->repeated)
        measure(m, now_us - m->sent_us);
    bool duplicate = block == m->acked;
    bool whole = block == m->sent;
    m->acked = block;
    if (block == m->last)
        end(out, TFTP_DONE, "%s", "");
    else if (whole)
        send_window(m, now_us, out);
    else if (m->window > 1)
        on_gap(m, duplicate, now_us, out);
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
    if (now_us <= m->sent_us)
        return;
    m->sent_us = now_us;
    set_deadline(m, now_us);
}

static void on_timer(struct tftp_machine *m, bool full, int64_t now_us, struct tftp_action *out)
{
    if (now_us - m->progress_us >= patience_us(m)) {
        end_silent(m, "no answer", "; is it still on, and its cable in?", out);
        out->tell_client = out->verdict == TFTP_FAILED;
    } else if (now_us >= m->deadline_us && full) {
        set_deadline(m, now_us);
    } else if (now_us >= m->deadline_us) {
        if (!has(m, TFTP_OPTION_TIMEOUT))
            m->rto_us = (uint32_t)least(2 * (uint64_t)m->rto_us, TFTP_RTO_MAX_US);
        if (m->opening) {
            m->repeated = true;
            send_oack(m, now_us, out);
        } else {
            send_window(m, now_us, out);
        }
    }
}

void tftp_machine_step(struct tftp_machine *m, const struct tftp_event *event, int64_t now_us,
                       struct tftp_action *out)
{
    *out = (struct tftp_action){.kind = TFTP_ACTION_NONE};
    switch (event->kind) {
    case TFTP_EVENT_START:
        m->progress_us = now_us;
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
