/* The virtual machines of hosts: vm list, show, history, set, move, restore, forget. The state process does
 * all of it; what the command line said goes there as it is. */
#include "cli/command.h"

#include <string.h>

#define WORDS_MAX (4 + 2 * CLI_OPTIONS_MAX)

enum cli_status cli_vm(struct cli *cli, struct error *err)
{
    const char *words[WORDS_MAX] = {"vm", strchr(cli->command->words, ' ') + 1, cli->json ? "json" : "text",
                                    cli->value_count ? cli->values[0] : ""};
    size_t count = 4;
    for (size_t i = 0; i < cli->given_count; i++) {
        words[count++] = cli->given[i].name;
        words[count++] = cli->given[i].value ? cli->given[i].value : "";
    }
    return cli_ask_print(cli, words, count, (struct slice){0}, err);
}
