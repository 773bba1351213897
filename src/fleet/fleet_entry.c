#include "fleet/fleet_entry.h"

#include "base/cleanup.h"
#include "fleet/fleet_types.h"

#include <stdlib.h>
#include <string.h>

/* A key whose value is dealt out among the nodes of a range. */
struct spread {
    const struct fleet_key *key; /* NULL: every node gets the whole value */
    const struct yaml *value;
    struct range texts; /* the values, when written as one text */
    struct yaml *items; /* the same as a list, for the cards of one node */
    const struct yaml *next;
    struct yaml one; /* what the current node gets */
    char ip[IP4_TEXT_SIZE];
};

struct filler {
    struct fleet *fleet;
    const struct fleet_entry *entry;
    struct error *err;
    enum fleet_entry_mode mode;
    struct range names;
    size_t spread_count;
    struct spread *spread;
};

/* Puts "file:line:column: kind name: " before the text. */
static int fail_at(struct filler *f, const struct yaml *at)
{
    char shown[FLEET_SHOWN_MAX];
    error_wrap(f->err, "%s %s", fleet_kind_name(f->entry->kind), fleet_shown(f->entry->name->text, shown));
    return yaml_wrap(f->entry->file, at, f->err);
}

static int wrong_count(struct filler *f, const struct spread *s, size_t count)
{
    error_set(f->err, "%s: the values are %zu, the nodes %zu; write one for each", s->key->name, count,
              f->names.count);
    return fail_at(f, s->value);
}

/* --- dealing out --- */

/* "a,b" of one node as the list [a, b]. */
static int make_list(struct filler *f, struct spread *s)
{
    s->items = calloc(s->texts.count, sizeof *s->items);
    if (!s->items)
        return error_set(f->err, "out of memory");
    for (size_t i = 0; i < s->texts.count; i++) {
        s->items[i] = *s->value;
        s->items[i].text = s->texts.names[i];
        s->items[i].next = i + 1 < s->texts.count ? &s->items[i + 1] : NULL;
    }
    s->one = *s->value;
    s->one.kind = YAML_LIST;
    s->one.text = NULL;
    s->one.first = s->items;
    s->one.count = s->texts.count;
    return 0;
}

static int spread_text(struct filler *f, struct spread *s)
{
    if (range_parse(s->value->text, &s->texts, f->err) < 0) {
        error_wrap(f->err, "%s", s->key->name);
        return fail_at(f, s->value);
    }
    bool counts_up = s->key->type == &fleet_type_ip && s->texts.count == 1;
    bool one_node = f->names.count == 1; /* which may have several cards */
    if (s->texts.count != f->names.count && !counts_up && !one_node)
        return wrong_count(f, s, s->texts.count);
    if (!one_node || s->texts.count == 1)
        return 0;
    if (!s->key->type->list)
        return wrong_count(f, s, s->texts.count);
    return make_list(f, s);
}

static int spread_open(struct filler *f, const struct yaml *value, struct spread *s)
{
    const struct fleet_key *key = fleet_key_find(f->entry->kind, value->key->text);
    if (!key) {
        fleet_key_unknown(f->entry->kind, value->key->text, f->err);
        return fail_at(f, value->key);
    }
    *s = (struct spread){.key = key, .value = value};
    bool unset = f->mode == FLEET_ENTRY_CHANGE && value->kind == YAML_SCALAR && !*value->text;
    if (!key->ranged || unset || yaml_is_empty(value))
        return 0;
    if (value->kind == YAML_SCALAR)
        return spread_text(f, s);
    if (value->kind == YAML_LIST && f->names.count > 1) {
        if (value->count != f->names.count)
            return wrong_count(f, s, value->count);
        s->next = value->first;
    }
    return 0;
}

/* The value of the i-th node; calls come in order. */
static const struct yaml *spread_at(struct spread *s, size_t i)
{
    uint32_t first;
    if (s->next) {
        const struct yaml *v = s->next;
        s->next = v->next;
        return v;
    }
    if (s->items)
        return &s->one;
    if (!s->texts.count)
        return s->value;
    s->one = *s->value;
    if (s->texts.count > 1)
        s->one.text = s->texts.names[i];
    else if (i && ip4_parse(s->texts.names[0], &first)) /* the first address; the others count up */
        s->one.text = ip4_format(first + (uint32_t)i, s->ip);
    else
        s->one.text = s->texts.names[0];
    return &s->one;
}

/* --- filling objects --- */

union object {
    char *name;
    struct fleet_network network;
    struct fleet_profile profile;
    struct fleet_node node;
};

static const void *object_find(const struct filler *f, const char *name)
{
    switch (f->entry->kind) {
    case FLEET_NETWORK:
        return fleet_network_by_name(f->fleet, name);
    case FLEET_PROFILE:
        return fleet_profile_by_name(f->fleet, name);
    case FLEET_NODE:
        return fleet_node_by_name(f->fleet, name);
    case FLEET_KINDS:
        break;
    }
    return NULL;
}

static int object_put(struct filler *f, union object *o)
{
    switch (f->entry->kind) {
    case FLEET_NETWORK:
        return fleet_put_network(f->fleet, &o->network, f->err);
    case FLEET_PROFILE:
        return fleet_put_profile(f->fleet, &o->profile, f->err);
    case FLEET_NODE:
        return fleet_put_node(f->fleet, &o->node, f->err);
    case FLEET_KINDS:
        break;
    }
    return -1;
}

static int object_begin(struct filler *f, const char *name, union object *o)
{
    const void *old = object_find(f, name);
    if (old && f->mode == FLEET_ENTRY_CHANGE)
        return fleet_object_copy(f->entry->kind, o, old, f->err);
    if (old && f->mode == FLEET_ENTRY_NEW) {
        error_set(f->err, "%s is there twice; keep one", name);
        return fail_at(f, f->entry->name);
    }
    memset(o, 0, sizeof *o);
    o->name = strdup(name);
    return o->name ? 0 : error_set(f->err, "out of memory");
}

static int object_fill(struct filler *f, size_t i, union object *o)
{
    enum fleet_kind kind = f->entry->kind;
    for (size_t k = 0; k < f->spread_count; k++) {
        const struct fleet_key *key = f->spread[k].key;
        const struct yaml *value = spread_at(&f->spread[k], i), *at = value;
        if (f->mode == FLEET_ENTRY_CHANGE && value->kind == YAML_SCALAR && !*value->text)
            key->type->clear(key, fleet_base(kind, key, o));
        else if (fleet_key_parse(kind, key, o, value, &at, f->err) < 0)
            return fail_at(f, at);
    }
    return 0;
}

static int put_objects(struct filler *f)
{
    for (size_t i = 0; i < f->names.count; i++) {
        union object o;
        if (object_begin(f, f->names.names[i], &o) < 0)
            return -1;
        int result = object_fill(f, i, &o);
        if (result == 0 && object_put(f, &o) < 0)
            result = yaml_wrap(f->entry->file, f->entry->name, f->err);
        if (result < 0) {
            fleet_object_fini(f->entry->kind, &o);
            return -1;
        }
    }
    return 0;
}

static int read_names(struct filler *f)
{
    const char *text = f->entry->name->text;
    if (f->entry->kind == FLEET_NODE) {
        if (range_parse(text, &f->names, f->err) == 0)
            return 0;
        return yaml_wrap(f->entry->file, f->entry->name, f->err);
    }
    f->names.names = calloc(1, sizeof *f->names.names);
    char *name = f->names.names ? strdup(text) : NULL;
    if (!name)
        return error_set(f->err, "out of memory");
    f->names.names[f->names.count++] = name;
    return 0;
}

static int read_keys(struct filler *f)
{
    const struct yaml *map = f->entry->map;
    if (yaml_is_empty(map))
        return 0;
    if (map->kind != YAML_MAP) {
        error_set(f->err, "here is %s; write its keys below it, as in 'image: esxi'", yaml_kind_name(map));
        return fail_at(f, map);
    }
    f->spread = calloc(map->count + 1, sizeof *f->spread);
    if (!f->spread)
        return error_set(f->err, "out of memory");
    for (const struct yaml *v = map->first; v; v = v->next)
        if (spread_open(f, v, &f->spread[f->spread_count++]) < 0)
            return -1;
    return 0;
}

int fleet_entry_put(struct fleet *fleet, const struct fleet_entry *entry, enum fleet_entry_mode mode,
                    struct error *err)
{
    struct filler f = {.fleet = fleet, .entry = entry, .err = err, .mode = mode};
    int result = read_names(&f) < 0 || read_keys(&f) < 0 ? -1 : put_objects(&f);
    for (size_t i = 0; i < f.spread_count; i++) {
        range_fini(&f.spread[i].texts);
        free(f.spread[i].items);
    }
    free(f.spread);
    range_fini(&f.names);
    return result;
}
