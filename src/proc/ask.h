/*
 * Asking the state process, from a command: through ROOT/control.sock when a server runs, else by starting a
 * state process for this one request.
 */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <sys/types.h>

/* words[0] names the request (state_ask.c has the table). body: a text that goes with it, or an empty slice.
 * Each note is one line for the operator. The answer's text is appended to out. */
struct ask {
    const char *const *words;
    size_t word_count;
    struct slice body;
    void *ctx;
    void (*note)(void *ctx, const char *line);
};

#define ASK_SOCKET     "control.sock"
#define ASK_ANSWER_MAX (512u << 20) /* bytes */

/* root_fd: the --root folder. */
int ask_state(int root_fd, const struct ask *ask, struct buf *out, struct error *err);

/* The server that runs on this folder; 0: none that we may talk to. */
pid_t ask_server(int root_fd);
