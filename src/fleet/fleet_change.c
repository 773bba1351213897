#include "fleet/fleet_change.h"

#include "fleet/fleet_entry.h"
#include "fleet/yaml_quick.h"

#include <string.h>

#define GONE "gone"

/* --- out --- */

struct writer {
    enum fleet_secrets secrets;
    enum fleet_kind section; /* that the text is in */
    struct buf *out;
};

static int write_changed(void *ctx, enum fleet_kind kind, const void *before, const void *after)
{
    struct writer *w = ctx;
    if (w->section != kind)
        buf_format(w->out, "%s:\n", fleet_kind_section(kind));
    w->section = kind;
    if (after) {
        fleet_format_object(kind, after, w->secrets, w->out);
        return 0;
    }
    buf_append_text(w->out, "  ");
    yaml_write_text(w->out, *(char *const *)before); /* starts with its name */
    buf_append_text(w->out, ": " GONE "\n");
    return 0;
}

int fleet_change_format(const struct fleet *before, const struct fleet *after, enum fleet_secrets secrets,
                        struct buf *out, struct error *err)
{
    struct writer w = {secrets, FLEET_KINDS, out};
    fleet_changes(before, after, &w, write_changed);
    return out->failed ? error_set(err, "out of memory") : 0;
}

/* --- in --- */

struct changer {
    struct fleet *fleet;
    struct error *err;
};

static bool change_entry(void *ctx, const char *section, const struct yaml *entry)
{
    static bool (*const removers[FLEET_KINDS])(struct fleet *, const char *) = {
        [FLEET_NETWORK] = fleet_remove_network,
        [FLEET_PROFILE] = fleet_remove_profile,
        [FLEET_NODE] = fleet_remove_node,
    };
    struct changer *c = ctx;
    int kind = fleet_kind_of_section(section);
    if (kind < 0) {
        error_set(c->err, "a change of '%s', which no fleet has", section);
        return false;
    }
    if (entry->text && strcmp(entry->text, GONE) == 0) {
        removers[kind](c->fleet, entry->key->text);
        return true;
    }
    struct fleet_entry e = {(enum fleet_kind)kind, "the change", entry->key, entry};
    return fleet_entry_put(c->fleet, &e, FLEET_ENTRY_REPLACE, c->err) == 0;
}

/* Whatever the quick reader does not take; to do the beginning once more changes nothing. */
static int apply_thorough(struct changer *c, struct slice text)
{
    struct yaml_tree tree;
    if (yaml_read("the change", text, &tree, c->err) < 0)
        return -1;
    bool ok = !tree.root || tree.root->kind == YAML_MAP;
    if (!ok)
        error_set(c->err, "the change is no map");
    for (const struct yaml *s = ok && tree.root ? tree.root->first : NULL; ok && s; s = s->next)
        for (const struct yaml *v = s->kind == YAML_MAP ? s->first : NULL; ok && v; v = v->next)
            ok = change_entry(c, s->key->text, v);
    yaml_tree_fini(&tree);
    return ok ? 0 : -1;
}

int fleet_change_apply(struct fleet *fleet, struct slice text, struct error *err)
{
    struct changer c = {fleet, err};
    if (!yaml_quick(text, &c, change_entry) && apply_thorough(&c, text) < 0)
        return -1;
    return fleet_finish(fleet, err);
}
