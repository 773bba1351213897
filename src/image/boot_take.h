/* Files of a boot set on their way into an image: found among what was collected, named for loaders. */
#pragma once

#include "image/boot_set.h"
#include "image/collect.h"

/* What was kept of a file of the source; when it is packed, its inside. NULL when nothing came. */
struct collected *boot_collected(struct collection *c, const char *path, bool packed);

/*
 * The name an image gives it: its base name, with '-' for what no loader asks for, in lower case when ISO
 * 9660 made it upper case; without ".gz" when `unpacked`. With its folder, or a number, in front when the
 * image, or one of `others`, has that name. Owned by the caller; NULL when memory runs out.
 */
char *boot_name(const struct image *image, const char *path, bool unpacked, char *const *others,
                size_t other_count);

/* collect_take under a name of boot_name's, with a note when that is not the file's. */
int boot_take(struct collection *c, struct collected *file, struct image *image, enum image_role role,
              const char *options, struct error *err);

/* The modules of the set from `first` on, in order. */
int boot_take_modules(struct collection *c, const struct boot_set *set, size_t first, struct image *image,
                      struct error *err);

/* A kernel's words without those that make sense on the medium only. Owned by the caller. */
char *boot_options(const struct collection *c, const char *options);

/* "Debian GNU/Linux 12.5.0": what .disk/info says the medium is, else `other`. Owned by the caller. */
char *boot_product(const struct image_source *source, const char *other);
