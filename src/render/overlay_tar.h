/*
 * A ustar archive inside one gzip member, for ESXi. Equal entries give equal bytes: no clock, no names of
 * this machine.
 */
#pragma once

#include "render/overlay_entry.h"

#define OVERLAY_NAME_MAX 100 /* bytes: the name field of ustar; vmtar reuses its prefix field */

/* Appends the archive. The entries are written in the order given. */
int overlay_tar(const struct overlay_entry *entries, size_t count, struct buf *archive, struct error *err);
