/* The bytes of one connection: a socket, with TLS on it or without. Never blocks. */
#pragma once

#include "serve/http_tls_io.h"

#include <stdint.h>
#include <sys/uio.h>

#define HTTP_RECORD_SIZE 16384u /* RFC 8446, section 5.1: the most that TLS sends at a time */

struct http_stream {
    int fd;
    struct http_tls_session *tls; /* owned; NULL: none */
};

/* clean: the stream ends where it should. Closes the socket. */
void http_stream_close(struct http_stream *stream, bool clean);

/* No more will be sent; the client may still send. */
void http_stream_end(struct http_stream *stream);

/* As recv and sendmsg; more: hold back a packet that is not full. After EAGAIN the same bytes come again. */
ssize_t http_stream_recv(struct http_stream *stream, void *out, size_t size);
ssize_t http_stream_send(struct http_stream *stream, const struct iovec *parts, size_t count, bool more);

/* What the client's TCP has confirmed since the connection was made, bytes. */
uint64_t http_stream_acked(const struct http_stream *stream);

/* The address of ours that a connection came to, or a port is bound to; 0: any, or none. */
uint32_t http_socket_ip(int fd);
