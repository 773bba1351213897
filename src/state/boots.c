#include "state/boots.h"

#include "state/mix.h"

#include <stdlib.h>

#define CHAINS_MIN 1024 /* a power of two */

struct boots *boots_new(void)
{
    struct boots *boots = calloc(1, sizeof *boots);
    if (!boots)
        return NULL;
    boots->chain_count = CHAINS_MIN;
    boots->chains = calloc(boots->chain_count, sizeof(struct open_boot *));
    boots->whats = what_table_new();
    boots->last_waiting = &boots->first_waiting;
    if (!boots->chains || !boots->whats || !mix_secret(&boots->secret)) {
        boots_free(boots);
        return NULL;
    }
    return boots;
}

void boots_free(struct boots *boots)
{
    if (!boots)
        return;
    while (boots->newest)
        boots_drop(boots, boots->newest);
    what_table_free(boots->whats);
    free(boots->chains);
    free(boots);
}

static struct open_boot **chain_of(struct boots *boots, uint64_t key)
{
    return &boots->chains[mix(key ^ boots->secret, MIX_ODD) & (boots->chain_count - 1)];
}

struct open_boot *boots_find(struct boots *boots, uint64_t key)
{
    struct open_boot *open = *chain_of(boots, key);
    while (open && open->key != key)
        open = open->next_in_chain;
    return open;
}

static void put_in_chain(struct boots *boots, struct open_boot *open)
{
    struct open_boot **chain = chain_of(boots, open->key);
    open->next_in_chain = *chain;
    *chain = open;
    open->is_current = true;
}

static void take_from_chain(struct boots *boots, struct open_boot *open)
{
    struct open_boot **link = chain_of(boots, open->key);
    while (*link != open)
        link = &(*link)->next_in_chain;
    *link = open->next_in_chain;
    open->is_current = false;
}

/* Without memory the chains stay as they are, and get long. */
static void grow_chains(struct boots *boots)
{
    size_t count = boots->chain_count * 2;
    struct open_boot **chains = calloc(count, sizeof(struct open_boot *));
    if (!chains)
        return;
    free(boots->chains);
    boots->chains = chains;
    boots->chain_count = count;
    for (struct open_boot *open = boots->newest; open; open = open->older)
        if (open->is_current)
            put_in_chain(boots, open);
}

static void put_newest(struct boots *boots, struct open_boot *open)
{
    open->newer = NULL;
    open->older = boots->newest;
    if (open->older)
        open->older->newer = open;
    else
        boots->oldest = open;
    boots->newest = open;
    open->used_round = boots->round;
}

static void take_from_uses(struct boots *boots, struct open_boot *open)
{
    if (open->newer)
        open->newer->older = open->older;
    else
        boots->newest = open->older;
    if (open->older)
        open->older->newer = open->newer;
    else
        boots->oldest = open->newer;
}

static void count_bytes(struct boots *boots, struct open_boot *open)
{
    size_t bytes = sizeof *open + boot_events_bytes(&open->events);
    boots->bytes += bytes - open->bytes;
    open->bytes = bytes;
}

struct open_boot *boots_add(struct boots *boots, uint64_t key, const struct boot *boot)
{
    struct open_boot *before = boots_find(boots, key), *open = calloc(1, sizeof *open);
    if (!open)
        return NULL;
    if (before && before->is_waiting)
        take_from_chain(boots, before);
    else if (before)
        boots_drop(boots, before);
    if (boots->count >= boots->chain_count)
        grow_chains(boots);
    open->key = key;
    open->boot = *boot;
    boots->count++;
    count_bytes(boots, open);
    put_in_chain(boots, open);
    put_newest(boots, open);
    return open;
}

void boots_used(struct boots *boots, struct open_boot *open)
{
    if (boots->newest != open) {
        take_from_uses(boots, open);
        put_newest(boots, open);
    }
    open->used_round = boots->round;
    count_bytes(boots, open);
}

void boots_changed(struct boots *boots, struct open_boot *open)
{
    boots_used(boots, open);
    if (open->is_waiting)
        return;
    open->is_waiting = true;
    open->waiting_round = boots->round;
    open->next_waiting = NULL;
    open->link_waiting = boots->last_waiting;
    *boots->last_waiting = open;
    boots->last_waiting = &open->next_waiting;
}

static void take_from_waiting(struct boots *boots, struct open_boot *open)
{
    if (!open->is_waiting)
        return;
    *open->link_waiting = open->next_waiting;
    if (open->next_waiting)
        open->next_waiting->link_waiting = open->link_waiting;
    else
        boots->last_waiting = open->link_waiting;
    open->is_waiting = false;
}

void boots_written(struct boots *boots, struct open_boot *open)
{
    take_from_waiting(boots, open);
    open->is_new = false;
    boot_events_set_written(&open->events);
    if (!open->is_current)
        boots_drop(boots, open);
}

void boots_drop(struct boots *boots, struct open_boot *open)
{
    take_from_waiting(boots, open);
    if (open->is_current)
        take_from_chain(boots, open);
    take_from_uses(boots, open);
    boots->count--;
    boots->bytes -= open->bytes;
    boot_events_fini(&open->events, boots->whats);
    free(open);
}

static bool is_beyond(const struct boots *boots, const struct open_boot *open)
{
    size_t bytes = boots->bytes + what_bytes(boots->whats);
    if (open->is_waiting)
        return bytes > 2 * (size_t)BOOTS_BYTES_MAX;
    return bytes > BOOTS_BYTES_MAX || boots->round - open->used_round > BOOTS_IDLE_ROUNDS;
}

void boots_trim(struct boots *boots, size_t most)
{
    struct open_boot *open = boots->oldest;
    while (open && open != boots->newest && most--) {
        struct open_boot *newer = open->newer;
        if (is_beyond(boots, open))
            boots_drop(boots, open);
        open = newer;
    }
}
