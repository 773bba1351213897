/*
 * The agent's part of an overlay (docs/agent.md): its scripts for this kind of host, and the list it works
 * from when the server does not answer. What starts it is the family's own.
 */
#pragma once

#include "image/image.h"
#include "inventory/vm_restore.h"
#include "render/overlay_set.h"

#define OVERLAY_AGENT_PATH "etc/bootherd/agent.sh"

/* By the image's family; Linux is VM_HOST_LINUX, as what it has shows on the host. VM_HOST_NONE: no agent. */
enum vm_host_kind overlay_agent_kind(const struct image *image);

int overlay_put_agent(const struct image *image, const char *list, struct overlay_set *set,
                      struct error *err);
