#include "base/cleanup.h"
#include "base/text.h"
#include "cli/command.h"
#include "fleet/fleet_schema.h"

#include <stdio.h>
#include <string.h>

static const char intro[] =
    "bootherd takes a hypervisor image as its vendor ships it, customises it per machine, and boots\n"
    "stateless servers from it over the network.\n\n";

static const char outro[] =
    "\nEvery command takes --root DIR (default /var/lib/bootherd) and, where it prints data, --json.\n"
    "Exit status: 0 done, 1 failed, 2 wrong usage. bootherd help COMMAND tells more.\n\n"
    "A first boot:\n"
    "    bootherd image import ESXi.iso --name esxi4\n"
    "    bootherd node set n1 --mac 52:54:00:12:34:56 --ip 10.77.0.11 --image esxi4 --password\n"
    "    bootherd serve --interface eth1\n";

static void help_keys(enum fleet_kind kind, struct buf *out)
{
    size_t count;
    const struct fleet_key *keys = fleet_keys(&count);
    for (size_t i = 0; i < count; i++) {
        if (!(keys[i].kinds & FLEET_BIT(kind)))
            continue;
        char name[64];
        snprintf(name, sizeof name, "--%s", keys[i].name);
        for (char *p = name; *p; p++)
            if (*p == '_')
                *p = '-';
        buf_format(out, "  %-26s %s\n", name, keys[i].help);
        if (keys[i].shape)
            buf_format(out, "  %-26s e.g. %s\n", "", keys[i].shape);
    }
}

static void help_command(const struct cli_command *c, struct buf *out)
{
    static const enum fleet_kind kinds[] = {
        [CLI_KEYS_NETWORK] = FLEET_NETWORK, [CLI_KEYS_PROFILE] = FLEET_PROFILE, [CLI_KEYS_NODE] = FLEET_NODE};
    buf_format(out, "bootherd %s %s\n\n%s\n", c->words, c->arguments, c->summary);
    if (c->details)
        buf_format(out, "\n%s\n", c->details);
    if (c->options || c->keys != CLI_KEYS_NONE)
        buf_append_text(out, "\nOptions:\n");
    for (const struct cli_option *o = c->options; o && o->name; o++) {
        char name[64];
        snprintf(name, sizeof name, "--%s %s", o->name, o->argument ? o->argument : "");
        buf_format(out, "  %-26s %s\n", name, o->help);
    }
    if (c->keys != CLI_KEYS_NONE)
        help_keys(kinds[c->keys], out);
}

static void help_list(const char *group, struct buf *out)
{
    size_t length = strlen(group);
    for (size_t i = 0; i < cli_command_count; i++) {
        const struct cli_command *c = &cli_commands[i];
        char words[128];
        if (strncmp(c->words, group, length) != 0 || (length && c->words[length] != ' '))
            continue;
        snprintf(words, sizeof words, "bootherd %s %s", c->words, c->arguments);
        if (strlen(words) > 46)
            buf_format(out, "  %s\n  %-46s", words, "");
        else
            buf_format(out, "  %-46s", words);
        buf_format(out, " %s\n", c->summary);
    }
}

enum cli_status cli_help(struct cli *cli, struct error *err)
{
    cleanup_buf struct buf out = BUF_INIT;
    if (cli->value_count == 0) {
        buf_append_text(&out, intro);
        help_list("", &out);
        buf_append_text(&out, outro);
        return cli_print(&out, err);
    }
    char asked[128];
    snprintf(asked, sizeof asked, "%s%s%s", cli->values[0], cli->value_count > 1 ? " " : "",
             cli->value_count > 1 ? cli->values[1] : "");
    for (size_t i = 0; i < cli_command_count; i++)
        if (strcmp(cli_commands[i].words, asked) == 0)
            help_command(&cli_commands[i], &out);
    if (!out.size)
        help_list(asked, &out);
    if (!out.size) {
        error_set(err, "\"%s\" is not a command: bootherd help lists them", asked);
        return CLI_USAGE;
    }
    return cli_print(&out, err);
}

enum cli_status cli_version(struct cli *cli, struct error *err)
{
    cleanup_buf struct buf out = BUF_INIT;
    buf_append_text(&out, "bootherd " BOOTHERD_VERSION "\n");
    return cli_print(&out, err);
}
