/*
 * The one table of keys: what each applies to, how it is read, written, checked and copied, and its line of
 * help. YAML in and out, `node set`, the difference, fleet_copy and the fini functions all walk it; a new
 * setting is a new line there.
 */
#pragma once

#include "fleet/fleet.h"
#include "fleet/yaml.h"

struct fleet_key;

/*
 * How one type of value is handled. `base` is the struct that `offset` counts from: the network, the node, or
 * the settings of a node or profile. parse replaces what is there; where it fails, *at may be set to the part
 * of the value at fault, and the text has no position yet. check is told nothing of YAML: *item is the index
 * of the list's item at fault.
 */
struct fleet_type {
    bool list; /* `node set` splits its text at commas */
    bool (*is_set)(const struct fleet_key *key, const void *base);
    void (*clear)(const struct fleet_key *key, void *base);
    int (*copy)(const struct fleet_key *key, void *to, const void *from);     /* -1: out of memory */
    bool (*equal)(const struct fleet_key *key, const void *a, const void *b); /* both are set */
    int (*parse)(const struct fleet_key *key, void *base, const struct yaml *value, const struct yaml **at,
                 struct error *err);
    /* YAML, from behind "key:" to the end of its last line; lines of its own are indented by `indent`. */
    void (*format)(const struct fleet_key *key, const void *base, unsigned indent, struct buf *out);
};

struct fleet_key {
    const char *name;
    unsigned kinds;   /* bits FLEET_BIT(kind) */
    bool in_settings; /* its place is in struct fleet_settings */
    /* A secret's stand-in under FLEET_WITHOUT_SECRETS, in YAML, which passes `check`; NULL: no secret.
     * Secrets are never shown in a difference. */
    const char *hidden;
    bool ranged; /* one value for each node of a range */
    const struct fleet_type *type;
    size_t offset;
    int (*check)(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
    const char *shape; /* an example of the value, for help */
    const char *help;
};
#define FLEET_BIT(kind) (1u << (kind))

/* The keys of all kinds, in the order dump writes them. */
const struct fleet_key *fleet_keys(size_t *count);
const struct fleet_key *fleet_key_find(enum fleet_kind kind, const char *name);

/* Sets "... unknown key ...; did you mean ...?" or the list of keys; returns -1. */
int fleet_key_unknown(enum fleet_kind kind, const char *name, struct error *err);

const char *fleet_kind_name(enum fleet_kind kind);    /* "network" */
const char *fleet_kind_section(enum fleet_kind kind); /* "networks" */
int fleet_kind_of_section(const char *section);       /* -1: there is none of this name */
size_t fleet_kind_size(enum fleet_kind kind);         /* of its struct, which starts with its name */

/* The base for a key in an object of its kind. */
void *fleet_base(enum fleet_kind kind, const struct fleet_key *key, void *object);
const void *fleet_base_const(enum fleet_kind kind, const struct fleet_key *key, const void *object);

/* The whole object, name included. */
void fleet_object_fini(enum fleet_kind kind, void *object);
int fleet_object_copy(enum fleet_kind kind, void *to, const void *from, struct error *err);
/* Whether all keys are the same; the names are not looked at. */
bool fleet_object_equal(enum fleet_kind kind, const void *a, const void *b);

/* Reads and checks one value. On failure *at is the value to blame. */
int fleet_key_parse(enum fleet_kind kind, const struct fleet_key *key, void *object, const struct yaml *value,
                    const struct yaml **at, struct error *err);
