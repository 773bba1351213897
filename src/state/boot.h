/*
 * The boots and their events as the database keeps them. A boot begins with the DISCOVER of firmware or a
 * loader that follows a finished or silent boot; everything else belongs to the boot that is going on. A node
 * has one boot at a time, whichever of its network cards speaks.
 */
#pragma once

#include "image/image.h"
#include "state/inside.h"
#include "state/story.h"

#define BOOT_KEPT_MAX    10   /* boots kept a machine */
#define BOOT_UNKNOWN_MAX 1000 /* boots kept of machines that are no node's: MACs are easily invented */
#define BOOT_EVENTS_MAX  2000 /* different events kept a boot: twice what the largest image asks for */
#define BOOT_GAP_MS                                                                                          \
    60000 /* a DISCOVER after so long a silence begins a boot: firmware retries within 32 s                  \
           */
#define BOOT_LOOP_MS     3600000 /* boots that follow each other within this are attempts at the same thing */
#define BOOT_MACHINE_MAX 32

struct boot {
    int64_t id;
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

/* What a machine is called here. */
void boot_machine(const struct mac *mac, uint32_t ip, char out[static BOOT_MACHINE_MAX]);

/* The latest boot; 1, 0 when there is none, or -1. */
int boot_latest(struct state *state, const char *machine, struct boot *out, struct error *err);
int boot_latest_of_node(struct state *state, const struct fleet_node *node, struct boot *out,
                        struct error *err);

/* The latest boot of every machine that was no node's when it last spoke, the latest first. */
int boot_each_unknown(struct state *state, void *ctx,
                      int (*each)(void *ctx, const struct boot *boot, struct error *err), struct error *err);

/* *out is owned by the caller (free). */
int boot_read_events(struct state *state, const struct boot *boot, struct story_event **out, size_t *count,
                     struct error *err);
