/* How it stands with one machine, from what its host said last. */
#pragma once

#include "state/state_vm.h"

#define VM_HEALTH_MAX (VM_WHY_MAX + VM_LABEL_MAX + 64)

struct vm_health {
    const char *word;        /* ok, unseen, off, failed, missing, unreachable, held */
    char why[VM_HEALTH_MAX]; /* more of it; "" */
    const char *seen;        /* its power as the host has it; "-": not there */
};
/* held: why its host may not start it; NULL: it may. */
void vm_health_of(const struct state_vm_host *host, const struct vm *vm, const char *held,
                  struct vm_health *out);
