/*
 * What makes one fleet into another, as text: what the net process is sent when the operator changed a node
 * of 100,000. It is YAML as in fleet_yaml.h, in which each object that is new or another stands whole, and
 * "rack01: gone" for one that is not there any more.
 */
#pragma once

#include "fleet/fleet_yaml.h"

/* Of two finished fleets. Appends to out; nothing where they are equal. */
int fleet_change_format(const struct fleet *before, const struct fleet *after, enum fleet_secrets secrets,
                        struct buf *out, struct error *err);

/* Does what the text says and finishes the fleet. On failure the fleet is half changed and of no more use. */
int fleet_change_apply(struct fleet *fleet, struct slice text, struct error *err);
