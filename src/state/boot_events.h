/*
 * The events of one boot in memory: 40 bytes an event and its entry in what.h, since in a boot storm there
 * are millions. In parts of 16, as the database keeps them; which parts it does not have yet is known here.
 * Pure.
 */
#pragma once

#include "base/buf.h"
#include "state/story.h"
#include "state/what.h"

#define BOOT_EVENTS_MAX  2000 /* different events kept a boot: twice what the largest image asks for */
#define BOOT_PART_EVENTS 16
#define BOOT_PARTS_MAX   128 /* so many that the end of a boot has room behind BOOT_EVENTS_MAX */

struct kept_event;
struct kept_repeat;

struct boot_events {
    uint32_t count, capacity;
    struct kept_event *events; /* owned, in order of first_order */
    uint32_t repeat_count, repeat_capacity;
    struct kept_repeat *repeats; /* owned: of the events that happened more than once */
    uint32_t slot_count;
    uint16_t *slots;                         /* owned: hash of events by what, as event + 1 */
    uint64_t unwritten[BOOT_PARTS_MAX / 64]; /* a bit a part */
};

void boot_events_fini(struct boot_events *events, struct what_table *table);

/*
 * Adds what happened as number `order`, or counts it when the same kind, file and text is there. Returns how
 * often it happened, 0 when there is no room for more, or -1.
 */
int64_t boot_events_add(struct boot_events *events, struct what_table *table, const struct boot_event *event,
                        uint32_t order, struct error *err);

/* Adds one that the database has; all must be loaded, in order, before the first add. */
int boot_events_load(struct boot_events *events, struct what_table *table, const struct story_event *event,
                     struct error *err);

void boot_events_get(const struct boot_events *events, const struct what_table *table, uint32_t i,
                     struct story_event *out);

/* All of them; *out is owned by the caller (free). */
int boot_events_all(const struct boot_events *events, const struct what_table *table,
                    struct story_event **out, size_t *count, struct error *err);

/* The first part that is not written yet, from `part` on; BOOT_PARTS_MAX when there is none. */
unsigned boot_events_unwritten(const struct boot_events *events, unsigned part);
void boot_events_set_written(struct boot_events *events);
void boot_events_format_part(const struct boot_events *events, const struct what_table *table, unsigned part,
                             struct buf *out);

size_t boot_events_bytes(const struct boot_events *events);
