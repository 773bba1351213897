/* Stores with sample images, for the tests of the store. */
#pragma once

#include "store/store.h"

#define SAMPLE_FILES 4

struct sample {
    const char *name[SAMPLE_FILES]; /* NULL ends the list; the first is the kernel, the last the extra */
    const char *bytes[SAMPLE_FILES];
    const char *family; /* NULL: "esxi_dd" */
};

/* A new folder; sample_root_free removes it with all that is in it. */
int sample_root(char path[static 64]);
void sample_root_free(const char *path, int root_fd);

/* Builds the image in a new staging folder. *fd holds the folder's lock. */
int sample_stage(struct store *store, const struct sample *sample, char staging[static 64], int *fd,
                 struct digest *manifest, struct error *err);
/* Stages and publishes. */
int sample_publish(struct store *store, const char *name, const struct sample *sample,
                   struct digest *manifest, struct error *err);

/* Blobs in the store, and staging folders; found by looking at the disk. */
unsigned sample_count_blobs(int root_fd);
unsigned sample_count_staging(int root_fd);

extern const struct sample sample_one, sample_two; /* they share a file */
