/*
 * boot.cfg, as VMware's loaders (esx-boot) read it (lines, first '=', `---` between modules, no blank
 * before '='). The reader is strict where mboot has traps: full keys only; a trap met is told as a warning.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>

#define BOOTCFG_MODULES_MAX 1000
#define BOOTCFG_SIZE_MAX    (256u << 10)

struct bootcfg_module {
    char *path;    /* first word, as written */
    char *options; /* the rest, or NULL */
};

struct bootcfg {
    char *kernel; /* NULL when missing */
    char *kernel_options;
    char *title;
    char *prefix;
    char *build;   /* "4.0.0-208167", or NULL */
    int bootstate; /* 0 valid, 1 upgrading, 2 dirty, 3 invalid; 0 when missing */
    long updated;  /* 0 when missing */
    size_t module_count;
    struct bootcfg_module *modules;
    char *warnings; /* traps met, a line each ("line 3: ..."), or NULL */
};

/* Total: any bytes give a value or an error with the line number. *out is owned by the caller (bootcfg_fini).
 */
int bootcfg_parse(struct slice text, struct bootcfg *out, struct error *err);
void bootcfg_fini(struct bootcfg *cfg);
