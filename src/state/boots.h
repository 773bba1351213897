/*
 * The boots that are going on, in memory: the latest boot of each machine that spoke lately, and older ones
 * that wait to be written. What changes waits in a queue for the next flush. Pure: knows no database.
 *
 * Bounded: the least recently used go when there are more than BOOTS_BYTES_MAX of them, or after
 * BOOTS_IDLE_ROUNDS. One that waits is kept beyond that, for a disk that is full for a while, up to twice the
 * limit.
 */
#pragma once

#include "fleet/fleet.h"
#include "image/image.h"
#include "state/boot_events.h"

#include <stdbool.h>

#define BOOTS_BYTES_MAX   (96u << 20) /* 10,000 boots of 100 files, each with its start and its end */
#define BOOTS_IDLE_ROUNDS 600         /* rounds are a second or more; firmware retries within 32 s */

#define BOOT_MACHINE_MAX 32

struct boot {
    int64_t id;                     /* one more than that of any boot before; 0: none */
    char machine[BOOT_MACHINE_MAX]; /* a MAC, or "address A.B.C.D" */
    char node[FLEET_NAME_MAX];      /* when it began; "" for none */
    char image[IMAGE_NAME_MAX];     /* when it began; "" for none */
    uint32_t ip;                    /* the last one seen */
    uint32_t attempt;               /* 1, or one more than the boot before when that did not finish */
    int64_t started_ms, last_ms;
    int64_t config_ms; /* past the loader: 0 for not yet */
    int64_t booted_ms; /* 0 for not yet */
    uint32_t files_expected;
    uint32_t told; /* events */
    uint32_t kept; /* different ones */
};

struct open_boot {
    uint64_t key;     /* of the machine */
    struct boot boot; /* id 0: this machine has no boot, which is worth knowing, too */
    struct boot_events events;
    uint32_t machine_boots; /* of this machine with this one, at most as many as are kept and those since */
    bool is_new;            /* the database does not have it yet */
    bool is_loaded;         /* events has what the database has; false: nothing happened since it was read */
    bool is_current;        /* the latest of its machine; false: one that only waits to be written */
    bool is_waiting;
    uint32_t used_round, waiting_round;
    size_t bytes; /* as counted */
    struct open_boot *next_in_chain;
    struct open_boot *newer, *older;                /* by use */
    struct open_boot *next_waiting, **link_waiting; /* link: what points here */
};

struct boots {
    struct what_table *whats;
    uint32_t round; /* counts up; what began to wait in an earlier round is due */
    uint64_t secret;
    size_t count, bytes;
    size_t chain_count;
    struct open_boot **chains;
    struct open_boot *newest, *oldest;
    struct open_boot *first_waiting, **last_waiting;
};

struct boots *boots_new(void); /* NULL when memory runs out */
void boots_free(struct boots *boots);

/* The latest boot of a machine, or NULL when it is not in memory. */
struct open_boot *boots_find(struct boots *boots, uint64_t key);

/* Makes a copy of `boot` the latest of the machine. The one before stays while it waits. NULL when memory
 * runs out. */
struct open_boot *boots_add(struct boots *boots, uint64_t key, const struct boot *boot);

void boots_used(struct boots *boots, struct open_boot *open);
/* It is to be written; waits from now on, unless it does already. */
void boots_changed(struct boots *boots, struct open_boot *open);
/* The database has it as it is. May free it. */
void boots_written(struct boots *boots, struct open_boot *open);
void boots_drop(struct boots *boots, struct open_boot *open);

/* Drops what is beyond the limits, the least recently used first; looks at `most` of them. */
void boots_trim(struct boots *boots, size_t most);
