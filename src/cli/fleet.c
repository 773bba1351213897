/* The fleet as a whole, and what becomes of it: apply, doctor, dump, explain, serve, status, watch. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/command.h"
#include "fleet/fleet_yaml.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define HTTP_PORT_DEFAULT 80

enum cli_status cli_apply(struct cli *cli, struct error *err)
{
    cleanup_buf struct buf yaml = BUF_INIT;
    bool standard_input = strcmp(cli->values[0], "-") == 0;
    const char *name = standard_input ? "standard input" : cli->values[0];
    int result = standard_input ? file_read_all(STDIN_FILENO, name, FLEET_YAML_MAX, &yaml, err)
                                : file_read_at(AT_FDCWD, name, FLEET_YAML_MAX, &yaml, err);
    if (result < 0)
        return CLI_FAILED;
    const char *const words[] = {"apply", name, "dry-run"};
    buf_text(&yaml); /* an empty file is still a text, not a missing one */
    return cli_ask_print(cli, words, cli_has(cli, "dry-run") ? 3 : 2, buf_slice(&yaml), err);
}

enum cli_status cli_dump(struct cli *cli, struct error *err)
{
    const char *const words[] = {"dump"};
    return cli_ask_print(cli, words, 1, (struct slice){0}, err);
}

enum cli_status cli_explain(struct cli *cli, struct error *err)
{
    const char *firmware = cli_option(cli, "firmware"), *at = cli_option(cli, "at");
    const char *const words[] = {"explain", cli->json ? "json" : "text", cli->values[0],
                                 firmware ? firmware : "", at ? at : ""};
    return cli_ask_print(cli, words, 5, (struct slice){0}, err);
}

enum cli_status cli_status_show(struct cli *cli, struct error *err)
{
    const char *const words[] = {"status", cli->json ? "json" : "text",
                                 cli->value_count ? cli->values[0] : ""};
    return cli_ask_print(cli, words, 3, (struct slice){0}, err);
}

enum cli_status cli_watch(struct cli *cli, struct error *err)
{
    const char *const words[] = {"status", "text", cli->value_count ? cli->values[0] : ""};
    bool terminal = isatty(STDOUT_FILENO);
    for (;;) {
        cleanup_buf struct buf out = BUF_INIT;
        if (terminal)
            buf_append_text(&out, "\033[H\033[2J");
        if (cli_ask(cli, words, 3, (struct slice){0}, &out, err) < 0 || cli_print(&out, err) != CLI_DONE)
            return CLI_FAILED;
        sleep(1);
    }
}

/* Leaves *port as it is where the option was not given. */
static int take_port(const struct cli *cli, const char *option, unsigned *port, struct error *err)
{
    const char *text = cli_option(cli, option);
    uint64_t number;
    if (!text)
        return 0;
    if (!text_u64(text, 1, 65535, &number))
        return error_set(err, "--%s %s: a number from 1 to 65535 is needed", option, text);
    *port = (unsigned)number;
    return 0;
}

/* Of options that `serve` and `doctor` share. interfaces has room for CLI_OPTIONS_MAX. */
static enum cli_status take_where(const struct cli *cli, const char **interfaces, size_t *count,
                                  unsigned *port, struct error *err)
{
    *count = 0;
    *port = HTTP_PORT_DEFAULT;
    for (size_t i = 0; i < cli->given_count; i++)
        if (strcmp(cli->given[i].name, "interface") == 0)
            interfaces[(*count)++] = cli->given[i].value;
    return take_port(cli, "http-port", port, err) < 0 ? CLI_USAGE : CLI_DONE;
}

enum cli_status cli_serve(struct cli *cli, struct error *err)
{
    const char *interfaces[CLI_OPTIONS_MAX];
    struct cli_serve_options options = {.interfaces = interfaces};
    enum cli_status status = take_where(cli, interfaces, &options.interface_count, &options.http_port, err);
    if (!options.interface_count) {
        error_set(err, "which network interface? bootherd serve --interface IF; `ip -br addr` lists them");
        return CLI_USAGE;
    }
    if (status != CLI_DONE || take_port(cli, "https-port", &options.https_port, err) < 0)
        return CLI_USAGE;
    return cli->processes->serve(cli->root_fd, cli->root, &options, err) < 0 ? CLI_FAILED : CLI_DONE;
}

static void print_progress(void *ctx, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

enum cli_status cli_doctor(struct cli *cli, struct error *err)
{
    const char *interfaces[CLI_OPTIONS_MAX];
    struct cli_doctor_options options = {.interfaces = interfaces, .json = cli->json};
    cleanup_buf struct buf out = BUF_INIT;
    bool fault = false;
    enum cli_status status = take_where(cli, interfaces, &options.interface_count, &options.http_port, err);
    if (status != CLI_DONE || take_port(cli, "https-port", &options.https_port, err) < 0)
        return CLI_USAGE;
    if (cli->processes->doctor(cli->root, &options, NULL, print_progress, &out, &fault, err) < 0 ||
        cli_print(&out, err) != CLI_DONE)
        return CLI_FAILED;
    return fault ? CLI_FAILED : CLI_DONE;
}
