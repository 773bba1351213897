/* Files that the overlays of more than one family hold, each under its own path. */
#pragma once

#include "fleet/fleet.h"
#include "image/image.h"
#include "render/overlay_set.h"

/* A password or a key was set: root's password is the one given, or none. Else the image's accounts stay. */
bool overlay_has_login(const struct fleet_settings *settings);

/* etc/shadow as overlay_shadow makes it. */
int overlay_put_shadow(const struct image *image, const char *hash, unsigned mode, struct overlay_set *set,
                       struct error *err);

/* The hash alone, or what locks the password, in one line: for a script or an init. */
int overlay_put_hash(const char *hash, const char *path, unsigned mode, struct overlay_set *set,
                     struct error *err);

/* FOLDER/authorized_keys, one key a line. */
int overlay_put_keys(const struct fleet_settings *settings, const char *folder, unsigned folder_mode,
                     unsigned mode, struct overlay_set *set, struct error *err);

/* Text for people, of one line or more; it ends with a line break. Refuses control characters. */
int overlay_put_welcome(const char *welcome, const char *path, unsigned mode, struct overlay_set *set,
                        struct error *err);

size_t overlay_count_stores(const struct fleet_settings *settings, enum fleet_store_kind kind);

/* Refuses what etc/shadow cannot hold in a field, and nothing. */
int overlay_check_hash(const char *hash, struct error *err);

/* Refuses control characters; `what` is for the message. */
int overlay_check_line(const char *text, const char *what, struct error *err);
