/*
 * Commands: one table, from which parsing, help and the man page's synopsis come. One file per group of
 * commands.
 */
#pragma once

#include "cli/processes.h"

#include <jansson.h>
#include <stdbool.h>

#define CLI_VALUES_MAX  16
#define CLI_OPTIONS_MAX 64

enum cli_status {
    CLI_DONE = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2, /* wrong words; the error says which, help is pointed at */
};

struct cli_option {
    const char *name;     /* without the dashes */
    const char *argument; /* what it takes, for help; NULL: nothing */
    const char *help;
    bool repeats; /* may be given more than once */
};

struct cli_given {
    const char *name;
    const char *value; /* NULL for an option that takes nothing */
};

/* What the command line said, and what commands share. Strings are borrowed from argv. */
struct cli {
    const struct cli_processes *processes;
    const struct cli_command *command;
    const char *root; /* --root */
    int root_fd;      /* -1: the command needs none, or there is none and it may be missing */
    bool json;
    size_t value_count;
    const char *values[CLI_VALUES_MAX];
    size_t given_count;
    struct cli_given given[CLI_OPTIONS_MAX];
};

enum cli_keys {
    CLI_KEYS_NONE,
    CLI_KEYS_NETWORK,
    CLI_KEYS_PROFILE,
    CLI_KEYS_NODE,
};

enum cli_root {
    CLI_ROOT_NONE,     /* not opened */
    CLI_ROOT_OPTIONAL, /* may be missing: there is just nothing in it yet */
    CLI_ROOT_MADE,     /* made when missing */
};

struct cli_command {
    const char *words;     /* "image import" */
    const char *arguments; /* "SOURCE [--name NAME]", for help */
    const char *summary;   /* one line */
    const char *details;   /* more lines for `help COMMAND`, or NULL */
    size_t values_min, values_max;
    enum cli_root root;
    const struct cli_option *options; /* ends with a name of NULL; NULL: none but the common ones */
    enum cli_keys keys;
    /* ^ the fleet's keys of that kind are options too, with '-' for '_' */
    enum cli_status (*run)(struct cli *cli, struct error *err);
};

extern const struct cli_command cli_commands[];
extern const size_t cli_command_count;

/* The whole program for operators. Prints the error, if any, once. Returns the exit status. */
int cli_main(int argc, char **argv, const struct cli_processes *processes);

/* --- for the commands --- */

/* The last value of an option, or NULL. cli_has: given at all. */
const char *cli_option(const struct cli *cli, const char *name);
bool cli_has(const struct cli *cli, const char *name);

/* A request to the state process; notes go to standard error. */
int cli_ask(const struct cli *cli, const char *const *words, size_t count, struct slice body, struct buf *out,
            struct error *err);

/* The same, the answer printed. */
enum cli_status cli_ask_print(const struct cli *cli, const char *const *words, size_t count,
                              struct slice body, struct error *err);

/* An empty store is no error for a listing (code ENOENT), and says what to do for the rest. */
struct store;
int cli_open_store(const struct cli *cli, struct store **store, struct error *err);

/* As JSON on standard output, indented. */
enum cli_status cli_print_json(const json_t *json, struct error *err);

/* Prints out on standard output; a failed write (full disk, closed pipe) is an error. */
enum cli_status cli_print(struct buf *out, struct error *err);

enum cli_status cli_apply(struct cli *cli, struct error *err);
enum cli_status cli_doctor(struct cli *cli, struct error *err);
enum cli_status cli_dump(struct cli *cli, struct error *err);
enum cli_status cli_explain(struct cli *cli, struct error *err);
enum cli_status cli_help(struct cli *cli, struct error *err);
enum cli_status cli_image_export(struct cli *cli, struct error *err);
enum cli_status cli_image_import(struct cli *cli, struct error *err);
enum cli_status cli_image_inspect(struct cli *cli, struct error *err);
enum cli_status cli_image_list(struct cli *cli, struct error *err);
enum cli_status cli_image_remove(struct cli *cli, struct error *err);
enum cli_status cli_image_show(struct cli *cli, struct error *err);
enum cli_status cli_image_verify(struct cli *cli, struct error *err);
enum cli_status cli_loader_add(struct cli *cli, struct error *err);
enum cli_status cli_loader_list(struct cli *cli, struct error *err);
enum cli_status cli_loader_remove(struct cli *cli, struct error *err);
enum cli_status cli_object_list(struct cli *cli, struct error *err);
enum cli_status cli_object_remove(struct cli *cli, struct error *err);
enum cli_status cli_object_set(struct cli *cli, struct error *err);
enum cli_status cli_object_show(struct cli *cli, struct error *err);
enum cli_status cli_serve(struct cli *cli, struct error *err);
enum cli_status cli_status_show(struct cli *cli, struct error *err);
enum cli_status cli_swarm(struct cli *cli, struct error *err);
enum cli_status cli_version(struct cli *cli, struct error *err);
enum cli_status cli_vm(struct cli *cli, struct error *err);
enum cli_status cli_watch(struct cli *cli, struct error *err);
