/*
 * What makes an ESXi 5.0 or later a node's own: keys, accounts, the console's text, and a
 * script at the end of the boot. None of this has met a real ESXi; docs/hypervisors.md says what rests on
 * what.
 */
#pragma once

#include "render/overlay.h"
#include "render/overlay_set.h"

int overlay_esxi5_put(const struct overlay_input *input, struct overlay_set *set, struct error *err);
