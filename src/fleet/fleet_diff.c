#include "fleet/fleet_yaml.h"

#include "base/text.h"
#include "fleet/fleet_index.h"
#include "fleet/fleet_schema.h"

#include <string.h>

#define SHOWN_MAX 100 /* longer values are only said to have changed */

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

/* Both sides are sorted by name. */
static void diff_lists(struct diff *d, const void *before, size_t before_count, const void *after,
                       size_t after_count)
{
    size_t size = fleet_kind_size(d->kind);
    const char *old = before, *new = after;
    const char *old_end = old + before_count * size, *new_end = new + after_count *size;
    while (old < old_end || new < new_end) {
        int order = old == old_end   ? 1
                    : new == new_end ? -1
                                     : fleet_name_compare(*(char *const *)(const void *)old,
                                                          *(char *const *)(const void *)new);
        if (order < 0)
            one_sided(d, '-', old);
        else if (order > 0)
            one_sided(d, '+', new);
        else
            diff_object(d, old, new);
        old += order <= 0 ? size : 0;
        new += order >= 0 ? size : 0;
    }
}

size_t fleet_diff(const struct fleet *before, const struct fleet *after, struct buf *out)
{
    struct diff d = {.out = out};
    d.kind = FLEET_NETWORK;
    diff_lists(&d, before->networks, before->network_count, after->networks, after->network_count);
    d.kind = FLEET_PROFILE;
    diff_lists(&d, before->profiles, before->profile_count, after->profiles, after->profile_count);
    d.kind = FLEET_NODE;
    diff_lists(&d, before->nodes, before->node_count, after->nodes, after->node_count);
    out->failed |= d.before.failed || d.after.failed;
    buf_fini(&d.before);
    buf_fini(&d.after);
    return d.lines;
}
