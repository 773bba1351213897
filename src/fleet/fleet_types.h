/* The types of values that the table of keys is made of. */
#pragma once

#include "fleet/fleet_schema.h"

extern const struct fleet_type fleet_type_text;       /* char * */
extern const struct fleet_type fleet_type_switch;     /* enum fleet_switch */
extern const struct fleet_type fleet_type_number;     /* uint32_t, not 0 */
extern const struct fleet_type fleet_type_ip;         /* uint32_t */
extern const struct fleet_type fleet_type_subnet;     /* of a network: subnet, prefix */
extern const struct fleet_type fleet_type_pool;       /* of a network: pool_first, pool_last */
extern const struct fleet_type fleet_type_dns;        /* of a network: dns */
extern const struct fleet_type fleet_type_lease;      /* uint32_t, seconds */
extern const struct fleet_type fleet_type_macs;       /* of a node: macs */
extern const struct fleet_type fleet_type_keys;       /* of settings: keys */
extern const struct fleet_type fleet_type_datastores; /* of settings: datastores */

#define FLEET_SHOWN_MAX 80
/* A value as it may stand in a message: one printable line, cut when long. */
const char *fleet_shown(const char *text, char out[static FLEET_SHOWN_MAX]);

/* What a type may be given. Errors have no position; *at is the item at fault. `shape` is an example. */
int fleet_expect_text(const struct yaml *value, const char *shape, struct error *err);
/* A list of texts, or one text that stands for a list of one. */
int fleet_expect_list(const struct yaml *value, size_t most, const char *shape, const struct yaml **at,
                      struct error *err);
/* The texts of a value that fleet_expect_list let pass. */
const struct yaml *fleet_first_text(const struct yaml *value);
const struct yaml *fleet_next_text(const struct yaml *value, const struct yaml *text);

int fleet_read_switch(const struct yaml *value, enum fleet_switch *out, struct error *err);
