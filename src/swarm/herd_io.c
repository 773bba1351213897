#include "swarm/herd_io.h"

#include "base/cleanup.h"
#include "swarm/tftp_fetch_io.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>

#define TIMERS_PER_MACHINE 1
#define TIMERS_OWN         1
#define PROGRESS_US        100000
#define PORT_TFTP          69

struct herd;

struct machine {
    struct herd *herd;
    unsigned rounds; /* left */
    struct tftp_fetch tftp;
};

struct herd {
    const struct herd_options *options;
    const struct herd_listener *listener;
    struct swarm_loop loop;
    struct swarm_link link;
    struct swarm_source stop;
    struct swarm_timer progress;
    struct tftp_manner manner;
    struct tftp_intake *intake;
    struct machine *machines; /* owned; at_once of them, each lives many lives */
    size_t machine_count;
    uint64_t to_start;
    struct herd_counts counts;
    int64_t started_us;
    char *failure; /* the first, ERROR_TEXT_MAX */
};

static void machine_next(struct machine *m);

static bool check_data(struct tftp_fetch *f, uint64_t offset, struct slice data)
{
    const struct machine *m = (struct machine *)((char *)f - offsetof(struct machine, tftp));
    const struct slice *expect = &m->herd->options->expect;
    return offset + data.size <= expect->size && memcmp(expect->data + offset, data.data, data.size) == 0;
}

static void note_failure(struct herd *h, const char *text)
{
    h->counts.failed++;
    if (!h->failure[0])
        snprintf(h->failure, ERROR_TEXT_MAX, "%s", text);
}

static void count_fetch(struct machine *m)
{
    struct herd *h = m->herd;
    const struct tftp_client *c = &m->tftp.client;
    h->counts.bytes += c->bytes;
    h->counts.timeouts += c->timeouts;
    h->counts.gaps += c->gaps;
    h->counts.duplicates += c->duplicates;
    if (m->tftp.wrong)
        note_failure(h, "other bytes than expected arrived");
    else if (c->verdict != TFTP_CLIENT_DONE)
        note_failure(h, c->text);
    else if (h->options->expect.data && c->bytes != h->options->expect.size)
        note_failure(h, "the file that arrived is shorter than expected");
    else
        h->counts.done++;
}

static void fetch_ended(struct tftp_fetch *f)
{
    struct machine *m = (struct machine *)((char *)f - offsetof(struct machine, tftp));
    count_fetch(m);
    machine_next(m);
}

static void machine_next(struct machine *m)
{
    struct herd *h = m->herd;
    struct error err;
    while (h->to_start > 0) {
        h->to_start--;
        h->counts.started++;
        if (tftp_fetch_start(&m->tftp, &h->manner, false, &err) == 0)
            return;
        note_failure(h, err.text);
    }
    h->loop.stop = h->counts.done + h->counts.failed == h->counts.started;
}

static void stop_ready(struct swarm_source *s, uint32_t events)
{
    struct herd *h = (struct herd *)((char *)s - offsetof(struct herd, stop));
    h->loop.stop = true;
}

static void tell_progress(struct swarm_timer *t, int64_t now_us)
{
    struct herd *h = (struct herd *)((char *)t - offsetof(struct herd, progress));
    h->counts.took_us = now_us - h->started_us;
    h->listener->progress(h->listener->ctx, &h->counts, h->options->machines * h->options->repeat);
    swarm_timer_set(&h->loop.timers, t, now_us + PROGRESS_US);
}

static void machine_init(struct herd *h, struct machine *m)
{
    const struct herd_options *o = h->options;
    m->herd = h;
    m->tftp = (struct tftp_fetch){.loop = &h->loop,
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

static int herd_init(struct herd *h, int stop_fd, struct error *err)
{
    const struct herd_options *o = h->options;
    h->machine_count = o->at_once < o->machines ? o->at_once : o->machines;
    h->to_start = (uint64_t)o->machines * o->repeat;
    h->manner = (struct tftp_manner){o->blksize, o->windowsize, true, o->timeout_ms, o->tries};
    h->link = (struct swarm_link){.loss_ppm = o->loss_ppm, .delay_us = o->delay_us, .rate = o->rate};
    swarm_link_seed(&h->link, o->seed);
    h->intake = tftp_intake_new();
    h->machines = calloc(h->machine_count, sizeof *h->machines);
    if (!h->intake || !h->machines)
        return error_errno(err, ENOMEM, "%zu machines", h->machine_count);
    for (size_t i = 0; i < h->machine_count; i++)
        machine_init(h, &h->machines[i]);
    if (swarm_loop_init(&h->loop, h->machine_count * TIMERS_PER_MACHINE + TIMERS_OWN, err) < 0)
        return -1;
    h->stop.ready = stop_ready;
    h->progress.fire = tell_progress;
    h->started_us = h->loop.now_us;
    swarm_timer_set(&h->loop.timers, &h->progress, h->started_us + PROGRESS_US);
    return stop_fd < 0 ? 0 : swarm_loop_add(&h->loop, stop_fd, EPOLLIN, &h->stop, err);
}

static void herd_fini(struct herd *h)
{
    for (size_t i = 0; h->machines && i < h->machine_count; i++)
        tftp_fetch_stop(&h->machines[i].tftp);
    free(h->machines);
    tftp_intake_free(h->intake);
    swarm_loop_fini(&h->loop);
}

int herd_run(const struct herd_options *options, int stop_fd, const struct herd_listener *listener,
             struct herd_counts *out, char failure[static ERROR_TEXT_MAX], struct error *err)
{
    struct herd h = {.options = options, .listener = listener, .loop = {.epoll_fd = -1}, .failure = failure};
    failure[0] = 0;
    int result = herd_init(&h, stop_fd, err);
    if (result == 0) {
        for (size_t i = 0; i < h.machine_count; i++)
            machine_next(&h.machines[i]);
        result = swarm_loop_run(&h.loop, err);
        h.counts.took_us = h.loop.now_us - h.started_us;
    }
    *out = h.counts;
    herd_fini(&h);
    return result;
}
