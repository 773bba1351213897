/* A folder of its own for each test program, and commands run in it: the archives and scripts are judged by
 * tools that bootherd did not write. */
#pragma once

#include "base/buf.h"

/* A string literal as the writable text that the model's structs own. */
#define TEXT(literal) ((char[]){literal})

/* Not looked into by an overlay. */
#define AGENT_LIST "bootherd|1\nboot|1-00|rack1\nend|2\n"

int fixture_start(void **state);
int fixture_stop(void **state);

void fixture_write(const char *name, const void *data, size_t size);
void fixture_write_text(const char *name, const char *text);
void fixture_write_program(const char *name, const char *text); /* mode 0755 */
char *fixture_read(const char *name);                           /* owned by the caller */

/* Standard output of `sh -c command` in the folder; fails the test unless it exits with 0. Owned by the
 * caller. */
char *fixture_run(const char *command);

/* The command's output is exactly this. */
void fixture_check(const char *command, const char *expected);
