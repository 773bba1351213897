/*
 * The plain part of YAML, read five times as fast as libfyaml can and with memory for one entry at a time:
 * what `dump` writes and most people type. Maps and lists in blocks; lists and maps of scalars in one line;
 * scalars plain, quoted or "|"; comments on lines of their own. A fleet of 100,000 nodes is read at each
 * start of a server.
 *
 * It takes nothing that yaml_read would not take, and gives the same values (tests/fuzz/fuzz_yaml_quick.c);
 * what it is not sure of, errors among it, it leaves to yaml_read, which knows the places.
 */
#pragma once

#include "fleet/yaml.h"

/* One value two maps deep, with its key, under the section's name; it lives until the call returns. False
 * stops. */
typedef bool yaml_entry_fn(void *ctx, const char *section, const struct yaml *entry);

/* False: not read, or not to its end, and entries may have been seen before: start over with yaml_read. */
bool yaml_quick(struct slice text, void *ctx, yaml_entry_fn *each);
