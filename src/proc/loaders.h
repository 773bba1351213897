/*
 * Boot loaders enter the store like everything else: as an image of family "loader". What Debian's packages
 * pxelinux and syslinux-common install is taken in when `serve` starts, and again when a package brought
 * something newer.
 */
#pragma once

#include "store/store.h"

/* Puts "PXELINUX 6.04 from /usr/lib/PXELINUX added to the store", or "" when it was there already, into note.
 */
int loaders_sync(struct store *store, char note[static 256], struct error *err);
