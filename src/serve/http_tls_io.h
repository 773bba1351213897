/*
 * TLS below HTTP: GnuTLS on a non-blocking socket. Encryption is done here and not in the kernel (kTLS),
 * which few kernels have switched on.
 */
#pragma once

#include "base/error.h"
#include "serve/http_io.h"

#include <sys/types.h>

struct http_tls_server;  /* certificate and key, of all connections */
struct http_tls_session; /* one connection's */

int http_tls_server_new(const struct http_tls *pem, struct http_tls_server **out, struct error *err);
void http_tls_server_free(struct http_tls_server *server);

/* fd is borrowed, server outlives it. NULL: out of memory. */
struct http_tls_session *http_tls_session_new(const struct http_tls_server *server, int fd);

/* Tells the client that the stream ends here and was not cut, if the socket takes it at once. */
void http_tls_session_end(struct http_tls_session *session);
void http_tls_session_free(struct http_tls_session *session);

/* 0: done. Negative with errno; EAGAIN: once more when the socket is ready. */
int http_tls_session_handshake(struct http_tls_session *session);

/* As recv and send. After EAGAIN, send must be called again with the same bytes, or more behind them. */
ssize_t http_tls_session_recv(struct http_tls_session *session, void *out, size_t size);
ssize_t http_tls_session_send(struct http_tls_session *session, const void *data, size_t size);
