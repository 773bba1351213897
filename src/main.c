/* One binary: an operator's command, or, re-executed by one, a process with a role ("@net"). */
#include "cli/command.h"
#include "proc/processes.h"
#include "proc/role.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Descriptors 0 to 2 that the caller closed would go to the next file that is opened, and what is printed
 * would go into it. Opened the wrong way round, so that using one is still the error it was.
 */
static void keep_standard_fds(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) < 0)
            _exit(CLI_FAILED);
}

int main(int argc, char **argv)
{
    keep_standard_fds();
    umask(022); /* every file is made with the mode it needs; processes of another user read the store */
    if (argc < 1 || argv[0][0] != '@')
        return cli_main(argc, argv, &proc_processes);
    for (size_t i = 0; i < role_count; i++)
        if (strcmp(roles[i].name, argv[0] + 1) == 0)
            return roles[i].run(argc, argv);
    fprintf(stderr, "bootherd: no role is called %s\n", argv[0]);
    return CLI_USAGE;
}
