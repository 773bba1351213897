#include "proc/state_policy.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/fleet_change.h"
#include "fleet/fleet_schema.h"
#include "fleet/fleet_set.h"
#include "fleet/fleet_yaml.h"
#include "fleet/policy.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- zones --- */

struct checking {
    const struct zones *zones;
    struct error *err;
};

static int unknown_zone(const struct checking *c, const char *name)
{
    const char *near = zones_nearest(c->zones, name);
    if (!zones_count(c->zones))
        return error_set(
            c->err, "time_zone: this server knows no time zones but UTC: apt-get install tzdata, and start "
                    "bootherd serve again");
    if (near)
        return error_set(c->err, "time_zone: there is no time zone %s; did you mean %s?", name, near);
    return error_set(
        c->err, "time_zone: there is no time zone %s; timedatectl list-timezones shows them (package tzdata)",
        name);
}

static int check_zone(void *ctx, enum fleet_kind kind, const void *before, const void *after)
{
    const struct checking *c = ctx;
    const struct fleet_settings *settings = NULL;
    if (after && kind == FLEET_NODE)
        settings = &((const struct fleet_node *)after)->settings;
    if (after && kind == FLEET_PROFILE)
        settings = &((const struct fleet_profile *)after)->settings;
    if (!settings || !settings->time_zone || zones_find(c->zones, settings->time_zone))
        return 0;
    unknown_zone(c, settings->time_zone);
    return error_wrap(c->err, "%s %s", fleet_kind_name(kind), *(char *const *)after);
}

int state_policy_zones(const struct fleet *before, const struct fleet *next, const struct zones *zones,
                       struct error *err)
{
    struct checking c = {zones, err};
    return fleet_changes(before, next, &c, check_zone);
}

/* --- what the next boot does --- */

static json_t *json_time(bool is_set, int64_t at_s)
{
    char text[TEXT_TIME_MAX];
    return is_set ? json_string(text_time_utc(at_s * 1000, text)) : json_null();
}

static int print_json(const struct fleet_settings *settings, const struct policy *policy, int64_t at_s,
                      const char *text, struct buf *out, struct error *err)
{
    bool changes = policy->ends || policy_is_once(settings);
    json_t *root = json_pack(
        "{s:s, s:s?, s:o, s:s, s:o, s:o, s:s?, s:s?, s:s?, s:s?, s:s}", "boots",
        policy->local ? "local" : "image", "image", settings->image, "at", json_time(true, at_s), "why",
        policy->why, "since", json_time(policy->ends, policy->span.since_s), "until",
        json_time(policy->ends, policy->span.until_s), "then",
        !changes        ? NULL
        : policy->local ? "image"
                        : "local",
        "between", settings->between, "days", settings->days, "time_zone", settings->time_zone, "text", text);
    char *dump = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    if (dump)
        buf_format(out, "%s\n", dump);
    free(dump);
    json_decref(root);
    return dump ? 0 : error_errno(err, ENOMEM, "next boot");
}

int state_policy_ask(struct state_asker *asker, const char *const *words, size_t count, struct buf *out,
                     struct error *err)
{
    const struct fleet *fleet = state_fleet(asker->state);
    const struct fleet_node *node = count == 3 ? fleet_node_by_name(fleet, words[1]) : NULL;
    char text[POLICY_NEXT_MAX];
    struct policy policy;
    int64_t at_s;
    if (count != 3)
        return error_set(err, "a node and a time are needed");
    if (!node)
        return error_set(err, "there is no node %s: bootherd node list shows them", words[1]);
    struct fleet_settings settings = fleet_effective(fleet, node);
    if (policy_time(&settings, asker->zones, words[2], asker->now_ms / 1000, &at_s, err) < 0 ||
        policy_at(&settings, asker->zones, at_s, &policy, err) < 0)
        return error_wrap(err, "node %s", node->name);
    policy_next_text(&settings, &policy, at_s, text);
    if (strcmp(words[0], "json") == 0)
        return print_json(&settings, &policy, at_s, text, out, err);
    buf_format(out, "next boot: %s\n", text);
    return 0;
}

/* --- once --- */

static int change_fleet(struct state *state, struct fleet *next, char names[][FLEET_NAME_MAX], size_t count,
                        struct error *err)
{
    static const struct fleet_word local = {"boot", "local"};
    for (size_t i = 0; i < count; i++) {
        const struct fleet_node *node = fleet_node_by_name(state_fleet(state), names[i]);
        struct fleet_settings settings;
        if (!node)
            continue;
        settings = fleet_effective(state_fleet(state), node);
        if (policy_is_once(&settings) && fleet_set_nodes(next, names[i], &local, 1, err) < 0)
            return -1;
    }
    return fleet_finish(next, err);
}

int state_policy_once(struct state *state, char names[][FLEET_NAME_MAX], size_t count, int64_t now_ms,
                      struct buf *change, struct error *err)
{
    struct fleet *next = fleet_copy(state_fleet(state));
    int result = next ? change_fleet(state, next, names, count, err) : error_errno(err, ENOMEM, "boot: once");
    if (result == 0)
        result = fleet_change_format(state_fleet(state), next, FLEET_WITHOUT_SECRETS, change, err);
    if (result == 0)
        result = state_fleet_replace(state, next, "bootherd", now_ms, err);
    if (result < 0)
        fleet_free(next);
    return result < 0 ? error_wrap(err, "boot: once is used up, and stays") : 0;
}
