/* Roles by day and by night, on the side of state: zones of this host, what the next boot does, a `once` that
 * is used up. */
#pragma once

#include "proc/state_ask.h"

#define STATE_ONCE_MAX 256 /* nodes that used it up, changed together */

/* Whether the zones that `next` names anew are known on this host. */
int state_policy_zones(const struct fleet *before, const struct fleet *next, const struct zones *zones,
                       struct error *err);

/* Request "next-boot": "text" or "json", a node's name, a time. */
int state_policy_ask(struct state_asker *asker, const char *const *words, size_t count, struct buf *out,
                     struct error *err);

/* Sets boot to local for these nodes, in one change of the fleet; those whose boot is not once any more stay
 * as they are. *change: as in state_asker. */
int state_policy_once(struct state *state, char names[][FLEET_NAME_MAX], size_t count, int64_t now_ms,
                      struct buf *change, struct error *err);
