/*
 * A report against what is known: the next inventory of the host, or the old one where the report cannot be
 * believed. Pure: times are given.
 *
 * What decides:
 *   - new machines are taken at once, unless another host owns them (the caller asks `owner`): then they are
 * told as a conflict and left out. One that is on or paused is wanted on, any other off
 *   - a name or id that changed is taken at once; a machine with the same id on another path, whose old path
 * is not reported, was moved: it keeps its order, delay, power and answer
 *   - before the host has restored (`is_restored` false) nothing is ever removed or set to off: a stateless
 * host comes up empty
 *   - afterwards a machine is gone when it was seen since the boot, is missing from VM_MERGE_CONFIRM reports
 * in a row, and its datastore is reported as ok; likewise one is wanted off when it was on since the boot and
 * so many reports in a row have it off: one that could not be started is to be started next time
 *   - more than half of two or more machines that were seen gone at once: only after VM_MERGE_HOLD_MS of such
 * reports
 *   - machines on a datastore that is not reported ok stay: what was counted of them is forgotten, and one
 * that is reported as failed tells no names (a host calls machines that it cannot reach by anything)
 *   - a report of a shutdown removes nothing and sets nothing to off: hosts switch their machines off on
 * their way down
 *   - power_fixed keeps power as the operator set it
 */
#pragma once

#include "inventory/vm_report.h"

#define VM_MERGE_CONFIRM 2
#define VM_MERGE_HOLD_MS 600000

struct vm_merge_input {
    const struct vm_list *known; /* wanted so far */
    const struct vm_report *report;
    bool is_restored; /* the agent said in this boot that it has done what it could */
    int64_t now_ms;
    /* Another host that owns this machine by a lease that is not over; NULL: none. */
    const char *(*owner)(void *ctx, const struct vm *vm);
    void *ctx;
};

struct vm_merge {
    struct vm_list next; /* owned */
    bool is_changed;     /* a new version: differs in more than counters */
    bool is_held;        /* what is gone is not believed yet */
    size_t added, removed, renamed, powered, conflicts;
    struct buf notes; /* a line for people for each of these: "web1 (vms/web1.vmx) is new, on" */
};
/* Something is not believed before another report says so, too: the agent has to be asked for one, since it
 * sends none that is like the last. */
bool vm_merge_waits(const struct vm_list *known);
int vm_merge(const struct vm_merge_input *input, struct vm_merge *out, struct error *err);
void vm_merge_fini(struct vm_merge *merge);
