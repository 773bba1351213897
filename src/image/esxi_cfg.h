/* A boot.cfg among collected files: reading it, and finding the files it names, whatever the file system made
 * of their names. */
#pragma once

#include "image/bootcfg.h"
#include "image/collect.h"

/* One folder of files that may become boot files: media's entry, and the partition in it. */
struct esxi_place {
    uint32_t parent;
    unsigned partition;
};

enum esxi_likeness {
    ESXI_SAME,
    ESXI_SAME_IN_ANY_CASE, /* ISO 9660 without extensions has upper case only */
    ESXI_SAME_WITH_DASHES, /* media of 5.0 have been seen with ata-pata.v00 for ata_pata.v00 */
};

/*
 * The kept file of that name, the likest first. ISO 9660's version (";1") and the dot before it do not count.
 * *out is NULL when there is none; several that are equally like are an error. `how` may be NULL.
 */
int esxi_cfg_find(struct collection *c, const struct esxi_place *place, const char *name,
                  struct collected **out, enum esxi_likeness *how, struct error *err);

bool esxi_in_place(const struct esxi_place *place, const struct collected *f);

/* boot.cfg of an ISO has a '/' before each name; loaders ask for names relative to the image. */
const char *esxi_cfg_relative(const char *path);

/* One that names no kernel is an error. The caller owns *cfg (bootcfg_fini). */
int esxi_cfg_read(const struct collected *f, struct bootcfg *cfg, struct error *err);

/* Tells the listener the traps in it. */
void esxi_cfg_note_traps(const struct collection *c, const char *where, const struct bootcfg *cfg);
