/*
 * What makes an ESXi 3.5 to 4.1 image a node's own: accounts, keys, the console's text,
 * and scripts that the hypervisor's init sources.
 */
#pragma once

#include "render/overlay.h"
#include "render/overlay_set.h"

int overlay_esxi_put(const struct overlay_input *input, struct overlay_set *set, struct error *err);
