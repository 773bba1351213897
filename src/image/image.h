/*
 * An image: what was recognised in a medium, and its boot files in load order. Immutable once made.
 *
 * Digests are of the files as served. An image owns every string and array in it; image_free releases all.
 */
#pragma once

#include "base/error.h"
#include "base/hash.h"

#include <stdbool.h>

#define IMAGE_FILES_MAX     1024
#define IMAGE_NAME_MAX      64  /* of an image in the store, with NUL */
#define IMAGE_FILE_NAME_MAX 256 /* of a file in an image, with NUL */

enum image_role {
    IMAGE_ROLE_KERNEL, /* module 0: what the loader starts */
    IMAGE_ROLE_MODULE, /* loaded with it, by `order` */
    /* Kept, never loaded by a plan of its own: boot.cfg, pkgdb.tgz, a loader's parts, a squashfs that the
     * system fetches. One that is called as the kernel without ".gz" is the kernel unpacked (Xen's: iPXE
     * does not gunzip a multiboot kernel). */
    IMAGE_ROLE_EXTRA,
};

struct image_file {
    char *name; /* as loaders ask for it, e.g. "vmk.gz" */
    enum image_role role;
    unsigned order; /* modules: 1, 2, ... without gaps; else 0 */
    char *options;  /* words behind the name in the load list, or NULL */
    struct digest digest;
    uint64_t size;     /* bytes as served */
    uint64_t unpacked; /* bytes without gzip; equals size when not gzip */
    bool gzip;
};

struct image {
    char *family;  /* "esxi_dd", "esxi_bootcfg", "xen", "linux", "efi", "loader"; as in the family table */
    char *product; /* "VMware ESXi" */
    char *version; /* "4.0.0", or "unknown" */
    char *build;   /* "208167", or "unknown" */
    char *arch;    /* OCI's words: "amd64", "386", "arm64" */
    char *kernel_options; /* words for the kernel's line; "" when none; %{base} is the URL of its folder */
    char *source;         /* what it was imported from, for people */
    char *accounts;       /* the image's own etc/shadow, or NULL where it could not be read */
    char *inetd;          /* the image's own etc/inetd.conf, or NULL */
    size_t file_count;
    struct image_file *files; /* kernel first, then modules by order, then extras by name */
};

void image_free(struct image *image); /* NULL is fine */

/* What every room may rely on: the order of files told above, names valid and unique, no file of 0 bytes that
 * would be loaded, every text set that is not said to be NULL. Made images and loaded ones pass it. */
int image_check(const struct image *image, struct error *err);

/* Names of files: a clean relative path ('/' between parts, none empty, "." or ".."), printable ASCII without
 * blanks or backslashes (loaders drop them), shorter than IMAGE_FILE_NAME_MAX. */
bool image_file_name_valid(const char *name);

const struct image_file *image_find(const struct image *image,
                                    const char *name); /* NULL when there is none */
/* By the exact name, else by one that differs in case only. */
const struct image_file *image_find_any_case(const struct image *image, const char *name);
const struct image_file *image_kernel(const struct image *image); /* NULL for a loader */
size_t image_module_count(const struct image *image);

/* A name for the store made from what was recognised: "esxi-4.0.0-208167". */
void image_default_name(const struct image *image, char out[static IMAGE_NAME_MAX]);

/* Names in the store: lower-case letters, digits, '.', '_' and '-', first a letter or digit, at most
 * IMAGE_NAME_MAX - 1. */
bool image_name_valid(const char *name, struct error *err);
