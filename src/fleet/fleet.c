#include "fleet/fleet.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/fleet_index.h"
#include "fleet/fleet_types.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct fleet *fleet_new(void)
{
    struct fleet *fleet = calloc(1, sizeof *fleet);
    if (!fleet)
        return NULL;
    fleet->index = fleet_index_new();
    if (!fleet->index) {
        free(fleet);
        return NULL;
    }
    return fleet;
}

void fleet_free(struct fleet *fleet)
{
    if (!fleet)
        return;
    for (size_t i = 0; i < fleet->network_count; i++)
        fleet_network_fini(&fleet->networks[i]);
    for (size_t i = 0; i < fleet->profile_count; i++)
        fleet_profile_fini(&fleet->profiles[i]);
    for (size_t i = 0; i < fleet->node_count; i++)
        fleet_node_fini(&fleet->nodes[i]);
    free(fleet->networks);
    free(fleet->profiles);
    free(fleet->nodes);
    fleet_index_free(fleet->index);
    free(fleet);
}

void fleet_network_fini(struct fleet_network *network)
{
    fleet_object_fini(FLEET_NETWORK, network);
}

void fleet_profile_fini(struct fleet_profile *profile)
{
    fleet_object_fini(FLEET_PROFILE, profile);
}

void fleet_node_fini(struct fleet_node *node)
{
    fleet_object_fini(FLEET_NODE, node);
}

bool fleet_name_valid(const char *text, struct error *err)
{
    char shown[FLEET_SHOWN_MAX];
    size_t size = strlen(text);
    fleet_shown(text, shown);
    if (!size || size >= FLEET_NAME_MAX) {
        error_set(err, "'%s' has %zu characters; a name has 1 to %d", shown, size, FLEET_NAME_MAX - 1);
        return false;
    }
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)text[i]) && (!i || !strchr("-_.", text[i]))) {
            error_set(err,
                      "'%s' is no name; write letters, digits, '-', '_' and '.', first a letter or digit",
                      shown);
            return false;
        }
    return true;
}

/* --- networks and profiles: few, kept sorted --- */

/* The place of the name among `count` objects, or the one where it would go. */
static size_t search(enum fleet_kind kind, const void *objects, size_t count, const char *name, bool *found)
{
    size_t low = 0, high = count;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const char *const *other =
            (const void *)((const char *)objects + middle * fleet_kind_size(kind)); /* starts with its name */
        int order = fleet_name_compare(*other, name);
        *found |= order == 0;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Puts into or replaces in the array *objects of *count. */
static int list_put(enum fleet_kind kind, void **objects, size_t *count, size_t most, void *object,
                    struct error *err)
{
    size_t size = fleet_kind_size(kind);
    bool found;
    if (!fleet_name_valid(*(char **)object, err))
        return error_wrap(err, "%s", fleet_kind_name(kind));
    size_t i = search(kind, *objects, *count, *(char **)object, &found);
    if (!found) {
        if (*count == most)
            return error_set(err, "more than %zu %s", most, fleet_kind_section(kind));
        void *grown = realloc(*objects, (*count + 1) * size);
        if (!grown)
            return error_set(err, "out of memory");
        *objects = grown;
    }
    char *at = (char *)*objects + i * size;
    if (found)
        fleet_object_fini(kind, at);
    else
        memmove(at + size, at, ((*count)++ - i) * size);
    memcpy(at, object, size);
    memset(object, 0, size);
    return 0;
}

static bool list_remove(enum fleet_kind kind, void *objects, size_t *count, const char *name)
{
    size_t size = fleet_kind_size(kind);
    bool found;
    size_t i = search(kind, objects, *count, name, &found);
    if (!found)
        return false;
    char *at = (char *)objects + i * size;
    fleet_object_fini(kind, at);
    memmove(at, at + size, (--*count - i) * size);
    return true;
}

int fleet_put_network(struct fleet *fleet, struct fleet_network *network, struct error *err)
{
    void *networks = fleet->networks;
    if (!network->lease_seconds)
        network->lease_seconds = FLEET_LEASE_SECONDS;
    fleet->index->finished = false;
    int result = list_put(FLEET_NETWORK, &networks, &fleet->network_count, FLEET_NETWORKS_MAX, network, err);
    fleet->networks = networks;
    return result;
}

int fleet_put_profile(struct fleet *fleet, struct fleet_profile *profile, struct error *err)
{
    void *profiles = fleet->profiles;
    fleet->index->finished = false;
    int result = list_put(FLEET_PROFILE, &profiles, &fleet->profile_count, FLEET_PROFILES_MAX, profile, err);
    fleet->profiles = profiles;
    return result;
}

bool fleet_remove_network(struct fleet *fleet, const char *name)
{
    fleet->index->finished = false;
    return list_remove(FLEET_NETWORK, fleet->networks, &fleet->network_count, name);
}

bool fleet_remove_profile(struct fleet *fleet, const char *name)
{
    fleet->index->finished = false;
    return list_remove(FLEET_PROFILE, fleet->profiles, &fleet->profile_count, name);
}

const struct fleet_profile *fleet_profile_by_name(const struct fleet *fleet, const char *name)
{
    bool found;
    size_t i = search(FLEET_PROFILE, fleet->profiles, fleet->profile_count, name, &found);
    return found ? &fleet->profiles[i] : NULL;
}

const struct fleet_network *fleet_network_by_name(const struct fleet *fleet, const char *name)
{
    bool found;
    size_t i = search(FLEET_NETWORK, fleet->networks, fleet->network_count, name, &found);
    return found ? &fleet->networks[i] : NULL;
}

/* --- nodes: many, appended and sorted by fleet_finish --- */

static int append_node(struct fleet *fleet, struct fleet_node *node, struct error *err)
{
    struct fleet_index *index = fleet->index;
    if (fleet->node_count == FLEET_NODES_MAX)
        return error_set(err, "more than %d nodes", FLEET_NODES_MAX);
    if (fleet->node_count == index->node_capacity) {
        size_t capacity = index->node_capacity ? index->node_capacity * 2 : 16;
        struct fleet_node *nodes = realloc(fleet->nodes, capacity * sizeof *nodes);
        if (!nodes)
            return error_set(err, "out of memory");
        fleet->nodes = nodes;
        index->node_capacity = capacity;
    }
    fleet->nodes[fleet->node_count++] = *node;
    if (fleet_index_add_name(fleet, (uint32_t)fleet->node_count - 1, err) < 0) {
        fleet->node_count--;
        return -1;
    }
    return 0;
}

int fleet_put_node(struct fleet *fleet, struct fleet_node *node, struct error *err)
{
    if (!fleet_name_valid(node->name, err))
        return error_wrap(err, "node");
    uint32_t position = fleet_index_name(fleet, node->name);
    if (position == FLEET_NO_NODE) {
        if (append_node(fleet, node, err) < 0)
            return -1;
    } else {
        fleet_node_fini(&fleet->nodes[position]);
        fleet->nodes[position] = *node;
    }
    *node = (struct fleet_node){0};
    fleet->index->finished = false;
    return 0;
}

bool fleet_remove_node(struct fleet *fleet, const char *name)
{
    uint32_t position = fleet_index_name(fleet, name);
    if (position == FLEET_NO_NODE)
        return false;
    uint32_t last = (uint32_t)fleet->node_count - 1;
    fleet_index_drop_name(fleet, position);
    if (position != last)
        fleet_index_drop_name(fleet, last);
    fleet_node_fini(&fleet->nodes[position]);
    fleet->node_count--;
    if (position != last) {
        fleet->nodes[position] = fleet->nodes[last];
        fleet_index_add_name(fleet, position, NULL); /* in the slot just freed: cannot fail */
    }
    fleet->index->finished = false;
    return true;
}

/* --- the whole --- */

static int copy_objects(struct fleet *to, const struct fleet *from, struct error *err)
{
    for (size_t i = 0; i < from->network_count; i++) {
        struct fleet_network n;
        if (fleet_object_copy(FLEET_NETWORK, &n, &from->networks[i], err) < 0)
            return -1;
        if (fleet_put_network(to, &n, err) < 0) {
            fleet_network_fini(&n);
            return -1;
        }
    }
    for (size_t i = 0; i < from->profile_count; i++) {
        struct fleet_profile p;
        if (fleet_object_copy(FLEET_PROFILE, &p, &from->profiles[i], err) < 0)
            return -1;
        if (fleet_put_profile(to, &p, err) < 0) {
            fleet_profile_fini(&p);
            return -1;
        }
    }
    for (size_t i = 0; i < from->node_count; i++) {
        struct fleet_node n;
        if (fleet_object_copy(FLEET_NODE, &n, &from->nodes[i], err) < 0)
            return -1;
        if (fleet_put_node(to, &n, err) < 0) {
            fleet_node_fini(&n);
            return -1;
        }
    }
    return 0;
}

struct fleet *fleet_copy(const struct fleet *fleet)
{
    struct error err;
    struct fleet_clash clash;
    struct fleet *copy = fleet_new();
    if (!copy)
        return NULL;
    if (copy_objects(copy, fleet, &err) == 0 &&
        (!fleet->index->finished || fleet_index_build(copy, &clash, &err) == 0))
        return copy;
    fleet_free(copy);
    return NULL;
}

const char *fleet_hostname(const struct fleet_node *node)
{
    return node->hostname ? node->hostname : node->name;
}

struct fleet_settings fleet_effective(const struct fleet *fleet, const struct fleet_node *node)
{
    static const struct fleet_settings none;
    const struct fleet_profile *profile = node->profile ? fleet_profile_by_name(fleet, node->profile) : NULL;
    const struct fleet_settings *under = profile ? &profile->settings : &none;
    struct fleet_settings s = node->settings;
    if (!s.image)
        s.image = under->image;
    if (!s.kernel_options)
        s.kernel_options = under->kernel_options;
    if (!s.root_hash && !s.root_hash_weak) {
        s.root_hash = under->root_hash;
        s.root_hash_weak = under->root_hash_weak;
    }
    if (s.ssh == FLEET_UNSET)
        s.ssh = under->ssh == FLEET_UNSET ? FLEET_ON : under->ssh;
    if (!s.key_count) {
        s.key_count = under->key_count;
        s.keys = under->keys;
    }
    if (!s.datastore_count) {
        s.datastore_count = under->datastore_count;
        s.datastores = under->datastores;
    }
    if (!s.welcome)
        s.welcome = under->welcome;
    if (!s.files)
        s.files = under->files;
    if (!s.loader)
        s.loader = under->loader;
    if (!s.leave_out)
        s.leave_out = under->leave_out;
    if (!s.overlay)
        s.overlay = under->overlay;
    if (!s.agent)
        s.agent = under->agent;
    if (!s.priority)
        s.priority = under->priority;
    if (s.secure_boot == FLEET_UNSET)
        s.secure_boot = under->secure_boot == FLEET_UNSET ? FLEET_OFF : under->secure_boot;
    if (!s.vlan)
        s.vlan = under->vlan;
    if (!s.boot)
        s.boot = under->boot;
    if (!s.between)
        s.between = under->between;
    if (!s.days)
        s.days = under->days;
    if (!s.time_zone)
        s.time_zone = under->time_zone;
    return s;
}

bool fleet_network_is_proxy(const struct fleet_network *network)
{
    return network->mode && strcmp(network->mode, "proxy") == 0;
}
