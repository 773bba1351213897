#include "fleet/fleet_types.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* --- hardware addresses --- */

static bool macs_is_set(const struct fleet_key *key, const void *base)
{
    return ((const struct fleet_node *)base)->mac_count != 0;
}

static void macs_clear(const struct fleet_key *key, void *base)
{
    ((struct fleet_node *)base)->mac_count = 0;
}

static int macs_copy(const struct fleet_key *key, void *to, const void *from)
{
    const struct fleet_node *source = from;
    struct fleet_node *n = to;
    n->mac_count = source->mac_count;
    memcpy(n->macs, source->macs, sizeof n->macs);
    return 0;
}

static bool macs_equal(const struct fleet_key *key, const void *a, const void *b)
{
    const struct fleet_node *left = a, *right = b;
    return left->mac_count == right->mac_count &&
           memcmp(left->macs, right->macs, left->mac_count * sizeof left->macs[0]) == 0;
}

static int macs_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                      const struct yaml **at, struct error *err)
{
    struct fleet_node *n = base;
    if (fleet_expect_list(value, FLEET_MACS_MAX, key->shape, at, err) < 0)
        return -1;
    n->mac_count = 0;
    for (const struct yaml *v = fleet_first_text(value); v; v = fleet_next_text(value, v)) {
        *at = v;
        if (!mac_parse(v->text, &n->macs[n->mac_count])) {
            char shown[FLEET_SHOWN_MAX];
            return error_set(err, "'%s' is no MAC address; write six pairs of hex digits, as in %s",
                             fleet_shown(v->text, shown), key->shape);
        }
        n->mac_count++;
    }
    return 0;
}

/* Quoted: to a reader of YAML 1.1 a MAC of decimal digits is a number in base 60. */
static void macs_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    const struct fleet_node *n = base;
    char mac[MAC_TEXT_SIZE];
    if (n->mac_count == 1) {
        buf_format(out, " \"%s\"\n", mac_format(&n->macs[0], mac));
        return;
    }
    for (size_t i = 0; i < n->mac_count; i++)
        buf_format(out, "%s\"%s\"", i ? ", " : " [", mac_format(&n->macs[i], mac));
    buf_append_text(out, "]\n");
}

const struct fleet_type fleet_type_macs = {.list = true,
                                           .is_set = macs_is_set,
                                           .clear = macs_clear,
                                           .copy = macs_copy,
                                           .equal = macs_equal,
                                           .parse = macs_parse,
                                           .format = macs_format};

/* --- authorized_keys --- */

static bool keys_is_set(const struct fleet_key *key, const void *base)
{
    return ((const struct fleet_settings *)base)->key_count != 0;
}

static void keys_clear(const struct fleet_key *key, void *base)
{
    struct fleet_settings *s = base;
    for (size_t i = 0; i < s->key_count; i++)
        free(s->keys[i]);
    free(s->keys);
    s->keys = NULL;
    s->key_count = 0;
}

/* Makes room for the most that can come, so that a half-filled list is freed like any other. */
static int keys_begin(const struct fleet_key *key, struct fleet_settings *s, size_t count)
{
    keys_clear(key, s);
    s->keys = calloc(count, sizeof *s->keys);
    return s->keys ? 0 : -1;
}

static int keys_add(struct fleet_settings *s, const char *text)
{
    char *line = strdup(text);
    if (!line)
        return -1;
    s->keys[s->key_count++] = line;
    return 0;
}

static int keys_copy(const struct fleet_key *key, void *to, const void *from)
{
    const struct fleet_settings *source = from;
    if (keys_begin(key, to, source->key_count) < 0)
        return -1;
    for (size_t i = 0; i < source->key_count; i++)
        if (keys_add(to, source->keys[i]) < 0)
            return -1;
    return 0;
}

static bool keys_equal(const struct fleet_key *key, const void *a, const void *b)
{
    const struct fleet_settings *left = a, *right = b;
    if (left->key_count != right->key_count)
        return false;
    for (size_t i = 0; i < left->key_count; i++)
        if (strcmp(left->keys[i], right->keys[i]) != 0)
            return false;
    return true;
}

static int keys_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                      const struct yaml **at, struct error *err)
{
    if (fleet_expect_list(value, FLEET_KEYS_MAX, key->shape, at, err) < 0)
        return -1;
    bool room = keys_begin(key, base, value->kind == YAML_LIST ? value->count : 1) == 0;
    for (const struct yaml *v = fleet_first_text(value); room && v; v = fleet_next_text(value, v)) {
        cleanup_free char *line = strdup(v->text);
        if (line && text_ends(line, "\n")) /* what "- |" leaves behind one line */
            line[strlen(line) - 1] = 0;
        room = line && keys_add(base, line) == 0;
    }
    return room ? 0 : error_set(err, "out of memory");
}

static void keys_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    const struct fleet_settings *s = base;
    buf_append_text(out, "\n");
    for (size_t i = 0; i < s->key_count; i++) {
        buf_format(out, "%*s- ", (int)indent, "");
        yaml_write_text(out, s->keys[i]);
        buf_append_text(out, "\n");
    }
}

const struct fleet_type fleet_type_keys = {.list = true,
                                           .is_set = keys_is_set,
                                           .clear = keys_clear,
                                           .copy = keys_copy,
                                           .equal = keys_equal,
                                           .parse = keys_parse,
                                           .format = keys_format};
