/*
 * What this machine can do by HTTP: a server that answers every request with the same file, large by
 * sendfile, or small from memory, and reads no more of a request than its end. One thread, epoll. http
 * ADDRESS FILE
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES 65536
#define SLICE (1 << 20)
#define SMALL 16384

static struct {
    off_t offset, left; /* of the body */
    int closes;
} connections[FILES];

static int file, poll_fd;
static off_t file_size;
static char whole[256 + SMALL]; /* head, and the body when it is small */
static size_t head_size, whole_size;

static void drop(int fd)
{
    close(fd);
}

static void wait_for(int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.fd = fd};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &e);
}

static void send_on(int fd)
{
    ssize_t n = sendfile(fd, file, &connections[fd].offset,
                         (size_t)(connections[fd].left < SLICE ? connections[fd].left : SLICE));
    if (n > 0 && !(connections[fd].left -= n))
        wait_for(fd, EPOLLIN);
}

static void hear(int fd)
{
    char request[4096];
    ssize_t n = recv(fd, request, sizeof request, 0);
    if (n <= 0) {
        drop(fd);
        return;
    }
    int closes = memmem(request, (size_t)n, "Connection: close", 17) != NULL, large = file_size > SMALL;
    if (send(fd, whole, whole_size, large ? MSG_MORE : 0) < 0 || (closes && !large)) {
        drop(fd);
        return;
    }
    if (large) {
        connections[fd].offset = 0;
        connections[fd].left = file_size;
        wait_for(fd, EPOLLOUT);
    }
}

static void admit(int listener)
{
    int fd, on = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (fd >= FILES || epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &e) < 0)
            drop(fd);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct epoll_event events[256];
    struct stat st;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    signal(SIGPIPE, SIG_IGN);
    if (argc != 3 || inet_pton(AF_INET, argv[1], &here.sin_addr) != 1 ||
        (file = open(argv[2], O_RDONLY)) < 0 || fstat(file, &st) < 0)
        return 2;
    file_size = st.st_size;
    head_size = whole_size = (size_t)snprintf(
        whole, sizeof whole, "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n", (long long)file_size);
    if (file_size <= SMALL)
        whole_size += (size_t)read(file, whole + head_size, SMALL);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    poll_fd = epoll_create1(0);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener};
    if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 4096) < 0 ||
        epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &e) < 0)
        return 1;
    for (;;) {
        int count = epoll_wait(poll_fd, events, 256, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                admit(listener);
            else if (events[i].events & EPOLLOUT)
                send_on(events[i].data.fd);
            else
                hear(events[i].data.fd);
        }
    }
}
