/* Images and partition tables as people (and --json) read them. A failure is the buf's own. */
#pragma once

#include "base/buf.h"
#include "image/image.h"
#include "media/media.h"

/*
 * The table that `fdisk -lu DEVICE` prints for such a disk, from the line of headings on: sectors of 512
 * bytes, ends inclusive.
 */
void image_describe_table(const struct media_table *table, const char *device, struct buf *out);

/* The same for --json, appended to an array of tables. */
struct json_t;
void image_describe_table_json(const struct media_table *table, const char *device, struct json_t *tables);

/* The name that the disk image would have once it is unpacked: the last part of a chain of containers,
 * without
 * ".bz2" and the like. "esx.iso: image.tgz: usr/lib/x.dd.bz2" gives "x.dd". */
void image_describe_device(const char *where, char *out, size_t size);

void image_describe(const struct image *image, struct buf *out);

/* One object and a newline. Of the accounts only the names are told. */
/* `tables` as collected above; NULL leaves them out. */
void image_describe_json(const struct image *image, struct json_t *tables, struct buf *out);
