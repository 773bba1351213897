/* One binary: an operator's command, or, re-executed by one, a process with a role ("@net"). */
#include "cli/command.h"
#include "proc/processes.h"
#include "proc/role.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc < 1 || argv[0][0] != '@')
        return cli_main(argc, argv, &proc_processes);
    for (size_t i = 0; i < role_count; i++)
        if (strcmp(roles[i].name, argv[0] + 1) == 0)
            return roles[i].run(argc, argv);
    fprintf(stderr, "bootherd: no role is called %s\n", argv[0]);
    return CLI_USAGE;
}
