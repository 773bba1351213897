/*
 * What this machine can do by TFTP: a server that serves one file, whatever is asked for, checks nothing and
 * resends nothing. One socket; a window is one sendmsg with UDP_SEGMENT; ACKs come by recvmmsg. tftp ADDRESS
 * FILE
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define BATCH   64
#define CLIENTS (1 << 16)
#define BLOCKS  64

struct client {
    struct sockaddr_in at;
    uint32_t blksize, window;
    uint64_t acked; /* blocks */
};

static struct client clients[CLIENTS];
static const uint8_t *file;
static uint64_t file_size;

static struct client *client_of(const struct sockaddr_in *from)
{
    uint32_t slot = (ntohl(from->sin_addr.s_addr) * 2654435761u ^ ntohs(from->sin_port) * 40503u) % CLIENTS;
    while (clients[slot].at.sin_port && (clients[slot].at.sin_port != from->sin_port ||
                                         clients[slot].at.sin_addr.s_addr != from->sin_addr.s_addr))
        slot = (slot + 1) % CLIENTS;
    clients[slot].at = *from;
    return &clients[slot];
}

/* The number behind an option's name, or `other`. */
static uint32_t option(const char *request, const char *end, const char *name, uint32_t other)
{
    for (const char *at = request; at < end; at += strlen(at) + 1)
        if (strcasecmp(at, name) == 0 && at + strlen(at) + 1 < end)
            return (uint32_t)atoi(at + strlen(at) + 1);
    return other;
}

static void answer_request(int fd, struct client *c, const char *request, size_t size)
{
    char oack[128] = {0, 6};
    const char *end = request + size;
    c->acked = 0;
    c->blksize = option(request + 2, end, "blksize", 512);
    c->window = option(request + 2, end, "windowsize", 1);
    int used = 2;
    used += snprintf(oack + used, sizeof oack - (size_t)used, "blksize%c%u%cwindowsize%c%u%ctsize%c%llu", 0,
                     c->blksize, 0, 0, c->window, 0, 0, (unsigned long long)file_size);
    sendto(fd, oack, (size_t)used + 1, 0, (struct sockaddr *)&c->at, sizeof c->at);
}

/* The window behind what has arrived, headers and bytes gathered from where they lie. */
static void send_window(int fd, struct client *c)
{
    static uint8_t headers[BLOCKS][4];
    struct iovec parts[2 * BLOCKS];
    size_t count = 0;
    for (uint64_t block = c->acked + 1;
         block <= file_size / c->blksize + 1 && block <= c->acked + c->window && count < 2 * BLOCKS;
         block++) {
        uint64_t offset = (block - 1) * c->blksize, left = file_size - offset;
        uint8_t *header = headers[count / 2];
        memcpy(header, (uint8_t[]){0, 3, (uint8_t)(block >> 8), (uint8_t)block}, 4);
        parts[count++] = (struct iovec){header, 4};
        parts[count++] =
            (struct iovec){(void *)(uintptr_t)(file + offset), left < c->blksize ? left : c->blksize};
    }
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = {.header = {CMSG_LEN(sizeof(uint16_t)), SOL_UDP, UDP_SEGMENT}};
    uint16_t segment = (uint16_t)(c->blksize + 4);
    memcpy(CMSG_DATA(&control.header), &segment, sizeof segment);
    struct msghdr message = {&c->at, sizeof c->at, parts, count, &control, CMSG_SPACE(sizeof segment), 0};
    if (count == 2) {
        message.msg_control = NULL;
        message.msg_controllen = 0;
    }
    if (count && sendmsg(fd, &message, 0) < 0)
        perror("sendmsg");
}

static void hear(int fd, const struct sockaddr_in *from, const uint8_t *data, size_t size)
{
    struct client *c = client_of(from);
    if (size > 4 && data[1] == 1) {
        answer_request(fd, c, (const char *)data, size);
    } else if (size >= 4 && data[1] == 4 && c->blksize) {
        uint16_t number = (uint16_t)(data[2] << 8 | data[3]);
        c->acked += (uint16_t)(number - (uint16_t)c->acked);
        send_window(fd, c);
    }
}

int main(int argc, char **argv)
{
    static uint8_t packets[BATCH][1500];
    struct sockaddr_in from[BATCH], here = {.sin_family = AF_INET, .sin_port = htons(69)};
    struct iovec parts[BATCH];
    struct mmsghdr messages[BATCH];
    struct stat st;
    int room = 64 << 20, source = argc == 3 ? open(argv[2], O_RDONLY) : -1,
        fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (source < 0 || fstat(source, &st) < 0 || inet_pton(AF_INET, argv[1], &here.sin_addr) != 1)
        return 2;
    file_size = (uint64_t)st.st_size;
    file = mmap(NULL, file_size, PROT_READ, MAP_SHARED | MAP_POPULATE, source, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
    if (file == MAP_FAILED || bind(fd, (struct sockaddr *)&here, sizeof here) < 0)
        return 1;
    for (;;) {
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){packets[i], sizeof packets[i]};
            messages[i].msg_hdr = (struct msghdr){&from[i], sizeof from[i], &parts[i], 1, NULL, 0, 0};
        }
        int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++)
            hear(fd, &from[i], packets[i], messages[i].msg_len);
    }
}
