/*
 * A stand-in for VMware's mboot.efi, so that servers can be tested against what that one asks and how it
 * reads boot.cfg: it finds its boot.cfg, loads kernel and modules over TFTP, HTTP or iPXE, checks and unpacks
 * each, and starts a Linux whose initial file system holds the modules. Memory is never given back: the
 * loader ends with the boot.
 */
#ifndef STANDIN_MBOOT_H
#define STANDIN_MBOOT_H

#include <efi.h>
#include <efilib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PATH_MAX       512
#define MODULES_MAX    250  /* as vmkboot */
#define MODULE_TEXT    256  /* "path options" must be shorter */
#define KERNEL_TEXT    4096 /* "path options" of the kernel must be shorter */
#define MAC_FOLDER_MAX sizeof("01-00-00-00-00-00-00")

struct bytes {
    uint8_t *data;
    size_t size;
};

/* main.c: a line as mboot's last one, then back to the firmware. */
_Noreturn void fatal(const char *what, const char *about);
extern const char not_found[], inconsistent[];

/* text.c: 8-bit strings. */
void text_append(char *to, size_t size, const char *text); /* fatal when it does not fit */
void text_append_part(char *to, size_t size, const char *text, size_t length);
const char *text_find(const char *text, const char *part);
bool text_is_url(const char *text);
/* As long as the shorter one is, without regard to case; `length` characters of it at most. */
bool text_same_start(const char *a, const char *b, size_t length);
CHAR16 *text_wide(const char *text);
/* Blanks go, '\' becomes '/', and of several '/' one remains, but for a URL's "://". */
void path_clean(char *path);
/* The part before the last '/', without it; "" when there is none. */
void path_folder(char folder[PATH_MAX], const char *path);
/* folder/name, or the name alone if it is absolute, or the folder empty. */
void path_join(char path[PATH_MAX], const char *folder, const char *name);
void *allocate(size_t size); /* zeroed; fatal when there is no memory */

/* config.c: boot.cfg. Strings are "" when missing. */
struct module {
    char path[PATH_MAX]; /* as written, then with the prefix */
    const char *options;
    struct bytes content;
};

struct config {
    char *title, *kernel, *options, *prefix, *crypto;
    intptr_t no_bootif, skip;
    unsigned count;
    struct module module[MODULES_MAX];
};

void config_parse(struct config *config, struct bytes text);

/* origin.c: how this program came here. */
struct origin {
    char folder[PATH_MAX];             /* where it lies: a TFTP folder, a URL, or "" */
    char mac_folder[MAC_FOLDER_MAX];   /* 01-MAC */
    EFI_HANDLE device;                 /* the network card as its loader saw it */
    EFI_PXE_BASE_CODE_PROTOCOL *pxe;   /* NULL: no TFTP */
    EFI_IP_ADDRESS server;             /* of TFTP */
    EFI_IPv4_ADDRESS address, netmask; /* of UEFI HTTP Boot; 0 otherwise */
};

void origin_find(struct origin *origin, EFI_HANDLE image);
/* What the nodes of a device path tell: MAC, address, URL. */
void origin_read_path(struct origin *origin, EFI_DEVICE_PATH *node);

/* fetch.c: a file by its path or URL. False when there is none; fatal when it ends midway. */
bool fetch(const struct origin *origin, const char *path, struct bytes *out);
/* Asks for the size alone, where the protocol can; nothing comes of the answer. */
void fetch_size(const struct origin *origin, const char *path);

/* http.c: by the firmware's own HTTP. False when it has none, or there is no such file. */
bool http_get(const struct origin *origin, const char *url, struct bytes *out);
void http_head(const struct origin *origin, const char *url);

/* gunzip.c: VMware's strict reading of gzip; what is no gzip stays as it is. */
struct bytes gunzip(struct bytes file, const char *name);

/* inflate.c: RFC 1951. Returns the number of bytes written, or -1; *used is what the stream took of the
 * input. */
intptr_t inflate(struct bytes from, uint8_t *to, size_t size, size_t *used);

/* linux.c: the file that boot.cfg calls kernel must be vmkboot, though here it is for the name only. */
void linux_check_kernel(struct bytes file, const char *name);
/* The module that is a Linux kernel is started, with the one that is a cpio archive and all others as its
 * file system. */
_Noreturn void linux_start(EFI_HANDLE image, struct config *config, const char *command_line);

#endif
