/* The versions of a host's inventory, and making the next one. */
#pragma once

#include "state/vm_hosts.h"

/*
 * In the caller's transaction: a version of `next` (sorted), the owners that follow from it, and the row,
 * whose version and version_ms are set. Memory stays as it is until vm_host_take.
 */
int vm_version_write(struct state *state, const struct vm_host *host, struct vm_row *row,
                     const struct vm_list *next, const char *who, const char *why, int64_t now_ms,
                     struct error *err);
/* What was written is so from now on. Takes `next`; NULL: the list stays. */
void vm_host_take(struct state *state, struct vm_host *host, const struct vm_row *row, struct vm_list *next);

/* Whether the lists say the same in all that a version keeps. */
int vm_version_same(const struct vm_list *a, const struct vm_list *b, bool *same, struct error *err);

int vm_versions_forget(struct state *state, const char *node, struct error *err);
