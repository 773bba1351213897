#include "serve/storm.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define BUCKETS      4096u
#define RATE_SPAN    8   /* samples: the rate is that of the last 4 s */
#define PROBE_GAINS  20  /* more by a 20th shows that the link had room */
#define PROBE_DECAYS 256 /* so that it is tried again some 6 s later */
#define RATE_DECAYS  16  /* what was carried lately counts on, less by a 16th each sample */

/* Those that wait, by how patient they are: the head of each list asked first, and must be answered first. */
enum list {
    WAIT_NORMAL,
    WAIT_NORMAL_IPXE,
    WAIT_LOW,
    WAIT_LOW_IPXE,
    WAITS,
    OFFERED =
        WAITS, /* let go after it had waited, and not heard from since: the head is to be offered first */
    LOAD,      /* the head was heard from least lately */
    LOAD_FILE, /* likewise, with a transfer open */
    LISTS,
};

struct machine {
    TAILQ_ENTRY(machine) in_list;
    LIST_ENTRY(machine) in_bucket;
    struct mac mac;
    enum list list;
    int64_t since_ms; /* waiting: when it began to ask; offered: when; loading: when it was last heard */
    unsigned again;   /* so often it is offered yet */
    unsigned open;    /* transfers */
    bool fetches;     /* it has begun to */
    uint32_t files_expected, files_done;
    struct storm_packet packet; /* waiting and offered: its data are owned */
};

TAILQ_HEAD(machine_list, machine);
LIST_HEAD(machine_bucket, machine);

struct storm {
    uint64_t seed;
    struct machine_bucket bucket[BUCKETS];
    struct machine_list list[LISTS];
    size_t waiting, loading;
    size_t fetching; /* of those that load */
    unsigned steps;  /* that may still be let go in this sample */
    uint8_t *given;  /* the packet that storm_next lent */
    struct {
        int64_t at_ms;
        uint64_t total;
    } sample[RATE_SPAN];
    unsigned samples; /* taken so far */
    uint64_t rate;    /* bytes a second, now */
    uint64_t best;    /* lately */
    uint64_t probed;  /* the rate when some were let go although the link seemed full */
};

/* --- the table --- */

struct storm *storm_new(uint64_t seed)
{
    struct storm *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->seed = seed;
    for (size_t i = 0; i < LISTS; i++)
        TAILQ_INIT(&s->list[i]);
    return s;
}

static bool is_waiting(const struct machine *m)
{
    return m->list < WAITS;
}

static struct machine_bucket *bucket_of(struct storm *s, const struct mac *mac)
{
    uint64_t key = 0;
    memcpy(&key, mac->byte, MAC_SIZE);
    key = (key ^ s->seed) * UINT64_C(0x9e3779b97f4a7c15);
    return &s->bucket[(key >> 32) % BUCKETS];
}

static struct machine *find(struct storm *s, const struct mac *mac)
{
    struct machine *m = LIST_FIRST(bucket_of(s, mac));
    while (m && !mac_equal(&m->mac, mac))
        m = LIST_NEXT(m, in_bucket);
    return m;
}

static void count(struct storm *s, const struct machine *m, size_t by)
{
    if (is_waiting(m))
        s->waiting += by;
    else
        s->loading += by;
}

static void enter(struct storm *s, struct machine *m, enum list list)
{
    m->list = list;
    TAILQ_INSERT_TAIL(&s->list[list], m, in_list);
    count(s, m, 1);
}

static void leave(struct storm *s, struct machine *m)
{
    TAILQ_REMOVE(&s->list[m->list], m, in_list);
    count(s, m, (size_t)-1);
}

static struct machine *add(struct storm *s, const struct mac *mac, enum list list, int64_t since_ms)
{
    struct machine *m = s->waiting + s->loading < STORM_MACHINES_MAX ? calloc(1, sizeof *m) : NULL;
    if (!m)
        return NULL;
    m->mac = *mac;
    m->since_ms = since_ms;
    LIST_INSERT_HEAD(bucket_of(s, mac), m, in_bucket);
    enter(s, m, list);
    return m;
}

static void drop(struct storm *s, struct machine *m)
{
    leave(s, m);
    s->fetching -= m->fetches;
    LIST_REMOVE(m, in_bucket);
    free((void *)(uintptr_t)m->packet.data);
    free(m);
}

void storm_free(struct storm *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < LISTS; i++)
        while (!TAILQ_EMPTY(&s->list[i]))
            drop(s, TAILQ_FIRST(&s->list[i]));
    free(s->given);
    free(s);
}

/* --- the link --- */

void storm_sent(struct storm *s, uint64_t total_bytes, int64_t now_ms)
{
    size_t at = s->samples % RATE_SPAN;
    size_t oldest = s->samples < RATE_SPAN ? 0 : at;
    int64_t span_ms = s->samples ? now_ms - s->sample[oldest].at_ms : 0;
    if (span_ms > 0 && total_bytes >= s->sample[oldest].total)
        s->rate = (total_bytes - s->sample[oldest].total) * 1000 / (uint64_t)span_ms;
    s->best -= s->best / RATE_DECAYS;
    if (s->rate > s->best)
        s->best = s->rate;
    s->sample[at].at_ms = now_ms;
    s->sample[at].total = total_bytes;
    s->probed -= s->probed / PROBE_DECAYS;
    bool more = s->rate > s->probed + s->probed / PROBE_GAINS;
    s->steps = more || !storm_is_full(s) ? STORM_STEP : 0;
    if (more)
        s->probed = s->rate;
    s->samples = s->samples + 1 < 2 * RATE_SPAN ? s->samples + 1 : RATE_SPAN;
}

size_t storm_limit(const struct storm *s)
{
    size_t carried = (size_t)(s->best / STORM_MACHINE_RATE);
    return carried > STORM_FLOOR ? carried : STORM_FLOOR;
}

bool storm_is_full(const struct storm *s)
{
    return s->fetching >= STORM_FLOOR && s->rate < (uint64_t)s->fetching * STORM_MACHINE_RATE &&
           s->rate > s->best / 2;
}

/* --- machines --- */

static void heard(struct storm *s, struct machine *m, int64_t now_ms)
{
    leave(s, m);
    m->since_ms = now_ms;
    enter(s, m, m->open ? LOAD_FILE : LOAD);
}

static void forget_silent(struct storm *s, int64_t now_ms)
{
    static const struct {
        enum list list;
        int64_t after_ms;
    } limits[] = {{LOAD, STORM_SILENCE_MS}, {LOAD_FILE, STORM_SILENCE_FILE_MS}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct machine *m;
        while ((m = TAILQ_FIRST(&s->list[limits[i].list])) && now_ms - m->since_ms >= limits[i].after_ms)
            drop(s, m);
    }
}

/* Its turn had come, and it knows. */
static void begin(struct storm *s, struct machine *m, int64_t now_ms)
{
    free((void *)(uintptr_t)m->packet.data);
    m->packet = (struct storm_packet){0};
    heard(s, m, now_ms);
}

/* It may have sent its last DISCOVER, and will not say that this OFFER was lost. */
static bool offer(struct storm *s, struct machine *m, int64_t now_ms, struct storm_packet *out)
{
    *out = m->packet;
    free(s->given);
    out->data = s->given = malloc(m->packet.size);
    if (s->given)
        memcpy(s->given, m->packet.data, m->packet.size);
    m->again = is_waiting(m) ? STORM_AGAIN : m->again - 1;
    leave(s, m);
    m->since_ms = now_ms;
    enter(s, m, OFFERED);
    if (m->again == 0)
        begin(s, m, now_ms);
    return s->given != NULL;
}

static bool keep_packet(struct machine *m, const struct storm_packet *packet)
{
    uint8_t *copy = packet->size <= STORM_PACKET_MAX ? malloc(packet->size) : NULL;
    if (!copy)
        return false;
    memcpy(copy, packet->data, packet->size);
    free((void *)(uintptr_t)m->packet.data);
    m->packet = *packet;
    m->packet.data = copy;
    return true;
}

static enum list wait_list(const struct storm_ask *ask)
{
    if (ask->priority == STORM_LOW)
        return ask->ipxe ? WAIT_LOW_IPXE : WAIT_LOW;
    return ask->ipxe ? WAIT_NORMAL_IPXE : WAIT_NORMAL;
}

static bool must_wait(const struct storm *s, const struct storm_ask *ask)
{
    return ask->priority != STORM_HIGH && (s->waiting > 0 || storm_is_full(s));
}

bool storm_ask(struct storm *s, const struct storm_ask *ask, int64_t now_ms)
{
    forget_silent(s, now_ms);
    struct machine *m = find(s, &ask->mac);
    if (m && !is_waiting(m)) { /* the next loader of a boot that is under way, or a copy */
        if (m->list != OFFERED)
            heard(s, m, now_ms);
        return true;
    }
    if (!m && !must_wait(s, ask)) {
        add(s, &ask->mac, LOAD, now_ms);
        return true;
    }
    if (!m)
        m = add(s, &ask->mac, wait_list(ask), now_ms);
    if (!m)
        return true;
    if (ask->priority != STORM_HIGH && keep_packet(m, &ask->packet))
        return false;
    begin(s, m, now_ms);
    return true;
}

static int64_t deadline(const struct machine *m)
{
    bool ipxe = m->list == WAIT_NORMAL_IPXE || m->list == WAIT_LOW_IPXE;
    return m->since_ms + (ipxe ? STORM_PATIENCE_IPXE_MS : STORM_PATIENCE_PXE_MS);
}

/* The one that has waited longest, of those of the better priority. */
static struct machine *first_waiting(struct storm *s)
{
    for (size_t i = 0; i < WAITS; i += 2) {
        struct machine *a = TAILQ_FIRST(&s->list[i]), *b = TAILQ_FIRST(&s->list[i + 1]);
        if (a || b)
            return !b || (a && a->since_ms <= b->since_ms) ? a : b;
    }
    return NULL;
}

bool storm_next(struct storm *s, int64_t now_ms, struct storm_packet *out)
{
    struct machine *next = TAILQ_FIRST(&s->list[OFFERED]);
    forget_silent(s, now_ms);
    if (next && now_ms - next->since_ms < STORM_AGAIN_MS)
        next = NULL;
    for (size_t i = 0; i < WAITS && !next; i++) {
        next = TAILQ_FIRST(&s->list[i]);
        if (next && now_ms < deadline(next))
            next = NULL;
    }
    bool room = s->loading < storm_limit(s), step = !room && s->steps > 0;
    if (!next && (room || step)) {
        next = first_waiting(s);
        s->steps -= step;
    }
    if (!next)
        return false;
    return offer(s, next, now_ms, out);
}

static bool is_payload(const struct boot_event *event)
{
    return event->role >= BOOT_FILE_KERNEL;
}

/* What an event says of its machine's transfers and boot. */
static const struct {
    bool opens, closes, ends, took; /* took: the OFFER, by going on */
} kinds[BOOT_EVENT_KINDS] = {
    [BOOT_EVENT_REQUEST] = {.took = true},
    [BOOT_EVENT_ACK] = {.took = true},
    [BOOT_EVENT_FILE_START] = {.opens = true, .took = true},
    [BOOT_EVENT_FILE_DONE] = {.closes = true},
    [BOOT_EVENT_FILE_PROBED] = {.closes = true},
    [BOOT_EVENT_FILE_FAILED] = {.closes = true},
    [BOOT_EVENT_PLAN_FAILED] = {.ends = true},
    [BOOT_EVENT_RELEASE] = {.ends = true},
    [BOOT_EVENT_BOOTED] = {.ends = true},
};

void storm_event(struct storm *s, const struct boot_event *event, int64_t now_ms)
{
    struct machine *m = mac_is_zero(&event->mac) ? NULL : find(s, &event->mac);
    if (!m && kinds[event->kind].opens && !mac_is_zero(&event->mac)) /* it had been silent */
        m = add(s, &event->mac, LOAD, now_ms);
    if (!m || is_waiting(m) || (m->list == OFFERED && !kinds[event->kind].took && !kinds[event->kind].ends))
        return;
    if (m->list == OFFERED)
        begin(s, m, now_ms);
    s->fetching += kinds[event->kind].opens && !m->fetches;
    m->fetches |= kinds[event->kind].opens;
    m->open += kinds[event->kind].opens;
    m->open -= kinds[event->kind].closes && m->open;
    if (event->kind == BOOT_EVENT_FILE_DONE) {
        m->files_expected = event->files_expected ? event->files_expected : m->files_expected;
        m->files_done += is_payload(event);
    }
    if (kinds[event->kind].ends || (m->files_expected && m->files_done >= m->files_expected && !m->open))
        drop(s, m);
    else
        heard(s, m, now_ms);
}

bool storm_is_busy(const struct storm *s)
{
    return s->waiting + s->loading > 0;
}

size_t storm_loading(const struct storm *s)
{
    return s->loading;
}

size_t storm_waiting(const struct storm *s)
{
    return s->waiting;
}

const char *storm_text(const struct storm *s, char out[static STORM_TEXT_MAX])
{
    char rate[TEXT_SIZE_MAX];
    snprintf(out, STORM_TEXT_MAX, STORM_WAITS ": %zu machines are loading (%s a second)", s->fetching,
             text_size(s->rate, rate));
    return out;
}
