#include "state/status.h"

#include "fleet/range.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Tells the story of entry->boot and shows it. */
static int visit_boot(struct state *state, struct status_entry *entry, int64_t now_ms, void *ctx,
                      status_each_fn *each, struct error *err)
{
    struct story_event *events = NULL;
    size_t count = 0;
    if (entry->has_boot && boot_read_events(state, &entry->boot, &events, &count, err) < 0)
        return -1;
    int result = story_tell(events, count, now_ms, &entry->story, err);
    if (result == 0) {
        result = each(ctx, entry, err);
        story_fini(&entry->story);
    }
    free(events);
    return result;
}

static int visit_node(struct state *state, const struct fleet_node *node, int64_t now_ms,
                      const struct status_visitor *visitor, struct error *err)
{
    struct status_entry entry = {.node = node};
    int found = boot_latest_of_node(state, node, &entry.boot, err);
    if (found < 0)
        return -1;
    entry.has_boot = found > 0;
    return visit_boot(state, &entry, now_ms, visitor->ctx, visitor->node, err);
}

struct unknown_visit {
    struct state *state;
    int64_t now_ms;
    const struct status_visitor *visitor;
};

static int visit_unknown(void *ctx, const struct boot *boot, struct error *err)
{
    const struct unknown_visit *visit = ctx;
    struct mac mac;
    /* Added to the fleet since: told as that node. */
    if (mac_parse(boot->machine, &mac) && fleet_node_by_mac(visit->state->fleet, &mac))
        return 0;
    struct status_entry entry = {.has_boot = true, .boot = *boot};
    return visit_boot(visit->state, &entry, visit->now_ms, visit->visitor->ctx, visit->visitor->unknown, err);
}

static int visit_all(struct state *state, int64_t now_ms, const struct status_visitor *visitor,
                     struct error *err)
{
    for (size_t i = 0; i < state->fleet->node_count; i++)
        if (visit_node(state, &state->fleet->nodes[i], now_ms, visitor, err) < 0)
            return -1;
    struct unknown_visit visit = {state, now_ms, visitor};
    return boot_each_unknown(state, &visit, visit_unknown, err);
}

static int visit_mac(struct state *state, const struct mac *mac, int64_t now_ms,
                     const struct status_visitor *visitor, struct error *err)
{
    const struct fleet_node *node = fleet_node_by_mac(state->fleet, mac);
    if (node)
        return visit_node(state, node, now_ms, visitor, err);
    struct status_entry entry = {.has_boot = true};
    char machine[BOOT_MACHINE_MAX];
    boot_machine(boot_key(mac, 0), machine);
    int found = boot_latest(state, boot_key(mac, 0), &entry.boot, err);
    if (found == 0) {
        error_set(err,
                  "%s was never seen here, and no node has it: to add it: bootherd node set NAME --mac %s "
                  "--image IMAGE",
                  machine, machine);
        if (err)
            err->code = ENOENT;
    }
    return found > 0 ? visit_boot(state, &entry, now_ms, visitor->ctx, visitor->unknown, err) : -1;
}

static int visit_range(struct state *state, const struct range *range, int64_t now_ms,
                       const struct status_visitor *visitor, struct error *err)
{
    for (size_t i = 0; i < range->count; i++) {
        const struct fleet_node *node = fleet_node_by_name(state->fleet, range->names[i]);
        if (!node) {
            error_set(err, "there is no node '%s': bootherd node list names them all", range->names[i]);
            if (err)
                err->code = ENOENT;
            return -1;
        }
        if (visit_node(state, node, now_ms, visitor, err) < 0)
            return -1;
    }
    return 0;
}

int status_visit(struct state *state, const char *range, int64_t now_ms, const struct status_visitor *visitor,
                 struct error *err)
{
    struct mac mac;
    if (!range)
        return visit_all(state, now_ms, visitor, err);
    if (mac_parse(range, &mac))
        return visit_mac(state, &mac, now_ms, visitor, err);
    struct range names;
    if (range_parse(range, &names, err) < 0)
        return -1;
    int result = visit_range(state, &names, now_ms, visitor, err);
    range_fini(&names);
    return result;
}

bool status_is_single(const char *range)
{
    struct mac mac;
    return range && (mac_parse(range, &mac) || !strpbrk(range, "[,"));
}

const char *status_add_command(const struct boot *boot, char out[static STATUS_ADD_MAX])
{
    struct mac mac;
    out[0] = 0;
    if (mac_parse(boot->machine, &mac))
        snprintf(out, STATUS_ADD_MAX, "bootherd node set NAME --mac %s --image IMAGE", boot->machine);
    return out;
}
