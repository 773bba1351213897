#include "fleet/fleet_yaml.h"

#include "base/text.h"
#include "fleet/fleet_index.h"
#include "fleet/fleet_schema.h"

#include <string.h>

#define SHOWN_MAX 100 /* longer values are only said to have changed */

/* --- the walk --- */

struct walk {
    void *ctx;
    fleet_changed_fn *changed;
};

/* Both sides are sorted by name. */
static int walk_lists(const struct walk *w, enum fleet_kind kind, const void *before, size_t before_count,
                      const void *after, size_t after_count)
{
    size_t size = fleet_kind_size(kind);
    const char *old = before, *new = after;
    const char *old_end = old + before_count * size, *new_end = new + after_count *size;
    int result = 0;
    while (result >= 0 && (old < old_end || new < new_end)) {
        int order = old == old_end   ? 1
                    : new == new_end ? -1
                                     : fleet_name_compare(*(char *const *)(const void *)old,
                                                          *(char *const *)(const void *)new);
        if (order != 0 || !fleet_object_equal(kind, old, new))
            result = w->changed(w->ctx, kind, order <= 0 ? old : NULL, order >= 0 ? new : NULL);
        old += order <= 0 ? size : 0;
        new += order >= 0 ? size : 0;
    }
    return result < 0 ? -1 : 0;
}

int fleet_changes(const struct fleet *before, const struct fleet *after, void *ctx, fleet_changed_fn *changed)
{
    const struct walk w = {ctx, changed};
    if (walk_lists(&w, FLEET_NETWORK, before->networks, before->network_count, after->networks,
                   after->network_count) < 0 ||
        walk_lists(&w, FLEET_PROFILE, before->profiles, before->profile_count, after->profiles,
                   after->profile_count) < 0)
        return -1;
    return walk_lists(&w, FLEET_NODE, before->nodes, before->node_count, after->nodes, after->node_count);
}

/* --- in words --- */

struct diff {
    enum fleet_kind kind;
    struct buf *out;
    size_t lines;
    struct buf before, after; /* one value's text */
};

/* The value as YAML without the blank and newline around it; "none" when unset. */
static const char *value_text(const struct diff *d, const struct fleet_key *key, const void *object,
                              struct buf *text)
{
    const void *base = fleet_base_const(d->kind, key, object);
    buf_clear(text);
    if (!key->type->is_set(key, base))
        return "none";
    key->type->format(key, base, 0, text);
    char *start = (char *)text->data;
    if (text->size)
        start[--text->size] = 0;
    return *start == ' ' ? start + 1 : start;
}

static void diff_key(struct diff *d, const struct fleet_key *key, const void *before, const void *after)
{
    const char *old = value_text(d, key, before, &d->before);
    const char *new = value_text(d, key, after, &d->after);
    if (strcmp(old, new) == 0)
        return;
    buf_format(d->out, "~ %s %s: %s ", fleet_kind_name(d->kind), *(char *const *)after, key->name);
    if (key->hidden || strlen(old) + strlen(new) > SHOWN_MAX || strchr(old, '\n') || strchr(new, '\n'))
        buf_append_text(d->out, strcmp(new, "none") == 0   ? "removed\n"
                                : strcmp(old, "none") == 0 ? "set\n"
                                                           : "changed\n");
    else
        buf_format(d->out, "%s -> %s\n", old, new);
    d->lines++;
}

static void diff_object(struct diff *d, const void *before, const void *after)
{
    size_t count;
    const struct fleet_key *keys = fleet_keys(&count);
    for (size_t i = 0; i < count; i++)
        if (keys[i].kinds & FLEET_BIT(d->kind))
            diff_key(d, &keys[i], before, after);
}

static void one_sided(struct diff *d, char sign, const void *object)
{
    buf_format(d->out, "%c %s %s\n", sign, fleet_kind_name(d->kind), *(char *const *)object);
    d->lines++;
}

static int diff_changed(void *ctx, enum fleet_kind kind, const void *before, const void *after)
{
    struct diff *d = ctx;
    d->kind = kind;
    if (before && after)
        diff_object(d, before, after);
    else
        one_sided(d, before ? '-' : '+', before ? before : after);
    return 0;
}

size_t fleet_diff(const struct fleet *before, const struct fleet *after, struct buf *out)
{
    struct diff d = {.out = out};
    fleet_changes(before, after, &d, diff_changed);
    out->failed |= d.before.failed || d.after.failed;
    buf_fini(&d.before);
    buf_fini(&d.after);
    return d.lines;
}
