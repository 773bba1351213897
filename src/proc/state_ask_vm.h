/*
 * Request "vm": what `bootherd vm ...` asks of the state process. Words: what to do (list, show, history,
 * set, move, restore, forget), "text" or "json", the target as vm_target.h has it, and pairs of option and
 * value, as they were on the command line ("" for one that takes none).
 */
#pragma once

#include "proc/state_ask.h"
#include "state/state_vm.h"

#include <jansson.h>

struct vm_ask {
    struct state_asker *asker;
    const char *verb;
    bool json;
    const char *target;
    const char *const *pairs;
    size_t pair_count;
    struct buf *out;
};

int state_ask_vm(struct state_asker *asker, const char *const *words, size_t count, struct buf *out,
                 struct error *err);

/* The last value of an option; NULL: it was not given. */
const char *vm_ask_option(const struct vm_ask *ask, const char *name);
/* A number of [min, max]; *out stays as it is where the option was not given. */
int vm_ask_number(const struct vm_ask *ask, const char *name, uint64_t min, uint64_t max, uint64_t *out,
                  struct error *err);
/* Appends and frees it; NULL is an error. */
int vm_ask_json(const struct vm_ask *ask, json_t *json, struct error *err);

/* state_ask_vm_change.c */
int vm_ask_set(const struct vm_ask *ask, struct error *err);
int vm_ask_forget(const struct vm_ask *ask, struct error *err);
int vm_ask_restore(const struct vm_ask *ask, struct error *err);
/* state_ask_vm_move.c */
int vm_ask_move(const struct vm_ask *ask, struct error *err);
