/* Two lists of one host, and what differs in what an operator sets. Pure. */
#pragma once

#include "inventory/vm_list.h"

/* "web1 ([vms] web1.vmx) is new, on": one machine of which only `before` or only `after` may be NULL. Nothing
 * where they are the same. */
void vm_diff_machine(const struct vm *before, const struct vm *after, struct buf *out);

/* A line each, in the lists' order: what left, then what is new or other. Returns how many. */
size_t vm_diff(const struct vm_list *before, const struct vm_list *after, struct buf *out);

/* What the host was seen with belongs to now, not to the list an older version had: from `now`, and nothing
 * for machines that are not there. */
int vm_diff_carry_seen(const struct vm_list *now, struct vm_list *next, struct error *err);
