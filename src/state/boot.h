/*
 * Boots and their events as the database keeps them, and which boot of a machine is its latest: in memory
 * (boots.h) or else in the database. A boot begins with the DISCOVER of firmware or a loader that follows a
 * finished or silent boot; everything else belongs to the boot that is going on. A node has one boot at a
 * time, whichever of its network cards speaks.
 */
#pragma once

#include "state/boots.h"
#include "state/inside.h"

#define BOOT_KEPT_MAX    10   /* boots kept a machine */
#define BOOT_UNKNOWN_MAX 1000 /* boots kept of machines that are no node's: MACs are easily invented */
#define BOOT_GAP_MS                                                                                          \
    60000 /* a DISCOVER after so long a silence begins a boot: firmware retries within 32 s                  \
           */
#define BOOT_LOOP_MS 3600000 /* boots that follow each other within this are attempts at the same thing */

/* What a machine is called here: the key in memory, and the name. */
uint64_t boot_key(const struct mac *mac, uint32_t ip);
void boot_machine(uint64_t key, char out[static BOOT_MACHINE_MAX]);

/*
 * The machine's latest boot in memory, read from the database where it is not there yet; its boot.id is 0
 * when it has none. Borrowed until the next change of boots. NULL is an error.
 */
struct open_boot *boot_recall(struct state *state, uint64_t key, struct error *err);

/* Reads its events, too: needed before one is added, but not for a machine that only begins its next boot. */
int boot_load(struct state *state, struct open_boot *open, struct error *err);

/* For reading only: nothing is brought into memory. 1, 0 when there is none, or -1. */
int boot_latest(struct state *state, uint64_t key, struct boot *out, struct error *err);
int boot_latest_of_node(struct state *state, const struct fleet_node *node, struct boot *out,
                        struct error *err);

/* The latest boot of every machine that was no node's when it last spoke, the latest first. */
int boot_each_unknown(struct state *state, void *ctx,
                      int (*each)(void *ctx, const struct boot *boot, struct error *err), struct error *err);

/* *out is owned by the caller (free). */
int boot_read_events(struct state *state, const struct boot *boot, struct story_event **out, size_t *count,
                     struct error *err);

/* Writes what of it the database does not have. */
int boot_write(struct state *state, const struct open_boot *open, struct error *err);

/* The highest id that the database has, and how many boots of no node's machines. */
int boot_count(struct state *state, int64_t *last_id, int64_t *unknown, struct error *err);
