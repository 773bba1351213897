#include "base/text.h"
#include "fleet/fleet_datastore.h"
#include "fleet/fleet_rules.h"
#include "fleet/fleet_types.h"

#include <stdlib.h>
#include <string.h>

static bool datastores_is_set(const struct fleet_key *key, const void *base)
{
    return ((const struct fleet_settings *)base)->datastore_count != 0;
}

static void datastores_clear(const struct fleet_key *key, void *base)
{
    struct fleet_settings *s = base;
    for (size_t i = 0; i < s->datastore_count; i++)
        fleet_datastore_fini(&s->datastores[i]);
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
    for (size_t i = 0; i < source->datastore_count; i++)
        if (fleet_datastore_copy(&s->datastores[s->datastore_count++], &source->datastores[i]) < 0)
            return -1;
    return 0;
}

static bool datastores_equal(const struct fleet_key *key, const void *a, const void *b)
{
    const struct fleet_settings *left = a, *right = b;
    if (left->datastore_count != right->datastore_count)
        return false;
    for (size_t i = 0; i < left->datastore_count; i++)
        if (!fleet_datastore_equal(&left->datastores[i], &right->datastores[i]))
            return false;
    return true;
}

/* --- in --- */

static int parse_read_only(struct fleet_datastore *d, enum fleet_store_kind kind, const struct yaml *v,
                           struct error *err)
{
    enum fleet_switch value;
    if (fleet_read_switch(v, &value, err) < 0)
        return error_wrap(err, "read_only");
    d->read_only = value == FLEET_ON;
    return 0;
}

static int parse_label(struct fleet_datastore *d, enum fleet_store_kind kind, const struct yaml *v,
                       struct error *err)
{
    if (fleet_expect_text(v, "vms", err) < 0)
        return error_wrap(err, "label");
    d->label = strdup(v->text);
    return d->label ? 0 : error_set(err, "out of memory");
}

static int parse_probe(struct fleet_datastore *d, enum fleet_store_kind kind, const struct yaml *v,
                       struct error *err)
{
    if (fleet_expect_text(v, "write", err) < 0)
        return error_wrap(err, "probe");
    return fleet_datastore_probe(d, v->text, err);
}

static int parse_place(struct fleet_datastore *d, enum fleet_store_kind kind, const struct yaml *v,
                       struct error *err)
{
    bool iscsi = kind == FLEET_STORE_ISCSI;
    if (fleet_expect_text(v, iscsi ? "10.0.0.5/iqn.2001-04.com.example:disk1" : "10.77.0.1:/srv/vms", err) <
        0)
        return error_wrap(err, "%s", fleet_store_words[kind]);
    return fleet_datastore_place(d, kind, v->text, err);
}

static int parse_vmfs(struct fleet_datastore *d, enum fleet_store_kind kind, const struct yaml *v,
                      struct error *err)
{
    enum fleet_switch value;
    if (fleet_read_switch(v, &value, err) < 0)
        return error_wrap(err, "vmfs");
    if (value != FLEET_ON)
        return error_set(err, "vmfs is on, or not there at all");
    return fleet_datastore_place(d, kind, "", err);
}

static const struct datastore_field {
    const char *name;
    enum fleet_store_kind kind;
    int (*parse)(struct fleet_datastore *d, enum fleet_store_kind kind, const struct yaml *v,
                 struct error *err);
} fields[] = {
    {"label", 0, parse_label},
    {"nfs", FLEET_STORE_NFS, parse_place},
    {"nfs41", FLEET_STORE_NFS41, parse_place},
    {"vmfs", FLEET_STORE_VMFS, parse_vmfs},
    {"iscsi", FLEET_STORE_ISCSI, parse_place},
    {"read_only", 0, parse_read_only},
    {"probe", 0, parse_probe},
};

static int parse_field(struct fleet_datastore *d, const struct yaml *v, struct error *err)
{
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (text_equal(fields[i].name, v->key->text))
            return fields[i].parse(d, fields[i].kind, v, err);
    char shown[FLEET_SHOWN_MAX];
    return error_set(err,
                     "unknown key '%s'; a datastore has label, one of nfs, nfs41, vmfs and iscsi, read_only "
                     "and probe",
                     fleet_shown(v->key->text, shown));
}

static int parse_one(struct fleet_datastore *d, const struct yaml *value, const struct yaml **at,
                     struct error *err)
{
    *at = value;
    if (value->kind == YAML_SCALAR && !yaml_is_empty(value))
        return fleet_datastore_parse(d, value->text, err);
    if (value->kind != YAML_MAP)
        return error_set(err, "here is %s; write " FLEET_STORE_SHAPE, yaml_kind_name(value));
    for (const struct yaml *v = value->first; v; v = v->next) {
        *at = v->key;
        if (parse_field(d, v, err) < 0)
            return -1;
    }
    *at = value;
    if (!d->label || !d->host)
        return error_set(err, "%s is missing; write " FLEET_STORE_SHAPE,
                         d->label ? "nfs, nfs41, vmfs or iscsi" : "label");
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
        if (parse_one(&s->datastores[s->datastore_count++], v, at, err) < 0)
            return -1;
    return 0;
}

/* --- out --- */

static void format_place(const struct fleet_datastore *d, struct buf *out)
{
    cleanup_buf struct buf place = BUF_INIT;
    fleet_datastore_format(d, &place);
    buf_format(out, ", %s: ", fleet_store_words[d->kind]);
    if (d->kind == FLEET_STORE_VMFS)
        buf_append_text(out, "on");
    else
        yaml_write_text(out, buf_text(&place));
    out->failed |= place.failed;
}

static void datastores_format(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out)
{
    const struct fleet_settings *s = base;
    buf_append_text(out, "\n");
    for (size_t i = 0; i < s->datastore_count; i++) {
        const struct fleet_datastore *d = &s->datastores[i];
        buf_format(out, "%*s- {label: ", (int)indent, "");
        yaml_write_text(out, d->label);
        format_place(d, out);
        buf_format(out, "%s%s}\n", d->read_only ? ", read_only: on" : "",
                   d->probe_write ? ", probe: write" : "");
    }
}

const struct fleet_type fleet_type_datastores = {.list = true,
                                                 .is_set = datastores_is_set,
                                                 .clear = datastores_clear,
                                                 .copy = datastores_copy,
                                                 .equal = datastores_equal,
                                                 .parse = datastores_parse,
                                                 .format = datastores_format};

int fleet_rule_datastores(const struct fleet_key *key, const void *base, size_t *item, struct error *err)
{
    const struct fleet_settings *s = base;
    for (*item = 0; *item < s->datastore_count; ++*item) {
        const struct fleet_datastore *d = &s->datastores[*item];
        if (fleet_datastore_check(d, err) < 0)
            return -1;
        for (size_t i = 0; i < *item; i++)
            if (fleet_datastore_check_pair(&s->datastores[i], d, err) < 0)
                return -1;
    }
    return 0;
}
