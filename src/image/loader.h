/*
 * Boot loaders as images: which files make one, what its parts are called there, and how to make it of an
 * operator's file or folder, or of files that packages have installed.
 */
#pragma once

#include "image/import.h"

enum loader_kind {
    LOADER_ANY, /* no wish: whichever the files make */
    LOADER_PXELINUX,
    LOADER_IPXE,
    LOADER_GRUB_AMD64,
    LOADER_GRUB_ARM64,
    LOADER_GRUB_386,
    LOADER_KINDS
};

const char *loader_kind_name(enum loader_kind kind); /* "pxelinux", "ipxe", "grub-amd64" ... */
/* Of an image's name: "pxelinux-3.86" is a pxelinux. ANY when it is none. */
enum loader_kind loader_kind_of(const char *name);

/* The name that an image of ours is known by to all that use it. False: it has none, as PXELINUX, of which
 * several releases may be there. */
bool loader_default_name(const struct image *image, char out[static IMAGE_NAME_MAX]);

/* As image_import, but loaders only: a file, or a folder in which the parts may lie at any depth, as
 * `dpkg-deb -x` leaves them. */
int loader_import(int fd, const char *source_name, enum loader_kind wish, const struct image_sink *sink,
                  const struct image_listener *listener, struct image **out, struct error *err);

/* --- the same from files that are opened one by one --- */

struct loader_files;

/* from: image.source. sink is borrowed until loader_files_end. */
int loader_files_new(enum loader_kind kind, const char *from, const struct image_sink *sink,
                     struct loader_files **out, struct error *err);
/* path: as a folder of the operator's would have it ("x86_64-efi/http.mod"). fd is borrowed. */
int loader_files_add(struct loader_files *files, const char *path, int fd, struct error *err);
/* Fails when they make no loader. Frees files; *out may be NULL: then they are only freed. */
int loader_files_end(struct loader_files *files, struct image **out, struct error *err);
