#include "state/lease_holds.h"

#include "state/mix.h"

#include <stdlib.h>

#define CAPACITY_MIN 1024
#define STALE_MIN    65536 /* 1 MiB */

void lease_holds_fini(struct lease_holds *all)
{
    free(all->holds);
    *all = (struct lease_holds){0};
}

static struct lease_hold *slot_of(const struct lease_holds *all, uint64_t machine)
{
    return &all->holds[mix(machine ^ all->secret, MIX_ODD) & (all->capacity - 1)];
}

static struct lease_hold *next_slot(const struct lease_holds *all, struct lease_hold *hold)
{
    return ++hold < all->holds + all->capacity ? hold : all->holds;
}

static bool grow(struct lease_holds *all)
{
    struct lease_holds grown = {.is_known = all->is_known,
                                .secret = all->secret,
                                .count_read = all->count_read,
                                .capacity = all->capacity ? all->capacity * 2 : CAPACITY_MIN};
    if (!all->capacity && !mix_secret(&grown.secret))
        return false;
    grown.holds = calloc(grown.capacity, sizeof *grown.holds);
    if (!grown.holds)
        return false;
    for (size_t i = 0; i < all->capacity; i++)
        if (all->holds[i].machine)
            lease_holds_add(&grown, all->holds[i].machine, all->holds[i].ip);
    free(all->holds);
    *all = grown;
    return true;
}

bool lease_holds_add(struct lease_holds *all, uint64_t machine, uint32_t ip)
{
    if ((all->count + 1) * 4 > all->capacity * 3 && !grow(all))
        return false;
    struct lease_hold *hold = slot_of(all, machine);
    for (; hold->machine; hold = next_slot(all, hold))
        if (hold->machine == machine && hold->ip == ip)
            return true;
    *hold = (struct lease_hold){machine, ip};
    all->count++;
    return true;
}

struct lease_hold *lease_holds_other(const struct lease_holds *all, uint64_t machine, uint32_t ip,
                                     struct lease_hold *after)
{
    if (!all->capacity)
        return NULL;
    struct lease_hold *hold = after ? next_slot(all, after) : slot_of(all, machine);
    while (hold->machine && (hold->machine != machine || hold->ip == ip))
        hold = next_slot(all, hold);
    return hold->machine ? hold : NULL;
}

bool lease_holds_is_stale(const struct lease_holds *all)
{
    return all->count > 2 * all->count_read + STALE_MIN;
}
