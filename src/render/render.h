/*
 * Rendering: a boot plan to bytes. Pure; equal input gives equal bytes. Values are escaped or refused for the
 * target's syntax; nothing here can run code.
 */
#pragma once

#include "base/buf.h"
#include "plan/plan.h"

/*
 * A pxelinux config in the procedure's shape: DEFAULT, LABEL, KERNEL mboot.c32, APPEND kernel [words] ---
 * module ..., IPAPPEND 2. Fails when the line would exceed what SYSLINUX takes (PLAN_LINE_MAX), or a name or
 * word would mean something else there: blanks, control characters, '---', '::'.
 */
int render_pxelinux(const struct plan *plan, struct buf *out, struct error *err);

/* A pxelinux config that boots the local disk, for a machine that is known but has no image, or unknown. */
int render_pxelinux_local(const char *reason, struct buf *out);
