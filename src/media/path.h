/* Names inside media, made clean (media.h says what that is). Errors say only what is wrong with the name;
 * the caller puts the container before it. */
#pragma once

#include "media/media.h"

#include <stdbool.h>
#include <stddef.h>

/* Drops "./" and doubled slashes; everything else that is not clean is an error. */
int path_clean(const char *raw, char out[static MEDIA_PATH_MAX], struct error *err);

/* dir (clean, or "") + "/" + one name, which may hold no slash. */
int path_join(const char *dir, const char *name, char out[static MEDIA_PATH_MAX], struct error *err);

/* Where a symbolic link leads, within its container ("" is the top); "/" begins at the container's top. False
 * when it leads out, or to no clean name. `link` is the link's own path, clean, or "". */
bool path_follow(const char *link, const char *target, char out[static MEDIA_PATH_MAX]);

/* The last part. */
const char *path_base(const char *path);

/* The name a compressed file has inside: "x.dd.bz2" -> "x.dd", "x.tgz" -> "x.tar"; others stay. */
void path_unpacked(const char *name, char *out, size_t out_size);
