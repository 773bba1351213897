/*
 * What commands need of the processes. proc/ implements it and main hands it over, so that cli/ knows no
 * process. root_fd: the --root folder, open.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "image/image.h"
#include "swarm/herd_io.h"

struct cli_serve_options {
    const char *const *interfaces;
    size_t interface_count;
    unsigned http_port;
    unsigned https_port; /* 0: no HTTPS */
    unsigned debug;      /* 1: log every packet's fate */
};

struct cli_doctor_options {
    const char *const *interfaces; /* none: those of the fleet's networks */
    size_t interface_count;
    unsigned http_port;
    unsigned https_port; /* 0: no HTTPS */
    bool json;
};

/* What an import tells while it runs. */
struct cli_import_listener {
    void *ctx;
    void (*progress)(void *ctx, uint64_t done, uint64_t total);
    void (*note)(void *ctx, const char *line);
    void (*table)(void *ctx, const char *text);
};

enum cli_import {
    CLI_IMPORT_IMAGE,
    CLI_IMPORT_INSPECT, /* nothing is written; root_fd may be -1 */
    CLI_IMPORT_LOADER,  /* boot loaders only, under a name that machines are sent them by */
};

struct cli_imported {
    char name[IMAGE_NAME_MAX]; /* of the image in the store, or what it would be called */
    struct buf description;    /* text or JSON; owned by the caller */
};

/* `herd` but for its interface, which is looked up by name, and what is expected. */
struct cli_swarm_options {
    struct herd_options herd;
    const char *interface;
    const char *expect; /* a file's path; NULL: none */
    bool yes;           /* outside a network namespace and loopback, too */
};

struct cli_processes {
    /* One request to the state process; see the table in proc/state_ask.c. The answer is appended to out. */
    int (*ask)(int root_fd, const char *const *words, size_t count, struct slice body, void *ctx,
               void (*note)(void *ctx, const char *line), struct buf *out, struct error *err);
    /* name NULL: made from what is recognised. */
    int (*import)(int root_fd, const char *source, const char *name, enum cli_import what, bool json,
                  const struct cli_import_listener *listener, struct cli_imported *out, struct error *err);
    /* Runs until it is told to stop. */
    int (*serve)(int root_fd, const char *root, const struct cli_serve_options *options, struct error *err);
    /* The report is appended to out; *fault: it has a fault. Afterwards the process may have no privileges
     * and no files any more: printing is all that is left to do. */
    int (*doctor)(const char *root, const struct cli_doctor_options *options, void *ctx,
                  void (*note)(void *ctx, const char *line), struct buf *out, bool *fault, struct error *err);
    /* As doctor: no privileges afterwards. */
    int (*swarm)(const struct cli_swarm_options *options, const struct herd_listener *listener,
                 struct report *out, struct error *err);
};
