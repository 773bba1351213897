#include "fleet/fleet_yaml.h"

#include "base/text.h"
#include "fleet/fleet_check.h"
#include "fleet/fleet_entry.h"
#include "fleet/fleet_types.h"
#include "fleet/yaml_quick.h"

#include <string.h>

/* --- in --- */

static int unknown_section(const char *file, const struct yaml *key, struct error *err)
{
    char shown[FLEET_SHOWN_MAX];
    fleet_shown(key->text, shown);
    for (int kind = 0; kind < FLEET_KINDS; kind++) {
        const char *section = fleet_kind_section((enum fleet_kind)kind);
        if (text_distance(key->text, section, 2) > 2)
            continue;
        error_set(err, "unknown section '%s'; did you mean '%s'?", shown, section);
        return yaml_wrap(file, key, err);
    }
    error_set(err, "unknown section '%s'; a fleet has networks, profiles and nodes", shown);
    return yaml_wrap(file, key, err);
}

static int read_section(const char *file, const struct yaml *section, struct fleet *fleet, struct error *err)
{
    int kind = fleet_kind_of_section(section->key->text);
    if (kind < 0)
        return unknown_section(file, section->key, err);
    if (yaml_is_empty(section))
        return 0;
    if (section->kind != YAML_MAP) {
        error_set(err, "%s: here is %s; write each name with its keys below it", section->key->text,
                  yaml_kind_name(section));
        return yaml_wrap(file, section, err);
    }
    for (const struct yaml *v = section->first; v; v = v->next) {
        struct fleet_entry entry = {(enum fleet_kind)kind, file, v->key, v};
        if (fleet_entry_put(fleet, &entry, FLEET_ENTRY_NEW, err) < 0)
            return -1;
    }
    return 0;
}

/* Where the name stands in the entry's key; *count: how many names that is. */
static bool names(const struct yaml *entry, enum fleet_kind kind, const char *name, size_t *index,
                  size_t *count)
{
    struct range range = {0};
    bool found = strcmp(entry->key->text, name) == 0;
    *index = 0;
    *count = 1;
    if (found || kind != FLEET_NODE || range_parse(entry->key->text, &range, NULL) < 0)
        return found;
    *count = range.count;
    while (*index < range.count && strcmp(range.names[*index], name) != 0)
        ++*index;
    found = *index < range.count;
    range_fini(&range);
    return found;
}

/* What is wrong with the finished whole was written somewhere, too. */
static const struct yaml *place_of(const struct yaml *root, const struct fleet_fault *fault)
{
    size_t index = 0, count = 0;
    const struct yaml *section = fault->name ? yaml_get(root, fleet_kind_section(fault->kind)) : NULL;
    const struct yaml *entry = section ? section->first : NULL;
    while (entry && !names(entry, fault->kind, fault->name, &index, &count))
        entry = entry->next;
    if (!entry)
        return NULL;
    const struct yaml *value = fault->key ? yaml_get(entry, fault->key) : NULL;
    if (!value)
        return entry->key;
    if (value->kind != YAML_LIST)
        return value;
    bool dealt_out = count > 1 && fleet_key_find(fault->kind, fault->key)->ranged;
    const struct yaml *item = yaml_at(value, dealt_out ? index : fault->item);
    return item ? item : value;
}

static int read_fleet(const char *name, const struct yaml *root, struct fleet *fleet, struct error *err)
{
    struct fleet_fault fault;
    if (root->kind != YAML_MAP && !yaml_is_empty(root)) {
        error_set(err, "here is %s; a fleet is a map with networks, profiles and nodes",
                  yaml_kind_name(root));
        return yaml_wrap(name, root, err);
    }
    for (const struct yaml *v = root->first; v; v = v->next)
        if (read_section(name, v, fleet, err) < 0)
            return -1;
    if (fleet_check(fleet, &fault, err) < 0)
        return yaml_wrap(name, place_of(root, &fault), err);
    return 0;
}

static bool put_entry(void *ctx, const char *section, const struct yaml *entry)
{
    struct error ignored;
    int kind = fleet_kind_of_section(section);
    struct fleet_entry e = {(enum fleet_kind)kind, "", entry->key, entry};
    return kind >= 0 && fleet_entry_put(ctx, &e, FLEET_ENTRY_NEW, &ignored) == 0;
}

/* NULL: there is something wrong with it, or it is written in a way of its own. */
static struct fleet *parse_quick(struct slice text)
{
    struct fleet *fleet = fleet_new();
    struct error ignored;
    if (fleet && yaml_quick(text, fleet, put_entry) && fleet_finish(fleet, &ignored) == 0)
        return fleet;
    fleet_free(fleet);
    return NULL;
}

/* Knows where in the text everything is, for which it keeps all values until the fleet is checked. */
static int parse_thorough(const char *name, struct slice text, struct fleet **out, struct error *err)
{
    static const struct yaml nothing = {.kind = YAML_SCALAR, .plain = true, .text = ""};
    struct yaml_tree tree;
    if (yaml_read(name, text, &tree, err) < 0)
        return -1;
    struct fleet *fleet = fleet_new();
    int result = fleet ? read_fleet(name, tree.root ? tree.root : &nothing, fleet, err)
                       : error_set(err, "%s: out of memory", name);
    yaml_tree_fini(&tree);
    if (result < 0)
        fleet_free(fleet);
    else
        *out = fleet;
    return result;
}

int fleet_parse_yaml(const char *name, struct slice text, struct fleet **out, struct error *err)
{
    if (text.size > FLEET_YAML_MAX)
        return error_set(err, "%s: %zu bytes; at most %u are taken; split it", name, text.size,
                         FLEET_YAML_MAX);
    struct fleet *fleet = parse_quick(text);
    if (!fleet)
        return parse_thorough(name, text, out, err);
    *out = fleet;
    return 0;
}

/* --- out --- */

void fleet_format_object(enum fleet_kind kind, const void *object, enum fleet_secrets secrets,
                         struct buf *out)
{
    size_t count;
    const struct fleet_key *keys = fleet_keys(&count);
    buf_append_text(out, "  ");
    yaml_write_text(out, *(char *const *)object);
    buf_append_text(out, ":\n");
    for (size_t i = 0; i < count; i++) {
        const struct fleet_key *key = &keys[i];
        const void *base = fleet_base_const(kind, key, object);
        if (!(key->kinds & FLEET_BIT(kind)) || !key->type->is_set(key, base))
            continue;
        buf_format(out, "    %s:", key->name);
        if (key->hidden && secrets == FLEET_WITHOUT_SECRETS)
            buf_format(out, " %s\n", key->hidden);
        else
            key->type->format(key, base, 6, out);
    }
}

static void format_section(enum fleet_kind kind, const void *objects, size_t count,
                           enum fleet_secrets secrets, struct buf *out)
{
    if (!count)
        return;
    buf_format(out, "%s:\n", fleet_kind_section(kind));
    for (size_t i = 0; i < count; i++)
        fleet_format_object(kind, (const char *)objects + i * fleet_kind_size(kind), secrets, out);
}

int fleet_format_yaml(const struct fleet *fleet, enum fleet_secrets secrets, struct buf *out,
                      struct error *err)
{
    format_section(FLEET_NETWORK, fleet->networks, fleet->network_count, secrets, out);
    format_section(FLEET_PROFILE, fleet->profiles, fleet->profile_count, secrets, out);
    format_section(FLEET_NODE, fleet->nodes, fleet->node_count, secrets, out);
    return out->failed ? error_set(err, "out of memory") : 0;
}
