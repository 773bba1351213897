/* What a single value must be to be taken, whoever made the fleet. One rule a key; the table of keys names
 * them. */
#pragma once

#include "fleet/fleet_schema.h"

int fleet_rule_unicast(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_subnet(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_dns(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_lease(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_interface(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_domain(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_hostname(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_macs(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_name(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_image(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_options(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_hash(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_hash_weak(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_keys(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_datastores(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_welcome(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_mode(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_loader(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_priority(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_overlay(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_agent(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_leave_out(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_boot(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_between(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_days(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_time_zone(const struct fleet_key *key, const void *base, size_t *item, struct error *err);
int fleet_rule_vlan(const struct fleet_key *key, const void *base, size_t *item, struct error *err);

/* Printable UTF-8 in one line, 1 to `most` bytes. */
int fleet_line_valid(const char *text, size_t most, struct error *err);

/* RFC 1123, section 2.1: labels of letters, digits and '-', at most 63 each. `most` bytes in all. */
int fleet_hostname_valid(const char *text, size_t most, struct error *err);
#define FLEET_HOSTNAME_MAX 63 /* bytes; what a lease keeps (serve/lease.h) */
#define FLEET_DOMAIN_MAX   253
