/*
 * What a loader fetches next, read from the text of its configuration: pxelinux's, an iPXE script, the
 * boot.cfg of VMware's mboot, or GRUB's. A simulated machine asks for these files in this order; nothing is
 * run.
 *
 * iPXE's and GRUB's are programs. They are followed as if every command succeeded, except those that ask:
 * iseq, isset and [ are answered, goto, ||, &&, if, functions and loops obeyed (a loop's body runs once).
 * What waits for a person takes its default.
 *
 * Pure. Every parser is total: any bytes give a script, perhaps one that boots nothing, or an error with its
 * line.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/net.h"

#include <stdbool.h>

#define SCRIPT_SIZE_MAX  (1u << 20) /* bytes of one configuration */
#define SCRIPT_FILES_MAX 1024       /* of one configuration: mboot's limit of modules is 1,000 */
#define SCRIPT_PATH_MAX  512        /* bytes with NUL of a name */
#define SCRIPT_NOTE_MAX  160

enum script_language {
    SCRIPT_PXELINUX,
    SCRIPT_IPXE,
    SCRIPT_BOOTCFG,
    SCRIPT_GRUB,
};

enum script_door {
    SCRIPT_TFTP,
    SCRIPT_HTTP,
};

/* A server's door. */
struct script_server {
    enum script_door door;
    uint32_t ip;
    uint16_t port; /* 69 and 80 where the configuration names none */
};

enum script_role {
    SCRIPT_PROGRAM, /* a part of the loader, or what it starts in its place: mboot.c32, mboot.efi, a COM32
                       menu */
    SCRIPT_KERNEL,
    SCRIPT_MODULE, /* or initrd */
    SCRIPT_CONFIG, /* another configuration, in `language`: read it and go on with what it says. Always the
                      last */
    SCRIPT_CHAIN,  /* iPXE's chain: another script where it begins with "#!ipxe", else a program. Always the
                      last */
};

struct script_file {
    struct script_server server;
    enum script_role role;
    enum script_language language; /* of a SCRIPT_CONFIG */
    char *path; /* as it is asked for: by TFTP the name, by HTTP the target with its leading '/' */
};

/* The machine and where it stands. */
struct script_asker {
    struct mac mac;
    uint32_t ip;                 /* its lease */
    struct script_server server; /* where the configuration came from */
    const char
        *path; /* its name there, as script_file.path: relative names of iPXE and mboot lie beside it */
    uint32_t next_server; /* siaddr: what "tftp" alone and an absolute name mean */
    const char *prefix;   /* pxelinux: option 210, else the folder of its boot file with its '/'; may be "" */
    bool http;            /* the loader can load by HTTP (lpxelinux, iPXE; GRUB without Secure Boot) */
    bool efi;             /* iPXE's ${platform} is efi, else pcbios */
};

struct script {
    size_t count;
    struct script_file *file;
    char note[SCRIPT_NOTE_MAX]; /* printable; what the screen shows last where nothing is booted; "" if
                                   nothing */
};

/*
 * The caller owns *out (script_fini) unless it fails. No files: the configuration boots nothing by the
 * network (its local disk, a message). Errors: a syntax that the loader would stop at, a server by name
 * (there is no DNS here), too many files, out of memory.
 */
int script_parse(enum script_language language, struct slice text, const struct script_asker *asker,
                 struct script *out, struct error *err);
void script_fini(struct script *script);

/* What an unknown text is written in, by its first words: what chain fetched. False: a program, no script. */
bool script_is_ipxe(struct slice text);
