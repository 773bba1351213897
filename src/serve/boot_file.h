/*
 * Boot files: one name space behind two doors, TFTP and HTTP.
 *
 *   pxelinux.0 ...                 the files of loader image `pxelinux`, at the root: loaders ask beside
 * themselves loader/NAME/FILE               a loader image's file; what it has not is looked for at the root,
 * for the same reason pxelinux.cfg/01-MAC            rendered for the node with that MAC; for the other names
 * that pxelinux tries (UUID, hex address, default) by the asker's address boot.ipxe, ipxe/01-MAC iPXE's
 * script: by the asker's address, by MAC grub/grub.cfg                  GRUB's config by the asker's address;
 * grub/x86_64-efi/... its modules image/ID/NAME                  a file of the image with that id
 * (plan_image_id); immutable image/ID/[01-MAC/]boot.cfg     rendered for ESXi 5 and later node/NAME/FILE the
 * node's overlay, or its disk image; only for the node's own leased address
 *   agent/IDENTITY/...             what a host's agent says and asks (docs/agent.md), by HTTP only: no boot's
 * file, so that no event tells of it
 *
 * Leading slashes are ignored and runs of '/' fold, since loaders add them. Names are matched exactly, then
 * without regard to case. Lookups are answered at once or later (the overlay comes from the state process),
 * never by blocking.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "serve/boot_event.h"

#include <sys/types.h>

#define BOOT_AGENT_FOLDER "agent/"

#define BOOT_PATH_MAX 512 /* bytes with NUL; longer names are refused */

struct boot_file;

/* A range of another file, as it lies in a composed one. */
struct boot_piece {
    uint64_t at; /* in the composed file */
    uint64_t size;
    struct boot_file *file; /* one reference is the composed file's */
    uint64_t offset;        /* in `file` */
};

/*
 * An open boot file. Reference-counted: several transfers may share one. Its bytes come from one place: a
 * descriptor, memory, or pieces of other files. boot_file_read knows all three.
 */
struct boot_file {
    unsigned references;
    int fd;                    /* -1: none. Never seeked: readers use pread and sendfile with offsets */
    const uint8_t *data;       /* borrowed from `owner` when in memory, else NULL */
    struct boot_piece *pieces; /* owned, of a composed file, else NULL; ascending */
    size_t piece_count;
    uint64_t size;
    char etag[24]; /* quoted, for HTTP; equal tags mean equal bytes. "": none yet */
    enum boot_file_role role;
    uint32_t file_number;                    /* as in boot_event */
    uint32_t files_expected;                 /* as in boot_event */
    void (*release)(struct boot_file *file); /* called at the last unref */
    void *owner;
};

struct boot_file *boot_file_ref(struct boot_file *file);
void boot_file_unref(struct boot_file *file); /* NULL is fine */

/* In-memory file that owns a copy of the bytes, tagged by their digest. NULL when memory runs out. */
struct boot_file *boot_file_from_bytes(const void *data, size_t size);

/* Takes fd, also when memory runs out (NULL). Has no etag until boot_file_tag gives it one. */
struct boot_file *boot_file_from_fd(int fd, uint64_t size);

/*
 * A file made of ranges of others; nothing is copied. The pieces ascend, do not overlap and end within
 * `size`; the bytes between and behind them are zero. Takes the pieces' references, also when memory runs out
 * (NULL). The etag comes from the etags of the pieces: a file without one leaves the whole without.
 */
struct boot_file *boot_file_compose(const struct boot_piece *pieces, size_t count, uint64_t size);

/* Sets the etag from the digest of the file's bytes. */
void boot_file_tag(struct boot_file *file, const struct digest *digest);

/* Reads [offset, offset+size) into out; returns bytes read (short only at the end), negative with errno on an
 * error. */
ssize_t boot_file_read(const struct boot_file *file, uint64_t offset, void *out, size_t size);

/* The bytes [offset, offset+size): in place where they lie in memory, else read into scratch. NULL with errno
 * where they cannot be had, ENODATA where the file ends before. */
const uint8_t *boot_file_view(const struct boot_file *file, uint64_t offset, size_t size, uint8_t *scratch);

enum boot_answer {
    BOOT_ANSWER_FOUND,
    BOOT_ANSWER_MISSING,
    BOOT_ANSWER_REFUSED, /* exists, but not for this client */
    BOOT_ANSWER_FAILED,  /* should exist; text says why it cannot be served */
};

/*
 * Called exactly once per open, maybe before boot_files->open returns. On FOUND one reference is the
 * callee's. `text` is for the event and the log, never sent beyond a short phrase.
 */
typedef void boot_answer_fn(void *ctx, enum boot_answer answer, struct boot_file *file, const char *text);

enum boot_via {
    BOOT_VIA_TFTP,
    BOOT_VIA_HTTP,
    BOOT_VIA_HTTPS,
};

/* Who asks, and how. */
struct boot_asker {
    uint32_t client_ip;
    uint32_t server_ip; /* ours, that was asked */
    enum boot_via via;
    const char *query; /* behind the name's '?', as it came; "" none. Borrowed until `open` returns */
};

/* What TFTP and HTTP are given; proc/ implements it over store, fleet, plan and the state process. */
struct boot_files {
    void *ctx;
    /* Returns a handle for cancel, or 0 when answered already. */
    uint64_t (*open)(void *ctx, const char *path, const struct boot_asker *asker, boot_answer_fn *answer,
                     void *answer_ctx);
    void (*cancel)(void *ctx, uint64_t handle); /* the answer will not be called */
};

/* Cleans a requested name: strips leading '/', folds '//', refuses "..", control bytes and overlong names.
 * The empty name comes through: it is nobody's file. */
bool boot_path_clean(const char *asked, size_t size, char out[static BOOT_PATH_MAX]);

/* Where events go. */
struct boot_events {
    void *ctx;
    void (*tell)(void *ctx, const struct boot_event *event);
};
