#include "fleet/fleet_types.h"

#include "base/cleanup.h"
#include "base/text.h"

#include <ctype.h>
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

/* --- datastores --- */

static bool datastores_is_set(const struct fleet_key *key, const void *base)
{
    return ((const struct fleet_settings *)base)->datastore_count != 0;
}

static void datastore_fini(struct fleet_datastore *d)
{
    free(d->label);
    free(d->host);
    free(d->path);
    *d = (struct fleet_datastore){0};
}

static void datastores_clear(const struct fleet_key *key, void *base)
{
    struct fleet_settings *s = base;
    for (size_t i = 0; i < s->datastore_count; i++)
        datastore_fini(&s->datastores[i]);
    free(s->datastores);
    s->datastores = NULL;
    s->datastore_count = 0;
}

static int datastores_begin(const struct fleet_key *key, struct fleet_settings *s, size_t count)
{
    datastores_clear(key, s);
    s->datastores = calloc(count, sizeof *s->datastores);
    return s->datastores ? 0 : -1;
}

static int datastores_copy(const struct fleet_key *key, void *to, const void *from)
{
    const struct fleet_settings *source = from;
    struct fleet_settings *s = to;
    if (datastores_begin(key, s, source->datastore_count) < 0)
        return -1;
    for (size_t i = 0; i < source->datastore_count; i++) {
        const struct fleet_datastore *d = &source->datastores[i];
        struct fleet_datastore *copy = &s->datastores[s->datastore_count++];
        *copy = (struct fleet_datastore){strdup(d->label), strdup(d->host), strdup(d->path), d->read_only};
        if (!copy->label || !copy->host || !copy->path)
            return -1;
    }
    return 0;
}

static bool datastores_equal(const struct fleet_key *key, const void *a, const void *b)
{
    const struct fleet_settings *left = a, *right = b;
    if (left->datastore_count != right->datastore_count)
        return false;
    for (size_t i = 0; i < left->datastore_count; i++) {
        const struct fleet_datastore *x = &left->datastores[i], *y = &right->datastores[i];
        if (strcmp(x->label, y->label) != 0 || strcmp(x->host, y->host) != 0 ||
            strcmp(x->path, y->path) != 0 || x->read_only != y->read_only)
            return false;
    }
    return true;
}

/*
 * One way to write a share: the hypervisor makes the volume's id of the very bytes of host and path
 * so "NAS:/srv/vms/" and "nas:/srv/vms" would be two datastores.
 */
static void normalise_host(char *host)
{
    size_t size = strlen(host);
    if (size > 1 && host[size - 1] == '.')
        host[size - 1] = 0;
    for (char *p = host; *p; p++)
        *p = (char)tolower((unsigned char)*p);
}

static void normalise_path(char *path)
{
    char *to = path;
    for (const char *from = path; *from; from++)
        if (*from != '/' || to == path || to[-1] != '/')
            *to++ = *from;
    if (to > path + 1 && to[-1] == '/')
        to--;
    *to = 0;
}

/* "host:/path" */
static int share_parse(struct fleet_datastore *d, const char *text, struct error *err)
{
    const char *colon = strchr(text, ':');
    if (!colon || colon == text || colon[1] != '/') {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err, "'%s' is no NFS share; write host:/path, as in 10.77.0.1:/srv/vms",
                         fleet_shown(text, shown));
    }
    d->host = strndup(text, (size_t)(colon - text));
    d->path = strdup(colon + 1);
    if (!d->host || !d->path)
        return error_set(err, "out of memory");
    normalise_host(d->host);
    normalise_path(d->path);
    return 0;
}

/* "label=host:/path" or "label=host:/path:ro", the form of `node set`. */
static int datastore_parse_text(struct fleet_datastore *d, const char *text, struct error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals) {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err, "'%s' is no datastore; write label=host:/path, as in vms=10.77.0.1:/srv/vms",
                         fleet_shown(text, shown));
    }
    cleanup_free char *share = strdup(equals + 1);
    d->label = strndup(text, (size_t)(equals - text));
    if (!share || !d->label)
        return error_set(err, "out of memory");
    if (text_ends(share, ":ro")) {
        share[strlen(share) - 3] = 0;
        d->read_only = true;
    }
    return share_parse(d, share, err);
}

static int datastore_parse_field(struct fleet_datastore *d, const struct yaml *v, struct error *err)
{
    if (strcmp(v->key->text, "read_only") == 0) {
        enum fleet_switch value;
        if (fleet_read_switch(v, &value, err) < 0)
            return error_wrap(err, "read_only");
        d->read_only = value == FLEET_ON;
        return 0;
    }
    bool label = strcmp(v->key->text, "label") == 0;
    if (!label && strcmp(v->key->text, "nfs") != 0) {
        char shown[FLEET_SHOWN_MAX];
        return error_set(err, "unknown key '%s'; a datastore has label, nfs and read_only",
                         fleet_shown(v->key->text, shown));
    }
    if (fleet_expect_text(v, label ? "vms" : "10.77.0.1:/srv/vms", err) < 0)
        return error_wrap(err, "%s", label ? "label" : "nfs");
    if (!label)
        return share_parse(d, v->text, err);
    d->label = strdup(v->text);
    return d->label ? 0 : error_set(err, "out of memory");
}

static int datastore_parse(struct fleet_datastore *d, const struct yaml *value, const struct yaml **at,
                           struct error *err)
{
    *at = value;
    if (value->kind == YAML_SCALAR && !yaml_is_empty(value))
        return datastore_parse_text(d, value->text, err);
    if (value->kind != YAML_MAP)
        return error_set(err, "here is %s; write {label: vms, nfs: 10.77.0.1:/srv/vms}",
                         yaml_kind_name(value));
    for (const struct yaml *v = value->first; v; v = v->next) {
        *at = v->key;
        if (datastore_parse_field(d, v, err) < 0)
            return -1;
    }
    *at = value;
    if (!d->label || !d->host)
        return error_set(err, "%s is missing; write {label: vms, nfs: 10.77.0.1:/srv/vms}",
                         d->label ? "nfs" : "label");
    return 0;
}

static int datastores_parse(const struct fleet_key *key, void *base, const struct yaml *value,
                            const struct yaml **at, struct error *err)
{
    struct fleet_settings *s = base;
    if (value->kind == YAML_MAP || yaml_is_empty(value))
        return error_set(err, "here is %s; write a list, as in %s", yaml_kind_name(value), key->shape);
    if (value->kind == YAML_LIST && !value->count)
        return error_set(err, "the list is empty; leave the key out");
    if (value->count > FLEET_DATASTORES_MAX)
        return error_set(err, "%zu datastores; at most %u are taken", value->count, FLEET_DATASTORES_MAX);
    if (datastores_begin(key, s, value->kind == YAML_LIST ? value->count : 1) < 0)
        return error_set(err, "out of memory");
    for (const struct yaml *v = fleet_first_text(value); v; v = fleet_next_text(value, v))
        if (datastore_parse(&s->datastores[s->datastore_count++], v, at, err) < 0)
            return -1;
    return 0;
}

static void datastores_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    const struct fleet_settings *s = base;
    buf_append_text(out, "\n");
    for (size_t i = 0; i < s->datastore_count; i++) {
        const struct fleet_datastore *d = &s->datastores[i];
        struct buf share = BUF_INIT;
        buf_format(&share, "%s:%s", d->host, d->path);
        buf_format(out, "%*s- {label: ", (int)indent, "");
        yaml_write_text(out, d->label);
        buf_append_text(out, ", nfs: ");
        yaml_write_text(out, buf_text(&share));
        buf_append_text(out, d->read_only ? ", read_only: on}\n" : "}\n");
        out->failed |= share.failed;
        buf_fini(&share);
    }
}

const struct fleet_type fleet_type_datastores = {.list = true,
                                                 .is_set = datastores_is_set,
                                                 .clear = datastores_clear,
                                                 .copy = datastores_copy,
                                                 .equal = datastores_equal,
                                                 .parse = datastores_parse,
                                                 .format = datastores_format};
