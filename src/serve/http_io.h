/*
 * HTTP/1.1 for the same boot files: GET and HEAD, Range, ETag, keep-alive; http_message.h says what is taken
 * and what is answered. An epoll of our own nests in the loop: ten thousand connections cost it one
 * descriptor. Connections get turns (http_connection_io.h), so that none holds up the others, nor DHCP and
 * TFTP beside them.
 */
#pragma once

#include "base/error.h"
#include "serve/boot_file.h"

#include <systemd/sd-event.h>

#define HTTP_CONNECTIONS_MAX                                                                                 \
    16384u /* idle ones make way when it is reached; then who comes waits in the backlog */
#define HTTP_PER_ADDRESS_MAX 4096u /* machines behind one address translator; one is never let take all */

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

/* Bytes of answers given to connections so far. */
uint64_t http_io_sent(const struct http_io *io);
