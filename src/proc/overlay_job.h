/* Gathers what an overlay is made of (fleet, image, the operator's files below /files) and renders it. */
#pragma once

#include "base/buf.h"
#include "fleet/fleet.h"
#include "image/image.h"

#define OVERLAY_FILES_FOLDER "files" /* below --root; settings->files names a folder in it */

/* files_root_fd: the folder that holds OVERLAY_FILES_FOLDER. agent_list: of the node's agent, or NULL.
 * listing may be NULL. */
int overlay_job(int files_root_fd, const struct fleet *fleet, const struct fleet_node *node,
                const struct image *image, const char *agent_list, struct buf *archive, struct buf *listing,
                struct error *err);
