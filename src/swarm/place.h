/* Where a file lies: a server's door and the name there. Pure; any text gives a place or none. */
#pragma once

#include "swarm/script.h"

#define PLACE_PORT_TFTP 69
#define PLACE_PORT_HTTP 80

struct place {
    struct script_server server;
    char path[SCRIPT_PATH_MAX]; /* by HTTP with its leading '/' */
};

/* "http://10.77.0.1:8080/x", "tftp://10.77.0.1/x", or a name on `server`. False: another scheme, a server by
 * name, too long. */
bool place_parse(const char *text, const struct script_server *server, struct place *out);

/* `name` in the folder of `at`. False: too long. */
bool place_beside(const struct place *at, const char *name, struct place *out);

/* What stands behind the last '/'. */
const char *place_name(const char *path);

/* The folder of a path with its '/'; "" for none. */
void place_folder(const char *path, char out[static SCRIPT_PATH_MAX]);

/* The n-th name that PXELINUX looks for: 01-MAC, the address in hex and shorter and shorter, default. False:
 * there are no more. */
bool place_pxelinux_config(unsigned n, const struct mac *mac, uint32_t ip, char out[static 64]);
