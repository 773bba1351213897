#include "swarm/herd_io.h"

#include "base/cleanup.h"
#include "swarm/address_io.h"
#include "swarm/dhcp_wire_io.h"
#include "swarm/http_fetch_io.h"
#include "swarm/machine.h"
#include "swarm/tftp_fetch_io.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define TIMERS_PER_STALL 3
#define TIMERS_OWN       2
#define PROGRESS_US      100000
#define REBOOT_US        3000000 /* from a failed boot to the next DISCOVER; real machines need longer */
#define XID_STALL_BITS   17      /* the rest is random */

static_assert(HERD_MACHINES_MAX < 1u << XID_STALL_BITS, "a stall's number fits in its xid");

struct herd;

/* Where machines stand, one after the other. */
struct stall {
    struct herd *herd;
    struct machine machine;
    uint32_t number;
    bool off; /* the timer is for switching it on */
    int64_t began_us;
    struct swarm_timer timer;
    struct tftp_fetch tftp;
    struct http_fetch http;
};

struct herd {
    const struct herd_options *options;
    const struct herd_listener *listener;
    struct report *report;
    struct swarm_loop loop;
    struct swarm_link link;
    struct swarm_outbox outbox;
    struct swarm_source stop;
    struct swarm_timer progress;
    struct tftp_manner manner; /* of HERD_FETCH */
    struct place place;        /* of HERD_FETCH */
    struct machine_setup setup;
    struct tftp_intake *intake;
    uint8_t *http_intake; /* owned */
    struct dhcp_wire *wire;
    struct address_io *addresses;
    struct stall *stalls; /* owned */
    size_t stall_count;
    uint64_t to_start, started, ended;
    int64_t started_us;
};

static void next_machine(struct stall *s);
static void act(struct stall *s, enum machine_action action);

static void machine_ended(struct stall *s)
{
    s->herd->ended++;
    s->herd->report->dhcp_retries += s->machine.dhcp.retries;
    next_machine(s);
}

/* --- files --- */

static bool take_data(struct stall *s, uint64_t offset, struct slice data)
{
    const struct slice *expect = &s->herd->options->expect;
    if (s->herd->options->mode != HERD_FETCH) {
        machine_data(&s->machine, data);
        return true;
    }
    return !expect->data ||
           (offset + data.size <= expect->size && memcmp(expect->data + offset, data.data, data.size) == 0);
}

static bool tftp_data(struct tftp_fetch *f, uint64_t offset, struct slice data)
{
    return take_data((struct stall *)((char *)f - offsetof(struct stall, tftp)), offset, data);
}

static bool http_data(struct http_fetch *f, uint64_t offset, struct slice data)
{
    return take_data((struct stall *)((char *)f - offsetof(struct stall, http)), offset, data);
}

/* A file each, and nothing else to do. */
static void fetched_alone(struct stall *s, const char *failure, uint64_t bytes)
{
    struct herd *h = s->herd;
    const struct slice *expect = &h->options->expect;
    if (!failure && expect->data && bytes != expect->size)
        failure = "the file that arrived is shorter than expected";
    if (failure) {
        report_failed(h->report, failure, h->loop.now_us);
    } else {
        report_time(h->report, REPORT_FILE, h->loop.now_us - s->began_us);
        report_booted(h->report, 1, h->loop.now_us);
    }
    machine_ended(s);
}

static void fetched(struct stall *s, enum machine_outcome outcome, const char *text, uint64_t bytes)
{
    if (s->herd->options->mode == HERD_FETCH)
        fetched_alone(s, outcome == MACHINE_ARRIVED ? NULL : text, bytes);
    else
        act(s, machine_fetched(&s->machine, outcome, text, s->herd->loop.now_us));
}

/* The server's own words name files and machines: only the kind is counted. */
static const char *refusal(const struct tftp_client *c)
{
    switch (c->code) {
    case TFTP_ERROR_NOT_FOUND:
        return "TFTP: the server has no such file";
    case TFTP_ERROR_ACCESS:
        return "TFTP: the server forbids it";
    default:
        return "TFTP: the server answered with an error";
    }
}

static void tftp_ended(struct tftp_fetch *f)
{
    struct stall *s = (struct stall *)((char *)f - offsetof(struct stall, tftp));
    struct report *r = s->herd->report;
    const struct tftp_client *c = &f->client;
    r->bytes[REPORT_TFTP] += c->bytes;
    r->tftp_timeouts += c->timeouts;
    r->tftp_retransmissions += c->duplicates;
    if (f->wrong)
        fetched(s, MACHINE_LOST, "other bytes than expected arrived", c->bytes);
    else if (c->verdict == TFTP_CLIENT_REFUSED)
        fetched(s, c->code == TFTP_ERROR_NOT_FOUND ? MACHINE_MISSING : MACHINE_LOST, refusal(c), c->bytes);
    else
        fetched(s, c->verdict == TFTP_CLIENT_DONE ? MACHINE_ARRIVED : MACHINE_LOST, c->text, c->bytes);
}

static void http_ended(struct http_fetch *f)
{
    struct stall *s = (struct stall *)((char *)f - offsetof(struct stall, http));
    char text[64];
    uint64_t bytes = f->reply.body_bytes;
    int status = f->reply.status;
    s->herd->report->bytes[REPORT_HTTP] += bytes;
    snprintf(text, sizeof text, "HTTP status %d", status);
    if (f->wrong)
        fetched(s, MACHINE_LOST, "other bytes than expected arrived", bytes);
    else if (f->text[0])
        fetched(s, MACHINE_LOST, f->text, bytes);
    else if (status != 200)
        fetched(s, status == 404 ? MACHINE_MISSING : MACHINE_LOST, text, bytes);
    else
        fetched(s, MACHINE_ARRIVED, NULL, bytes);
}

static void start_fetch(struct stall *s, const struct machine_want *want, uint32_t local)
{
    struct error err;
    int result;
    if (want->place.server.door == SCRIPT_TFTP) {
        s->tftp.name = want->place.path;
        s->tftp.server = want->place.server.ip;
        s->tftp.port = want->place.server.port;
        s->tftp.local = local;
        result = tftp_fetch_start(&s->tftp, want->tftp, want->size_only, &err);
    } else {
        bool seen = want->keep || s->herd->options->expect.data;
        s->http.local = local;
        s->http.data = seen ? http_data : NULL;
        result =
            http_fetch_start(&s->http, &want->place, want->user_agent, want->size_only, want->close, &err);
    }
    if (result < 0)
        fetched(s, MACHINE_LOST, err.text, 0);
}

static uint32_t new_xid(struct stall *s)
{
    return swarm_link_random(&s->herd->link) << XID_STALL_BITS | (uint32_t)(s - s->herd->stalls);
}

static void fetch_alone_from(struct stall *s, uint32_t local)
{
    s->began_us = s->herd->loop.now_us;
    start_fetch(s, &s->machine.want, local);
}

static void fetch_alone(struct stall *s)
{
    const struct herd *h = s->herd;
    const struct herd_options *o = h->options;
    s->machine.want = (struct machine_want){.place = h->place, .tftp = &h->manner, .close = o->close};
    if (!o->first_ip) {
        fetch_alone_from(s, o->interface.ip);
        return;
    }
    s->machine.dhcp.xid = new_xid(s);
    s->machine.dhcp.lease.ip = o->first_ip + s->number;
    address_io_ask(h->addresses, s->machine.dhcp.xid, s->machine.dhcp.lease.ip);
}

/* --- machines that boot --- */

static void say_dhcp(struct stall *s)
{
    uint8_t payload[DHCP_SIZE_MAX];
    size_t size = dhcp_client_message(&s->machine.dhcp, s->herd->loop.now_us, payload);
    dhcp_wire_send(s->herd->wire, &s->machine.dhcp.mac, payload, size);
}

static void boot_failed(struct stall *s)
{
    struct herd *h = s->herd;
    http_fetch_stop(&s->http);
    if (s->machine.boots < h->options->attempts) {
        s->off = true;
        report_begun_anew(h->report, s->machine.failure);
        swarm_timer_set(&h->loop.timers, &s->timer, h->loop.now_us + REBOOT_US);
        return;
    }
    report_failed(h->report, s->machine.failure, h->loop.now_us);
    machine_ended(s);
}

static void act(struct stall *s, enum machine_action action)
{
    struct herd *h = s->herd;
    swarm_timer_stop(&h->loop.timers, &s->timer);
    switch (action) {
    case MACHINE_SAY:
        say_dhcp(s);
        swarm_timer_set(&h->loop.timers, &s->timer, s->machine.dhcp.deadline_us);
        break;
    case MACHINE_WAIT:
        swarm_timer_set(&h->loop.timers, &s->timer, s->machine.dhcp.deadline_us);
        break;
    case MACHINE_LOCAL:
        address_io_ask(h->addresses, s->machine.dhcp.xid, s->machine.dhcp.lease.ip);
        break;
    case MACHINE_FETCH:
        start_fetch(s, &s->machine.want, s->machine.dhcp.lease.ip);
        break;
    case MACHINE_BOOTED:
        http_fetch_stop(&s->http);
        report_booted(h->report, s->machine.boots, h->loop.now_us);
        machine_ended(s);
        break;
    case MACHINE_FAILED:
        boot_failed(s);
        break;
    }
}

static struct stall *stall_of(struct herd *h, uint32_t xid)
{
    size_t number = xid & ((1u << XID_STALL_BITS) - 1);
    struct stall *s = number < h->stall_count ? &h->stalls[number] : NULL;
    return s && !s->off && s->machine.dhcp.xid == xid ? s : NULL;
}

static void take_answer(void *ctx, const struct dhcp_message *answer)
{
    struct herd *h = ctx;
    struct stall *s = stall_of(h, answer->xid);
    if (s && dhcp_client_listens(&s->machine.dhcp))
        act(s, machine_answer(&s->machine, answer, h->loop.now_us));
}

static void address_done(void *ctx, const struct address_message *answer)
{
    struct herd *h = ctx;
    struct stall *s = stall_of(h, answer->token);
    if (!s)
        return;
    if (h->options->mode != HERD_FETCH)
        act(s, machine_local(&s->machine, answer->code == 0, h->loop.now_us));
    else if (answer->code == 0)
        fetch_alone_from(s, answer->ip);
    else
        fetched(s, MACHINE_LOST, "its address could not be made one of this host", 0);
}

static void power_on(struct stall *s)
{
    s->off = false;
    if (s->herd->options->mode == HERD_FETCH)
        fetch_alone(s);
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
    machine_fini(&s->machine);
    if (h->to_start == 0) {
        h->loop.stop = h->ended == h->started;
        return;
    }
    s->number = (uint32_t)(h->started++ % o->machines);
    h->to_start--;
    struct mac mac = mac_of(o, s->number);
    machine_init(&s->machine, &h->setup, o->habit[s->number % o->habit_count], &mac);
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
    s->herd = h;
    s->off = true;
    s->timer.fire = fire;
    s->tftp = (struct tftp_fetch){.loop = &h->loop,
                                  .link = &h->link,
                                  .outbox = &h->outbox,
                                  .intake = h->intake,
                                  .data = tftp_data,
                                  .ended = tftp_ended,
                                  .fd = -1};
    s->http = (struct http_fetch){.loop = &h->loop,
                                  .link = &h->link,
                                  .outbox = &h->outbox,
                                  .intake = h->http_intake,
                                  .ended = http_ended,
                                  .fd = -1};
}

static void stall_fini(struct stall *s)
{
    tftp_fetch_stop(&s->tftp);
    http_fetch_stop(&s->http);
    machine_fini(&s->machine);
}

/* What HERD_FETCH fetches. */
static int set_place(struct herd *h, struct error *err)
{
    const struct herd_options *o = h->options;
    const struct script_server server = {SCRIPT_TFTP, o->server, o->port ? o->port : PLACE_PORT_TFTP};
    if (!o->file)
        return 0;
    if (place_parse(o->file, &server, &h->place))
        return (h->place.server.ip ^ o->interface.ip) & ip4_mask(o->interface.prefix)
                   ? error_set(err, "%s: the server is not in the network of %s", o->file, o->interface.name)
                   : 0;
    return error_set(err, "%s: a name at the server, http://ADDR[:PORT]/NAME or tftp://ADDR/NAME is needed",
                     o->file);
}

static int herd_open(struct herd *h, const struct herd_doors *doors, struct error *err)
{
    size_t timers = h->stall_count * TIMERS_PER_STALL + TIMERS_OWN;
    if (set_place(h, err) < 0)
        return -1;
    h->intake = tftp_intake_new();
    h->http_intake = malloc(HTTP_INTAKE_SIZE);
    h->stalls = calloc(h->stall_count, sizeof *h->stalls);
    if (!h->intake || !h->http_intake || !h->stalls)
        return error_errno(err, ENOMEM, "%zu machines", h->stall_count);
    for (size_t i = 0; i < h->stall_count; i++)
        stall_init(h, &h->stalls[i]);
    if (swarm_loop_init(&h->loop, timers, err) < 0 ||
        (doors->stop_fd >= 0 && swarm_loop_add(&h->loop, doors->stop_fd, EPOLLIN, &h->stop, err) < 0))
        return -1;
    if (doors->dhcp_fd >= 0 &&
        dhcp_wire_new(&h->outbox, &h->link, doors->dhcp_fd, take_answer, h, &h->wire, err) < 0)
        return -1;
    return doors->address_fd < 0 ? 0
                                 : address_io_new(&h->loop, doors->address_fd, h->stall_count, address_done,
                                                  h, &h->addresses, err);
}

static void herd_close(struct herd *h)
{
    for (size_t i = 0; h->stalls && i < h->stall_count; i++)
        stall_fini(&h->stalls[i]);
    swarm_outbox_fini(&h->outbox);
    dhcp_wire_free(h->wire);
    address_io_free(h->addresses);
    free(h->stalls);
    free(h->http_intake);
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
                     .link = {.loss_ppm = o->loss_ppm, .rate = o->rate},
                     .stop = {stop_ready},
                     .manner = {o->blksize, o->windowsize, true, o->timeout_ms, o->tries},
                     .setup = {o->interface, o->server, o->mode == HERD_DHCP, out},
                     .stall_count = o->at_once < o->machines ? o->at_once : o->machines,
                     .to_start = (uint64_t)o->machines * o->repeat};
    swarm_link_seed(&h.link, o->seed);
    swarm_outbox_init(&h.outbox, &h.loop, o->delay_ms * 1000u);
    int result = herd_open(&h, doors, err);
    if (result == 0) {
        herd_start(&h);
        result = swarm_loop_run(&h.loop, err);
    }
    herd_close(&h);
    return result;
}
