/*
 * HTTP/1.1 for the same boot files: GET and HEAD, Range, ETag, keep-alive, Content-Length always; never
 * chunked, never a redirect. libmicrohttpd parses; its epoll descriptor nests in our loop, so that nothing
 * here blocks or needs a thread.
 */
#pragma once

#include "base/error.h"
#include "serve/boot_file.h"

#include <systemd/sd-event.h>

struct http_io;

/* What makes it HTTPS: PEM texts, borrowed for the call. */
struct http_tls {
    const char *certificate;
    const char *key;
};

/* Takes listen_fd: a listening TCP socket. files and events are borrowed and must outlive the server. tls
 * NULL: plain HTTP. */
int http_io_new(sd_event *loop, int listen_fd, const struct http_tls *tls, const struct boot_files *files,
                const struct boot_events *events, struct http_io **out, struct error *err);
void http_io_free(struct http_io *io);
