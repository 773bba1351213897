/*
 * An image as OCI JSON and back. The text is compact and made in one order, so that equal images have equal
 * manifests. Reading is total: registries hand out anybody's bytes.
 */
#pragma once

#include "base/buf.h"
#include "image/image.h"

#define MANIFEST_TYPE          "application/vnd.oci.image.manifest.v1+json"
#define MANIFEST_INDEX_TYPE    "application/vnd.oci.image.index.v1+json"
#define MANIFEST_CONFIG_TYPE   "application/vnd.oci.image.config.v1+json"
#define MANIFEST_ARTIFACT_TYPE "application/vnd.bootherd.image.v1"
#define MANIFEST_FILE_TYPE     "application/vnd.bootherd.file.v1"
#define MANIFEST_SIZE_MAX      (4u << 20) /* bytes; OCI distribution-spec: registries take 4 MiB */

/* A blob that a manifest or an index names. */
struct manifest_ref {
    struct digest digest;
    uint64_t size;
    bool nested; /* a manifest or an index itself */
};

/* The config's text, then the manifest's, which names the config by its digest. */
int manifest_format(const struct image *image, struct buf *config, struct buf *manifest, struct error *err);

/* *out is owned by the caller. The caller has checked that `config` is the blob that `manifest` names. */
int manifest_parse(struct slice manifest, struct slice config, struct image **out, struct error *err);

/* What any OCI manifest or index names, ours or not: config, layers, nested manifests. For our own the config
 * is the first. *refs is owned by the caller (free). */
int manifest_refs(struct slice text, struct manifest_ref **refs, size_t *count, struct error *err);
