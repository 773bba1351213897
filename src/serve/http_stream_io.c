#include "serve/http_stream_io.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void http_stream_close(struct http_stream *stream, bool clean)
{
    if (stream->tls && clean)
        http_tls_session_end(stream->tls);
    http_tls_session_free(stream->tls);
    close(stream->fd);
}

void http_stream_end(struct http_stream *stream)
{
    if (stream->tls)
        http_tls_session_end(stream->tls);
    shutdown(stream->fd, SHUT_WR);
}

ssize_t http_stream_recv(struct http_stream *stream, void *out, size_t size)
{
    return stream->tls ? http_tls_session_recv(stream->tls, out, size) : recv(stream->fd, out, size, 0);
}

/* One record of what fits into it: an answer's head does not travel alone. */
static ssize_t send_record(struct http_stream *stream, const struct iovec *parts, size_t count)
{
    uint8_t record[HTTP_RECORD_SIZE];
    size_t used = 0;
    if (count == 1)
        return http_tls_session_send(stream->tls, parts->iov_base,
                                     parts->iov_len < HTTP_RECORD_SIZE ? parts->iov_len : HTTP_RECORD_SIZE);
    for (size_t i = 0; i < count; i++) {
        size_t room = sizeof record - used, size = parts[i].iov_len < room ? parts[i].iov_len : room;
        if (size)
            memcpy(record + used, parts[i].iov_base, size);
        used += size;
    }
    return http_tls_session_send(stream->tls, record, used);
}

ssize_t http_stream_send(struct http_stream *stream, const struct iovec *parts, size_t count, bool more)
{
    if (stream->tls)
        return send_record(stream, parts, count);
    struct msghdr message = {.msg_iov = (struct iovec *)(uintptr_t)parts, .msg_iovlen = count};
    return sendmsg(stream->fd, &message, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
}

uint64_t http_stream_acked(const struct http_stream *stream)
{
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    if (getsockopt(stream->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return 0;
    return info.tcpi_bytes_acked;
}

uint32_t http_socket_ip(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0 || address.sin_family != AF_INET)
        return 0;
    return ntohl(address.sin_addr.s_addr);
}
