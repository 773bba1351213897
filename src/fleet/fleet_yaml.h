/*
 * The fleet as YAML. apply takes it, dump writes it, the database keeps one object of it per row, and the net
 * process is handed it without secrets.
 *
 *   networks:
 *     lab:
 *       subnet: 10.77.0.0/24
 *       gateway: 10.77.0.1
 *       dns: [10.77.0.1]
 *       pool: 10.77.0.100-10.77.0.199
 *       lease: 1h
 *   profiles:
 *     esxi:
 *       image: esxi-4.0.0-208167
 *       root_password_hash: $6$...
 *       ssh: on
 *       authorized_keys: [ssh-rsa AAAA... me]
 *       datastores:
 *         - {label: vms, nfs: 10.77.0.1:/srv/vms}
 *       welcome: |
 *         rack 1
 *       files: extra
 *   nodes:
 *     rack[01-32]:
 *       mac: ...
 *       ip: 10.77.0.[11-42]
 *       profile: esxi
 *
 * The keys, their types and limits stand in one table (fleet_schema.c); help and errors ("did you mean") come
 * from it.
 */
#pragma once

#include "fleet/fleet.h"

#define FLEET_YAML_MAX (256u << 20) /* bytes of one file */

/* Errors: "fleet.yaml:12:7: ...". *out is a finished fleet, owned by the caller. */
int fleet_parse_yaml(const char *name, struct slice text, struct fleet **out, struct error *err);

enum fleet_secrets {
    FLEET_WITH_SECRETS,
    /* What the net process may see. Password hashes, keys and the files folder are there with a stand-in for
     * their value, since whether they are set decides what a machine boots. */
    FLEET_WITHOUT_SECRETS,
};

/* Text that fleet_parse_yaml takes back to an equal fleet; equal fleets give equal bytes. Appends to out. */
int fleet_format_yaml(const struct fleet *fleet, enum fleet_secrets secrets, struct buf *out,
                      struct error *err);

/* One object as it stands in its section, "  rack01:" and its keys: what a database row keeps. A section's
 * line
 * ("nodes:") and its objects' texts together are what fleet_parse_yaml reads. */
void fleet_format_object(enum fleet_kind kind, const void *object, enum fleet_secrets secrets,
                         struct buf *out);

/*
 * Calls `changed` for each object that differs between two finished fleets: kinds in their order, names in
 * natural order. before NULL: it is new; after NULL: it is gone. A negative return ends the walk, which
 * returns -1.
 */
typedef int fleet_changed_fn(void *ctx, enum fleet_kind kind, const void *before, const void *after);
int fleet_changes(const struct fleet *before, const struct fleet *after, void *ctx,
                  fleet_changed_fn *changed);

/* One line per difference for people: "+ node rack01", "~ node rack02: ip 10.77.0.12 -> 10.77.0.13", "-
 * profile old". Returns their count. */
size_t fleet_diff(const struct fleet *before, const struct fleet *after, struct buf *out);
