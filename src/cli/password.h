/* Reading a password: from the terminal without echo, twice; from a file's or standard input's first line. */
#pragma once

#include "base/error.h"
#include "fleet/password.h"

int cli_password_prompt(const char *for_whom, char out[static PASSWORD_MAX], struct error *err);
int cli_password_file(const char *path, char out[static PASSWORD_MAX],
                      struct error *err); /* "-": standard input */
