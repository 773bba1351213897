/*
 * What a medium's own boot configuration offers: ISOLINUX's, SYSLINUX's and PXELINUX's, or GRUB's. The two
 * parsers (isolinux_cfg.h, grub_cfg.h) fill it; boot_set.h chooses from it.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

#define BOOT_ENTRIES_MAX  512        /* Debian's netinst ISO has some 120 */
#define BOOT_MODULES_MAX  16         /* of one entry; Debian's Xen has 2 */
#define BOOT_OPTIONS_MAX  4096       /* bytes of words of one kernel; Linux reads 2048 (COMMAND_LINE_SIZE) */
#define BOOT_INCLUDES_MAX 256        /* files read for one configuration, with repetitions; Debian's has 40 */
#define BOOT_DEPTH_MAX    8          /* files that include each other */
#define BOOT_BYTES_MAX    (4u << 20) /* read for one configuration, with repetitions */
#define BOOT_NAME_MAX     256        /* bytes with NUL of a label or title; longer ones are cut */
#define BOOT_PLACE_MAX    32         /* with NUL */
#define BOOT_NONE         ((size_t)-1) /* of preset */

struct boot_item {
    char *path;    /* as written, without a device in front */
    char *options; /* words behind it, one blank between; "" when none */
};

struct boot_entry {
    char name[BOOT_NAME_MAX];   /* label or id; "" when none */
    char title[BOOT_NAME_MAX];  /* printable; "" when none */
    char place[BOOT_PLACE_MAX]; /* GRUB's number in its menus: "0", "2>1"; "" for the others */
    const char *file;           /* the configuration that holds it; borrowed from boot_files */
    unsigned line;              /* where it begins there */
    bool multiboot;             /* else Linux's own protocol */
    bool in_submenu;
    char *program;           /* the COM32 program that the entry starts, mboot.c32 too; NULL when none */
    struct boot_item kernel; /* path is NULL for an entry that starts nothing, or something else */
    size_t module_count;
    struct boot_item module[BOOT_MODULES_MAX];
};

struct boot_menu {
    size_t count;
    struct boot_entry *entry;
    size_t preset; /* the entry that starts by itself, or BOOT_NONE */
};

/* The configuration's own files. */
struct boot_text {
    const char *path;
    struct slice bytes;
};
struct boot_files {
    const void *ctx;
    /* What `named` is in the configuration at `from`; false when it is not there. The text and its path are
     * borrowed for as long as the menu. */
    bool (*find)(const void *ctx, const char *from, const char *named, struct boot_text *out);
};

/* The next entry, empty. NULL with the error set: out of memory, or too many. */
struct boot_entry *boot_menu_add(struct boot_menu *menu, const struct boot_text *text, unsigned line,
                                 struct error *err);
void boot_menu_fini(struct boot_menu *menu);

int boot_item_set(struct boot_item *item, const char *path, struct error *err);
int boot_item_add_words(struct boot_item *item, const char *words, size_t size, struct error *err);
int boot_entry_add_module(struct boot_entry *entry, const char *path, struct error *err);
/* The last module; call it after one was added. */
struct boot_item *boot_entry_last(struct boot_entry *entry);
void boot_entry_drop_files(
    struct boot_entry *entry); /* kernel and modules: the last command of a kind counts */

/* The files that are being read, the innermost last: against loops and repetitions without end. */
struct boot_chain {
    struct boot_text at[BOOT_DEPTH_MAX];
    size_t depth;
    size_t includes, bytes;
};
/* `line`: of the file that includes it. An error names the files. */
int boot_chain_push(struct boot_chain *chain, const struct boot_text *text, unsigned line, struct error *err);
void boot_chain_pop(struct boot_chain *chain);
const struct boot_text *boot_chain_here(const struct boot_chain *chain);
