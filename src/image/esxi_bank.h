/* A bootbank: the folder or partition with one complete boot set. Which one counts, and what is loaded of it.
 */
#pragma once

#include "image/bootcfg.h"
#include "image/collect.h"
#include "image/esxi_set.h"

struct esxi_bank {
    uint32_t parent; /* media's entry, and the partition in it */
    unsigned partition;
    const char *where;          /* a file in it, for messages; borrowed from the collection */
    struct bootcfg cfg;         /* when set is NULL */
    const struct esxi_set *set; /* the bank has no boot.cfg: its files are loaded in this order */
};

/*
 * Among the places that hold a boot.cfg: bootstate (0 before 1 before 2, never 3), then the highest
 * `updated`, then the lowest partition. Where no place has one: the first that holds a known set.
 */
int esxi_bank_choose(struct collection *c, struct esxi_bank *out, struct error *err);
/*
 * Whether the disk image needs no partition behind this one. The product's own loader looks at two
 * partitions, 5 and 6, and at no other (the bootbanks; what lies behind them is for crash dumps, the guests'
 * tools and datastores). So nothing else counts once both have passed and one of them can be booted.
 */
bool esxi_bank_enough(struct collection *c, uint32_t parent, unsigned partition);
void esxi_bank_fini(struct esxi_bank *bank);

/* Takes kernel, modules and extras into the image, and the texts found in the modules. */
int esxi_bank_load(struct collection *c, const struct esxi_bank *bank, struct image *image,
                   struct error *err);
