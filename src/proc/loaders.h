/*
 * Boot loaders enter the store like everything else: as images of family "loader". What Debian's packages
 * have installed is taken in when `serve` starts, and again when a package brought something newer. One that
 * the operator added himself stays as it is.
 */
#pragma once

#include "plan/chain.h"
#include "store/store.h"

/* image.source of those that packages brought begins with this. */
#define LOADERS_FROM_PACKAGES "Debian package"

bool loaders_is_own(const struct image *image); /* the operator added it */

/*
 * system_fd: "/", below which packages install. `say` is called per line for people: what was taken in, what
 * could not be, and last what is there and what is missing. Fails when the store does, or when it has no boot
 * loader at all.
 */
int loaders_sync(struct store *store, int system_fd, void *ctx, void (*say)(void *ctx, const char *line),
                 struct error *err);

/* Of which loaders all the parts that have names are installed: bits 1 << enum plan_loader. */
unsigned loaders_installed(int system_fd);

/*
 * The name under which what was recognised as `found` ("pxelinux-3.86") enters the store, when the operator
 * wished `wish` (NULL: no wish). `warning` is "" or one line for him. Fails when no chain would use it.
 */
int loaders_name(const char *found, const char *wish, char name[static IMAGE_NAME_MAX],
                 char warning[static 256], struct error *err);
