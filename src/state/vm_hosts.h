/*
 * The hosts of which an inventory is known, in memory: a record each, and the current list once it is needed.
 * Rows are written by whoever changes them in a transaction of his own, or behind with the story
 * (state_flush) where only times and counters changed.
 */
#pragma once

#include "inventory/vm_identity.h"
#include "inventory/vm_list.h"
#include "state/inside.h"

/* What the row of a host has. */
struct vm_row {
    int64_t boot;
    int64_t began_ms, given_ms; /* the boot's overlay was given first, and last */
    int64_t restored_ms;
    int64_t word_ms;
    int64_t report_ms;
    uint64_t seq;
    uint64_t wish, wish_taken;
    uint64_t version;
    int64_t version_ms;
    char restored[VM_WHY_MAX];
};

struct vm_host {
    char node[FLEET_NAME_MAX];
    struct vm_row row;
    bool has_list;       /* `list` is what the current version says */
    struct vm_list list; /* owned, sorted */
    bool has_report;     /* since the server began: then `seen` is of it */
    struct vm_list seen; /* owned: the datastores of the last report, no machines */
    char hold[VM_WHY_MAX];
    size_t conflict_count;
    char **conflicts; /* owned */
    bool is_dirty;    /* the row is to be written */
    uint32_t dirty_round;
};

struct vm_place {
    int64_t boot; /* of the host, beside its pointer: searched from end to end */
    struct vm_host *host;
};

struct vm_hosts {
    uint8_t secret[VM_SECRET_SIZE];
    int64_t serving_ms; /* a server answers agents since then; 0: none does */
    size_t count, capacity;
    struct vm_place *places; /* owned, sorted by name */
    size_t dirty_count, dirty_at;
};

/* Makes state->vms, and the secret where there is none yet; raises state->last_boot to what was given. */
int vm_hosts_load(struct state *state, struct error *err);
void vm_hosts_free(struct vm_hosts *hosts); /* NULL is fine */

struct vm_host *vm_hosts_find(const struct state *state, const char *node);
/* As find; a host that is not known is added, and has no row until one is written. NULL: out of memory. */
struct vm_host *vm_hosts_get(struct state *state, const char *node, struct error *err);
struct vm_host *vm_hosts_of_boot(const struct state *state, int64_t boot);
/* Of the memory alone. */
void vm_hosts_drop(struct state *state, const char *node);

/* Reads the current list where it is not in memory yet. */
int vm_host_load(struct state *state, struct vm_host *host, struct error *err);
/* Nothing is known of this boot yet: counters, reports and conflicts of the one before go. */
void vm_host_begin_boot(struct state *state, struct vm_host *host, int64_t boot, int64_t now_ms);
void vm_host_clear_conflicts(struct vm_host *host);
void vm_host_set_boot(struct state *state, struct vm_host *host, int64_t boot);

/* Something was said of it: made for a look alone, it has no row and is nobody's concern. */
bool vm_host_is_known(const struct vm_host *host);

/* When its lease is over, or was; 0: it never had an agent. host may be NULL. */
int64_t vm_host_lease(const struct state *state, const struct vm_host *host);

/* In the caller's transaction. */
int vm_host_write(struct state *state, const char *node, const struct vm_row *row, struct error *err);
/* Now, so that it survives a crash of the server, but without waiting for the disk. */
int vm_host_write_behind(struct state *state, struct vm_host *host, struct error *err);
/* Later, with the story. */
void vm_host_changed(struct state *state, struct vm_host *host);
/* Writes rows that wait since an earlier round, at most `most`; 1: more are due, 0, or -1. */
int vm_hosts_flush(struct state *state, size_t most, bool *wrote, struct error *err);

/*
 * A transaction of one's own, or what is open already: leases are gathered in one that is committed a moment
 * later. `own` says which.
 */
int vm_begin(struct state *state, bool *own, struct error *err);
/* result: of what was done in it; when negative all is undone, and *err kept. */
int vm_end(struct state *state, bool own, int result, struct error *err);
