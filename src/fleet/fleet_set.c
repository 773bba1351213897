#include "fleet/fleet_set.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "fleet/fleet_entry.h"

#include <stdlib.h>
#include <string.h>

/* The words as the map that a YAML file would hold. */
struct words {
    struct yaml name, map;
    struct yaml *values, *keys; /* one of each a word */
    struct yaml **items;        /* of lists, one array a word, or NULL */
    char **texts;               /* what the items of a list point into */
    size_t count;
};

static void words_fini(struct words *w)
{
    for (size_t i = 0; i < w->count; i++) {
        if (w->items)
            free(w->items[i]);
        if (w->texts)
            free(w->texts[i]);
    }
    free(w->items);
    free(w->texts);
    free(w->values);
    free(w->keys);
}

/* Between the hosts of "vms=nfs41:host1,host2:/path". */
static bool is_between_hosts(const char *item, const char *comma)
{
    const char *kind = strstr(item, "=nfs41:"), *path = strstr(item, ":/");
    return kind && kind < comma && (!path || path > comma);
}

/* A comma inside an authorized_keys line (its options have some) does not end it; one in front of a new line
 * does. */
static bool ends_item(const struct fleet_key *key, const char *item, const char *comma)
{
    if (strcmp(key->name, "datastores") == 0)
        return !is_between_hosts(item, comma);
    if (strcmp(key->name, "authorized_keys") != 0)
        return true;
    return text_starts(comma + 1, "ssh-") || text_starts(comma + 1, "ecdsa-") ||
           text_starts(comma + 1, "sk-");
}

static char *item_end(const struct fleet_key *key, char *item)
{
    for (char *p = item; *p; p++)
        if (*p == '\n' || (*p == ',' && ends_item(key, item, p)))
            return p;
    return NULL;
}

/* "a,b" as a list. */
static int split(struct words *w, size_t at, const struct fleet_key *key, const char *value)
{
    size_t most = 1;
    for (const char *p = value; *p; p++)
        most += *p == ',' || *p == '\n';
    char *text = w->texts[at] = strdup(value);
    struct yaml *items = w->items[at] = calloc(most, sizeof *items);
    if (!text || !items)
        return -1;
    struct yaml *list = &w->values[at];
    list->kind = YAML_LIST;
    list->text = NULL;
    list->first = items;
    while (text) {
        char *end = item_end(key, text);
        if (end)
            *end++ = 0;
        struct yaml *item = &items[list->count++];
        *item = (struct yaml){.kind = YAML_SCALAR, .plain = true, .text = text};
        if (item > items)
            item[-1].next = item;
        text = end;
    }
    return 0;
}

static int words_init(struct words *w, enum fleet_kind kind, const struct fleet_word *words, size_t count)
{
    w->count = count;
    w->values = calloc(count + 1, sizeof *w->values);
    w->keys = calloc(count + 1, sizeof *w->keys);
    w->items = calloc(count + 1, sizeof *w->items);
    w->texts = calloc(count + 1, sizeof *w->texts);
    if (!w->values || !w->keys || !w->items || !w->texts)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct fleet_key *key = fleet_key_find(kind, words[i].key);
        w->keys[i] = (struct yaml){.kind = YAML_SCALAR, .text = words[i].key};
        w->values[i] = (struct yaml){.kind = YAML_SCALAR, .text = words[i].value, .key = &w->keys[i]};
        if (i)
            w->values[i - 1].next = &w->values[i];
        if (key && key->type->list && !key->ranged && *words[i].value && split(w, i, key, words[i].value) < 0)
            return -1;
    }
    w->map.first = count ? w->values : NULL;
    return 0;
}

static int set(struct fleet *fleet, enum fleet_kind kind, const char *name, const struct fleet_word *words,
               size_t count, struct error *err)
{
    struct words w = {.name = {.kind = YAML_SCALAR, .text = name}, .map = {.kind = YAML_MAP, .count = count}};
    struct fleet_entry entry = {kind, "", &w.name, &w.map};
    int result = words_init(&w, kind, words, count) < 0
                     ? error_set(err, "out of memory")
                     : fleet_entry_put(fleet, &entry, FLEET_ENTRY_CHANGE, err);
    words_fini(&w);
    return result;
}

int fleet_set_nodes(struct fleet *fleet, const char *range, const struct fleet_word *words, size_t count,
                    struct error *err)
{
    return set(fleet, FLEET_NODE, range, words, count, err);
}

int fleet_set_profile(struct fleet *fleet, const char *name, const struct fleet_word *words, size_t count,
                      struct error *err)
{
    return set(fleet, FLEET_PROFILE, name, words, count, err);
}

int fleet_set_network(struct fleet *fleet, const char *name, const struct fleet_word *words, size_t count,
                      struct error *err)
{
    return set(fleet, FLEET_NETWORK, name, words, count, err);
}
