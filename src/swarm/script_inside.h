/* Inside script*.c: how a script's files are named and added. */
#pragma once

#include "swarm/script.h"

/* "http://HOST[:PORT]/PATH" or "tftp://HOST/PATH": 1 with the server and where the path begins (at its '/',
 * or at the end of the text); 0 for anything else; negative for a URL that is of no use. */
int script_url(const char *text, struct script_server *server, const char **path, struct error *err);

/* "HOST[:PORT]", `size` bytes. */
int script_host(const char *text, size_t size, struct script_server *server, struct error *err);

/* Adds the file as it will be asked for: by HTTP with a '/' in front. */
int script_add(struct script *s, enum script_role role, const struct script_server *server, const char *path,
               struct error *err);
int script_add_config(struct script *s, enum script_language language, const struct script_server *server,
                      const char *path, struct error *err);

/* The folder of a file with its '/', then `name`, "." and ".." taken out (RFC 3986, section 5.2.4). */
int script_beside(const char *file, const char *name, char out[static SCRIPT_PATH_MAX], struct error *err);

void script_note(struct script *s, const char *text, size_t size);

/* A copy with a NUL behind it and blanks for the NULs in it; NULL when memory runs out. */
char *script_copy(struct slice text, struct error *err);

struct script_server script_tftp(uint32_t ip);

int script_parse_pxelinux(struct slice text, const struct script_asker *asker, struct script *out,
                          struct error *err);
int script_parse_ipxe(struct slice text, const struct script_asker *asker, struct script *out,
                      struct error *err);
int script_parse_bootcfg(struct slice text, const struct script_asker *asker, struct script *out,
                         struct error *err);
int script_parse_grub(struct slice text, const struct script_asker *asker, struct script *out,
                      struct error *err);
