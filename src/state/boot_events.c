#include "state/boot_events.h"

#include "state/event_text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct kept_event {
    int64_t at_ms; /* the last time; so below */
    uint64_t bytes;
    uint32_t what, ip, duration_ms, first_order;
    uint16_t file_number, files_expected;
    uint16_t repeat; /* + 1; 0: it happened once */
    uint8_t role;
};
_Static_assert(sizeof(struct kept_event) == 40, "10,000 boots of 200 events are to stay below 100 MB");

struct kept_repeat {
    int64_t first_ms;
    uint32_t times, last_order;
};

#define SLOTS_MIN 32 /* a power of two */

void boot_events_fini(struct boot_events *events, struct what_table *table)
{
    for (uint32_t i = 0; i < events->count; i++)
        what_drop(table, events->events[i].what);
    free(events->events);
    free(events->repeats);
    free(events->slots);
    *events = (struct boot_events){0};
}

static void set_unwritten(struct boot_events *events, uint32_t i)
{
    unsigned part = i / BOOT_PART_EVENTS;
    events->unwritten[part / 64] |= UINT64_C(1) << part % 64;
}

/* The slot of what, or the empty one where it belongs. */
static uint16_t *find_slot(const struct boot_events *events, uint32_t what)
{
    uint32_t i = what * 2654435769u >> 16; /* Knuth's multiplicative hash: numbers are given in a row */
    for (;; i++) {
        uint16_t *slot = &events->slots[i & (events->slot_count - 1)];
        if (!*slot || events->events[*slot - 1].what == what)
            return slot;
    }
}

/* Three quarters of the slots are used at most. */
static int reserve_slot(struct boot_events *events)
{
    if ((events->count + 1) * 4 <= events->slot_count * 3)
        return 0;
    uint32_t count = events->slot_count ? events->slot_count * 2 : SLOTS_MIN;
    uint16_t *slots = calloc(count, sizeof *slots);
    if (!slots)
        return -1;
    free(events->slots);
    events->slots = slots;
    events->slot_count = count;
    for (uint32_t i = 0; i < events->count; i++)
        *find_slot(events, events->events[i].what) = (uint16_t)(i + 1);
    return 0;
}

static int reserve(struct boot_events *events)
{
    if (reserve_slot(events) < 0)
        return -1;
    if (events->count < events->capacity)
        return 0;
    /* By parts and not by doubling: most of the memory is here. */
    uint32_t capacity = events->capacity + BOOT_PART_EVENTS;
    struct kept_event *grown = reallocarray(events->events, capacity, sizeof *grown);
    if (!grown)
        return -1;
    events->events = grown;
    events->capacity = capacity;
    return 0;
}

static struct kept_repeat *repeat_of(struct boot_events *events, struct kept_event *kept)
{
    if (kept->repeat)
        return &events->repeats[kept->repeat - 1];
    if (events->repeat_count == events->repeat_capacity) {
        uint32_t capacity = events->repeat_capacity ? events->repeat_capacity * 2 : 4;
        struct kept_repeat *grown = reallocarray(events->repeats, capacity, sizeof *grown);
        if (!grown)
            return NULL;
        events->repeats = grown;
        events->repeat_capacity = capacity;
    }
    kept->repeat = (uint16_t)(++events->repeat_count);
    struct kept_repeat *repeat = &events->repeats[kept->repeat - 1];
    *repeat = (struct kept_repeat){kept->at_ms, 1, kept->first_order};
    return repeat;
}

static uint32_t most(int64_t value, uint32_t max)
{
    return value < 0 ? 0 : value > max ? max : (uint32_t)value;
}

/* No transfer takes 49 days, and no image has 65,536 files. */
static void set_kept(struct kept_event *kept, const struct boot_event *event)
{
    kept->at_ms = event->at_ms;
    kept->bytes = event->bytes;
    kept->ip = event->ip;
    kept->duration_ms = most(event->duration_ms, UINT32_MAX);
    kept->file_number = (uint16_t)most(event->file_number, UINT16_MAX);
    kept->files_expected = (uint16_t)most(event->files_expected, UINT16_MAX);
    kept->role = (uint8_t)event->role;
}

/* Takes over the caller's count of what. */
static int64_t add_new(struct boot_events *events, uint32_t what, const struct boot_event *event,
                       uint32_t order)
{
    if (reserve(events) < 0)
        return -1;
    struct kept_event *kept = &events->events[events->count++];
    *kept = (struct kept_event){.what = what, .first_order = order};
    set_kept(kept, event);
    *find_slot(events, what) = (uint16_t)events->count;
    set_unwritten(events, events->count - 1);
    return 1;
}

static int64_t add_again(struct boot_events *events, uint32_t i, const struct boot_event *event,
                         uint32_t order)
{
    struct kept_event *kept = &events->events[i];
    struct kept_repeat *repeat = repeat_of(events, kept);
    if (!repeat)
        return -1;
    set_kept(kept, event);
    repeat->times += repeat->times < UINT32_MAX;
    repeat->last_order = order;
    set_unwritten(events, i);
    return repeat->times;
}

/* What is told of a boot that had more to tell than is kept. */
static bool is_end_of_boot(enum boot_event_kind kind)
{
    return kind == BOOT_EVENT_BOOTED || kind == BOOT_EVENT_AGENT_RESTORED;
}

int64_t boot_events_add(struct boot_events *events, struct what_table *table, const struct boot_event *event,
                        uint32_t order, struct error *err)
{
    if (events->count >= BOOT_EVENTS_MAX &&
        (!is_end_of_boot(event->kind) || events->count >= BOOT_PARTS_MAX * BOOT_PART_EVENTS))
        return 0;
    struct what what = {event->kind, event->file, event->text};
    uint32_t number = what_take(table, &what);
    uint16_t known = number && events->slot_count ? *find_slot(events, number) : 0;
    int64_t times = -1;
    if (known)
        times = add_again(events, known - 1u, event, order);
    else if (number)
        times = add_new(events, number, event, order);
    if (number && (known || times < 0))
        what_drop(table, number);
    return times < 0 ? error_errno(err, ENOMEM, "keeping an event") : times;
}

int boot_events_load(struct boot_events *events, struct what_table *table, const struct story_event *event,
                     struct error *err)
{
    if (events->count && event->first_order <= events->events[events->count - 1].first_order)
        return error_set(err, "event %u stands behind one that came after it", event->first_order);
    uint32_t count = events->count;
    int64_t times = boot_events_add(events, table, &event->event, event->first_order, err);
    if (times < 0)
        return -1;
    if (events->count == count)
        return error_set(err, "event %u is there twice, or one too many", event->first_order);
    if (event->times == 1)
        return 0;
    struct kept_event *kept = &events->events[count];
    struct kept_repeat *repeat = repeat_of(events, kept);
    if (!repeat)
        return error_errno(err, ENOMEM, "keeping an event");
    *repeat = (struct kept_repeat){event->first_ms, event->times, event->last_order};
    return 0;
}

void boot_events_get(const struct boot_events *events, const struct what_table *table, uint32_t i,
                     struct story_event *out)
{
    const struct kept_event *kept = &events->events[i];
    struct what what = what_get(table, kept->what);
    struct boot_event *event = &out->event;
    event->kind = what.kind;
    event->at_ms = kept->at_ms;
    event->mac = (struct mac){0};
    event->ip = kept->ip;
    event->role = (enum boot_file_role)kept->role;
    event->files_expected = kept->files_expected;
    event->file_number = kept->file_number;
    event->bytes = kept->bytes;
    event->duration_ms = kept->duration_ms;
    strcpy(event->file, what.file); /* both came out of such an event */
    strcpy(event->text, what.text);
    out->first_order = out->last_order = kept->first_order;
    out->first_ms = kept->at_ms;
    out->times = 1;
    if (kept->repeat) {
        const struct kept_repeat *repeat = &events->repeats[kept->repeat - 1];
        out->first_ms = repeat->first_ms;
        out->times = repeat->times;
        out->last_order = repeat->last_order;
    }
}

int boot_events_all(const struct boot_events *events, const struct what_table *table,
                    struct story_event **out, size_t *count, struct error *err)
{
    struct story_event *all = malloc((events->count ? events->count : 1) * sizeof *all);
    if (!all)
        return error_errno(err, ENOMEM, "reading %u events", events->count);
    for (uint32_t i = 0; i < events->count; i++)
        boot_events_get(events, table, i, &all[i]);
    *out = all;
    *count = events->count;
    return 0;
}

unsigned boot_events_unwritten(const struct boot_events *events, unsigned part)
{
    while (part < BOOT_PARTS_MAX && !(events->unwritten[part / 64] >> part % 64 & 1))
        part++;
    return part;
}

void boot_events_set_written(struct boot_events *events)
{
    memset(events->unwritten, 0, sizeof events->unwritten);
}

void boot_events_format_part(const struct boot_events *events, const struct what_table *table, unsigned part,
                             struct buf *out)
{
    struct story_event event;
    uint32_t end = (part + 1) * BOOT_PART_EVENTS;
    for (uint32_t i = part * BOOT_PART_EVENTS; i < end && i < events->count; i++) {
        buf_append_text(out, i % BOOT_PART_EVENTS ? "," : "[");
        boot_events_get(events, table, i, &event);
        event_text_format(&event, out);
    }
    buf_append_text(out, "]");
}

size_t boot_events_bytes(const struct boot_events *events)
{
    return events->capacity * sizeof *events->events + events->repeat_capacity * sizeof *events->repeats +
           events->slot_count * sizeof *events->slots;
}
