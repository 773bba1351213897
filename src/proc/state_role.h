/*
 * The state process: the only one that opens the database.
 *
 * Descriptors: 3 the --root folder; then "once": 4 the asker; "serve", the ports of HTTP and HTTPS (0: none)
 * and net's argument for each interface: 4 the listening control socket, 5 net, 6 parent. Prints the live
 * story on standard output when it serves.
 */
#pragma once

int state_role(int argc, char **argv);
