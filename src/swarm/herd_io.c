#include "swarm/herd_io.h"

#include "base/cleanup.h"
#include "swarm/dhcp_wire_io.h"
#include "swarm/machine.h"
#include "swarm/tftp_fetch_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define TIMERS_PER_STALL 2
#define TIMERS_OWN       1
#define PROGRESS_US      100000
#define REBOOT_US        3000000 /* from a failed boot to the next DISCOVER; real machines need longer */
#define PORT_TFTP        69
#define XID_STALL_BITS   17 /* the rest is random */

static_assert(HERD_MACHINES_MAX < 1u << XID_STALL_BITS, "a stall's number fits in its xid");

struct herd;

/* Where machines stand, one after the other. */
struct stall {
    struct herd *herd;
    struct machine machine;
    bool off; /* the timer is for switching it on */
    int64_t began_us;
    struct swarm_timer timer;
    struct tftp_fetch tftp;
};

struct herd {
    const struct herd_options *options;
    const struct herd_listener *listener;
    struct report *report;
    struct swarm_loop loop;
    struct swarm_link link;
    struct swarm_source stop;
    struct swarm_timer progress;
    struct tftp_manner manner; /* of HERD_FETCH */
    struct machine_setup setup;
    struct tftp_intake *intake;
    struct dhcp_wire *wire;
    struct stall *stalls; /* owned */
    size_t stall_count;
    uint64_t to_start, started, ended;
    int64_t started_us;
};

static void next_machine(struct stall *s);

static void machine_ended(struct stall *s)
{
    s->herd->ended++;
    s->herd->report->dhcp_retries += s->machine.dhcp.retries;
    next_machine(s);
}

/* --- one file each --- */

static bool check_data(struct tftp_fetch *f, uint64_t offset, struct slice data)
{
    const struct stall *s = (struct stall *)((char *)f - offsetof(struct stall, tftp));
    const struct slice *expect = &s->herd->options->expect;
    return offset + data.size <= expect->size && memcmp(expect->data + offset, data.data, data.size) == 0;
}

static const char *fetch_failure(const struct stall *s)
{
    const struct tftp_client *c = &s->tftp.client;
    const struct slice *expect = &s->herd->options->expect;
    if (s->tftp.wrong)
        return "other bytes than expected arrived";
    if (c->verdict != TFTP_CLIENT_DONE)
        return c->text;
    return expect->data && c->bytes != expect->size ? "the file that arrived is shorter than expected" : NULL;
}

static void fetch_ended(struct tftp_fetch *f)
{
    struct stall *s = (struct stall *)((char *)f - offsetof(struct stall, tftp));
    struct report *r = s->herd->report;
    const char *failure = fetch_failure(s);
    r->bytes[REPORT_TFTP] += f->client.bytes;
    r->tftp_timeouts += f->client.timeouts;
    r->tftp_retransmissions += f->client.duplicates;
    if (failure) {
        report_failed(r, failure, s->herd->loop.now_us);
    } else {
        report_time(r, REPORT_FILE, s->herd->loop.now_us - s->began_us);
        report_booted(r, 1, s->herd->loop.now_us);
    }
    machine_ended(s);
}

static void start_fetch(struct stall *s)
{
    struct error err;
    s->began_us = s->herd->loop.now_us;
    if (tftp_fetch_start(&s->tftp, &s->herd->manner, false, &err) == 0)
        return;
    report_failed(s->herd->report, err.text, s->herd->loop.now_us);
    machine_ended(s);
}

/* --- machines that boot --- */

static uint32_t new_xid(struct stall *s)
{
    return swarm_link_random(&s->herd->link) << XID_STALL_BITS | (uint32_t)(s - s->herd->stalls);
}

static void say_dhcp(struct stall *s)
{
    uint8_t payload[DHCP_SIZE_MAX];
    size_t size = dhcp_client_message(&s->machine.dhcp, s->herd->loop.now_us, payload);
    dhcp_wire_send(s->herd->wire, &s->machine.dhcp.mac, payload, size);
}

static void boot_failed(struct stall *s)
{
    struct herd *h = s->herd;
    if (s->machine.boots < h->options->attempts) {
        s->off = true;
        swarm_timer_set(&h->loop.timers, &s->timer, h->loop.now_us + REBOOT_US);
        return;
    }
    report_failed(h->report, s->machine.failure, h->loop.now_us);
    machine_ended(s);
}

static void act(struct stall *s, enum machine_action action)
{
    struct herd *h = s->herd;
    switch (action) {
    case MACHINE_SAY:
        say_dhcp(s);
        swarm_timer_set(&h->loop.timers, &s->timer, s->machine.dhcp.deadline_us);
        break;
    case MACHINE_WAIT:
        swarm_timer_set(&h->loop.timers, &s->timer, s->machine.dhcp.deadline_us);
        break;
    case MACHINE_BOOTED:
        swarm_timer_stop(&h->loop.timers, &s->timer);
        report_booted(h->report, s->machine.boots, h->loop.now_us);
        machine_ended(s);
        break;
    case MACHINE_FAILED:
        swarm_timer_stop(&h->loop.timers, &s->timer);
        boot_failed(s);
        break;
    }
}

static void take_answer(void *ctx, const struct dhcp_message *answer)
{
    struct herd *h = ctx;
    size_t number = answer->xid & ((1u << XID_STALL_BITS) - 1);
    if (number < h->stall_count && !h->stalls[number].off)
        act(&h->stalls[number], machine_answer(&h->stalls[number].machine, answer, h->loop.now_us));
}

static void power_on(struct stall *s)
{
    s->off = false;
    if (s->herd->options->mode == HERD_FETCH)
        start_fetch(s);
    else
        act(s, machine_start(&s->machine, new_xid(s), s->herd->loop.now_us));
}

static void fire(struct swarm_timer *t, int64_t now_us)
{
    struct stall *s = (struct stall *)((char *)t - offsetof(struct stall, timer));
    if (s->off)
        power_on(s);
    else
        act(s, machine_timer(&s->machine, now_us));
}

/* --- the herd --- */

static struct mac mac_of(const struct herd_options *o, uint64_t number)
{
    struct mac mac = o->first_mac;
    for (size_t i = MAC_SIZE; i-- > 0 && number; number >>= 8) {
        number += mac.byte[i];
        mac.byte[i] = (uint8_t)number;
    }
    return mac;
}

/* Machines start by their timer, so that a thousand that fail at once are no recursion. */
static void next_machine(struct stall *s)
{
    struct herd *h = s->herd;
    const struct herd_options *o = h->options;
    s->off = true;
    if (h->to_start == 0) {
        h->loop.stop = h->ended == h->started;
        return;
    }
    uint64_t number = h->started++ % o->machines;
    h->to_start--;
    struct mac mac = mac_of(o, number);
    machine_init(&s->machine, &h->setup, o->habit[number % o->habit_count], &mac);
    int64_t due_us = o->ramp ? h->started_us + (int64_t)((h->started - 1) * 1000000 / o->ramp) : 0;
    swarm_timer_set(&h->loop.timers, &s->timer, due_us > h->loop.now_us ? due_us : h->loop.now_us);
}

static void stop_ready(struct swarm_source *s, uint32_t events)
{
    struct herd *h = (struct herd *)((char *)s - offsetof(struct herd, stop));
    h->loop.stop = true;
}

static void tell_progress(struct swarm_timer *t, int64_t now_us)
{
    struct herd *h = (struct herd *)((char *)t - offsetof(struct herd, progress));
    h->listener->progress(h->listener->ctx, h->report);
    swarm_timer_set(&h->loop.timers, t, now_us + PROGRESS_US);
}

static void stall_init(struct herd *h, struct stall *s)
{
    const struct herd_options *o = h->options;
    s->herd = h;
    s->off = true;
    s->timer.fire = fire;
    s->tftp = (struct tftp_fetch){.loop = &h->loop,
                                  .link = &h->link,
                                  .intake = h->intake,
                                  .name = o->file,
                                  .local = o->interface.ip,
                                  .server = o->server,
                                  .port = o->port ? o->port : PORT_TFTP,
                                  .data = o->expect.data ? check_data : NULL,
                                  .ended = fetch_ended,
                                  .fd = -1};
}

static int herd_open(struct herd *h, const struct herd_doors *doors, struct error *err)
{
    size_t timers = h->stall_count * TIMERS_PER_STALL + TIMERS_OWN;
    h->intake = tftp_intake_new();
    h->stalls = calloc(h->stall_count, sizeof *h->stalls);
    if (!h->intake || !h->stalls)
        return error_errno(err, ENOMEM, "%zu machines", h->stall_count);
    for (size_t i = 0; i < h->stall_count; i++)
        stall_init(h, &h->stalls[i]);
    if (swarm_loop_init(&h->loop, timers, err) < 0 ||
        (doors->stop_fd >= 0 && swarm_loop_add(&h->loop, doors->stop_fd, EPOLLIN, &h->stop, err) < 0))
        return -1;
    return doors->dhcp_fd < 0
               ? 0
               : dhcp_wire_new(&h->loop, &h->link, doors->dhcp_fd, take_answer, h, &h->wire, err);
}

static void herd_close(struct herd *h)
{
    for (size_t i = 0; h->stalls && i < h->stall_count; i++)
        tftp_fetch_stop(&h->stalls[i].tftp);
    dhcp_wire_free(h->wire);
    free(h->stalls);
    tftp_intake_free(h->intake);
    swarm_loop_fini(&h->loop);
}

static void herd_start(struct herd *h)
{
    h->progress.fire = tell_progress;
    h->started_us = h->loop.now_us;
    report_init(h->report, h->to_start, h->started_us);
    swarm_timer_set(&h->loop.timers, &h->progress, h->started_us + PROGRESS_US);
    for (size_t i = 0; i < h->stall_count && h->to_start; i++)
        next_machine(&h->stalls[i]);
}

int herd_run(const struct herd_options *o, const struct herd_doors *doors,
             const struct herd_listener *listener, struct report *out, struct error *err)
{
    struct herd h = {.options = o,
                     .listener = listener,
                     .report = out,
                     .loop = {.epoll_fd = -1},
                     .link = {.loss_ppm = o->loss_ppm},
                     .stop = {stop_ready},
                     .manner = {o->blksize, o->windowsize, true, o->timeout_ms, o->tries},
                     .setup = {o->interface, o->mode == HERD_DHCP, out},
                     .stall_count = o->at_once < o->machines ? o->at_once : o->machines,
                     .to_start = (uint64_t)o->machines * o->repeat};
    swarm_link_seed(&h.link, o->seed);
    int result = herd_open(&h, doors, err);
    if (result == 0) {
        herd_start(&h);
        result = swarm_loop_run(&h.loop, err);
    }
    herd_close(&h);
    return result;
}
