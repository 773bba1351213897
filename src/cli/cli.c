#include "base/cleanup.h"
#include "base/text.h"
#include "cli/command.h"
#include "fleet/fleet_schema.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define ROOT_DEFAULT "/var/lib/bootherd"

static const enum fleet_kind kinds[] = {
    [CLI_KEYS_NETWORK] = FLEET_NETWORK,
    [CLI_KEYS_PROFILE] = FLEET_PROFILE,
    [CLI_KEYS_NODE] = FLEET_NODE,
};

const char *cli_option(const struct cli *cli, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, name) == 0)
            value = cli->given[i].value;
    return value;
}

bool cli_has(const struct cli *cli, const char *name)
{
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, name) == 0)
            return true;
    return false;
}

/* --- finding the command --- */

static bool words_match(const char *words, int argc, char **argv, int *used)
{
    int n = 0;
    while (*words) {
        size_t length = strcspn(words, " ");
        if (n >= argc || strlen(argv[n]) != length || strncmp(argv[n], words, length) != 0)
            return false;
        n++;
        words += length;
        words += *words == ' ';
    }
    *used = n;
    return true;
}

/* The first word of a command that starts with `word`, or is nearest to it. NULL: nothing is near. */
static const char *nearest(const char *asked, const char *word, bool *group)
{
    const char *best = NULL;
    unsigned least = 3;
    *group = false;
    for (size_t i = 0; i < cli_command_count; i++) {
        const char *words = cli_commands[i].words;
        char first[32];
        snprintf(first, sizeof first, "%.*s", (int)strcspn(words, " "), words);
        *group |= strcmp(first, word) == 0;
        unsigned whole = text_distance(words, asked, 3), part = text_distance(first, word, 3);
        unsigned distance = whole < part ? whole : part;
        if (distance < least) {
            least = distance;
            best = words;
        }
    }
    return best;
}

static int unknown_command(int argc, char **argv, struct error *err)
{
    char asked[128];
    bool group;
    snprintf(asked, sizeof asked, "%s%s%s", argv[0], argc > 1 ? " " : "", argc > 1 ? argv[1] : "");
    const char *best = nearest(asked, argv[0], &group);
    if (group)
        return error_set(err, "\"%s\" is not a command: bootherd help %s lists those of this group", asked,
                         argv[0]);
    if (!best)
        return error_set(err, "\"%s\" is not a command: bootherd help lists them", asked);
    return error_set(err, "\"%s\" is not a command; did you mean \"%s\"? bootherd help lists all", asked,
                     best);
}

/* --- options --- */

static const struct cli_option *find_own(const struct cli_command *command, const char *name)
{
    for (const struct cli_option *o = command->options; o && o->name; o++)
        if (strcmp(o->name, name) == 0)
            return o;
    return NULL;
}

/* The fleet's key behind an option: "kernel-options" is the key kernel_options. */
static const struct fleet_key *find_key(const struct cli_command *command, const char *name)
{
    char key[64];
    if (command->keys == CLI_KEYS_NONE || strlen(name) >= sizeof key)
        return NULL;
    strcpy(key, name);
    for (char *p = key; *p; p++)
        if (*p == '-')
            *p = '_';
    return fleet_key_find(kinds[command->keys], key);
}

static int take_common(struct cli *cli, const char *name, const char *value)
{
    if (strcmp(name, "root") == 0) {
        cli->root = value;
        return value && *value;
    }
    if (strcmp(name, "json") == 0) {
        cli->json = true;
        return 1;
    }
    return 0;
}

static bool takes_value(const struct cli *cli, const char *name)
{
    const struct cli_option *own = find_own(cli->command, name);
    return strcmp(name, "root") == 0 || (own ? own->argument != NULL : find_key(cli->command, name) != NULL);
}

static bool option_known(const struct cli *cli, const char *name)
{
    return strcmp(name, "root") == 0 || strcmp(name, "json") == 0 || find_own(cli->command, name) ||
           find_key(cli->command, name);
}

/* One option at argv[*at], "--name value" or "--name=value". */
static int take_option(struct cli *cli, int argc, char **argv, int *at, struct error *err)
{
    char *name = argv[*at] + 2;
    char *value = strchr(name, '=');
    if (value)
        *value++ = 0;
    if (!option_known(cli, name))
        return error_set(err, "--%s is no option of \"%s\": bootherd help %s lists them", name,
                         cli->command->words, cli->command->words);
    if (takes_value(cli, name) && !value) {
        if (*at + 1 >= argc)
            return error_set(err, "--%s needs a value", name);
        value = argv[++*at];
    } else if (!takes_value(cli, name) && value) {
        return error_set(err, "--%s takes no value", name);
    }
    if (take_common(cli, name, value))
        return 0;
    if (strcmp(name, "root") == 0)
        return error_set(err, "--root needs a folder");
    const struct cli_option *own = find_own(cli->command, name);
    if (cli_has(cli, name) && !(own && own->repeats))
        return error_set(err, "--%s is given twice%s", name, own ? "" : ": lists have commas in between");
    if (cli->given_count == CLI_OPTIONS_MAX)
        return error_set(err, "more than %d options", CLI_OPTIONS_MAX);
    cli->given[cli->given_count++] = (struct cli_given){name, value};
    return 0;
}

static int take_words(struct cli *cli, int argc, char **argv, struct error *err)
{
    bool only_values = false;
    for (int i = 0; i < argc; i++) {
        if (!only_values && strcmp(argv[i], "--") == 0) {
            only_values = true;
        } else if (!only_values && text_starts(argv[i], "--")) {
            if (take_option(cli, argc, argv, &i, err) < 0)
                return -1;
        } else if (!only_values && argv[i][0] == '-' && argv[i][1]) {
            return error_set(err, "%s: options have two dashes: bootherd help %s lists them", argv[i],
                             cli->command->words);
        } else if (cli->value_count == cli->command->values_max) {
            return error_set(err, "\"%s\" is one word too many: bootherd %s %s", argv[i], cli->command->words,
                             cli->command->arguments);
        } else {
            cli->values[cli->value_count++] = argv[i];
        }
    }
    if (cli->value_count < cli->command->values_min)
        return error_set(err, "something is missing: bootherd %s %s", cli->command->words,
                         cli->command->arguments);
    return 0;
}

/* --root, --json, --help and --version may also stand before the command. */
static int take_leading(struct cli *cli, int *argc, char ***argv, struct error *err)
{
    while (*argc && text_starts((*argv)[0], "--")) {
        char *name = (*argv)[0] + 2;
        char *value = strchr(name, '=');
        int used = 1;
        if (value)
            *value++ = 0;
        if (strcmp(name, "root") == 0 && !value && *argc > 1) {
            value = (*argv)[1];
            used = 2;
        }
        if (strcmp(name, "help") == 0 || strcmp(name, "version") == 0) {
            (*argv)[0] = name; /* the command of that name */
            return 0;
        }
        if (!take_common(cli, name, value))
            return strcmp(name, "root") == 0
                       ? error_set(err, "--root needs a folder")
                       : error_set(err, "--%s: which command? bootherd help lists them", name);
        *argc -= used;
        *argv += used;
    }
    return 0;
}

static const struct cli_command *find_command(int argc, char **argv, int *used)
{
    for (size_t i = 0; i < cli_command_count; i++)
        if (words_match(cli_commands[i].words, argc, argv, used))
            return &cli_commands[i];
    return NULL;
}

/* "node set --help" and "node --help" are "help node set" and "help node". */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int parse(struct cli *cli, int argc, char **argv, struct error *err)
{
    static char word[] = "help";
    char *help[] = {word};
    int used = 0;
    if (take_leading(cli, &argc, &argv, err) < 0)
        return -1;
    cli->command = find_command(argc, argv, &used);
    if (argc == 0 || asks_for_help(argc, argv)) {
        if (cli->command)
            cli->values[cli->value_count++] = cli->command->words;
        else if (argc && argv[0][0] != '-')
            cli->values[cli->value_count++] = argv[0];
        cli->command = find_command(1, help, &used);
        return 0;
    }
    if (!cli->command)
        return unknown_command(argc, argv, err);
    return take_words(cli, argc - used, argv + used, err);
}

/* --- the --root folder --- */

static int open_root(struct cli *cli, struct error *err)
{
    enum cli_root need = cli->command->root;
    cli->root_fd = -1;
    if (need == CLI_ROOT_NONE)
        return 0;
    if (need == CLI_ROOT_MADE && mkdir(cli->root, 0750) < 0 && errno != EEXIST)
        return error_errno(err, errno, "make the folder %s (--root chooses another)", cli->root);
    cli->root_fd = open(cli->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cli->root_fd < 0 && !(need == CLI_ROOT_OPTIONAL && errno == ENOENT))
        return error_errno(err, errno, "open the folder %s (--root chooses another)", cli->root);
    return 0;
}

int cli_main(int argc, char **argv, const struct cli_processes *processes)
{
    struct cli cli = {.processes = processes, .root = ROOT_DEFAULT, .root_fd = -1};
    struct error err = {0};
    enum cli_status status = CLI_USAGE;
    if (parse(&cli, argc - 1, argv + 1, &err) == 0)
        status = open_root(&cli, &err) < 0 ? CLI_FAILED : cli.command->run(&cli, &err);
    text_scrub(err.text, strlen(err.text), ""); /* one line, whatever names are in it */
    if (status != CLI_DONE && err.text[0])
        fprintf(stderr, "bootherd: %s\n", err.text);
    if (cli.root_fd >= 0)
        close(cli.root_fd);
    return status;
}

/* --- shared by commands --- */

static void print_note(void *ctx, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

int cli_ask(const struct cli *cli, const char *const *words, size_t count, struct slice body, struct buf *out,
            struct error *err)
{
    return cli->processes->ask(cli->root_fd, words, count, body, NULL, print_note, out, err);
}

enum cli_status cli_print_json(const json_t *json, struct error *err)
{
    cleanup_buf struct buf out = BUF_INIT;
    cleanup_free char *text = json_dumps(json, JSON_INDENT(2));
    if (!text) {
        error_errno(err, ENOMEM, "print");
        return CLI_FAILED;
    }
    buf_format(&out, "%s\n", text);
    return cli_print(&out, err);
}

enum cli_status cli_print(struct buf *out, struct error *err)
{
    if (out->failed) {
        error_errno(err, ENOMEM, "print");
        return CLI_FAILED;
    }
    if ((out->size && fwrite(out->data, 1, out->size, stdout) != out->size) || fflush(stdout) != 0) {
        error_errno(err, errno, "print on standard output");
        return CLI_FAILED;
    }
    return CLI_DONE;
}

enum cli_status cli_ask_print(const struct cli *cli, const char *const *words, size_t count,
                              struct slice body, struct error *err)
{
    cleanup_buf struct buf out = BUF_INIT;
    if (cli_ask(cli, words, count, body, &out, err) < 0)
        return CLI_FAILED;
    return cli_print(&out, err);
}
