/*
 * What this machine can do by DHCP with a lease on disk before each ACK: a server that gives every hardware
 * address the next address, checks nothing, and writes one line a lease into a file, with one fdatasync for
 * all that arrived together. dhcp INTERFACE ADDRESS FIRST LEASES
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH    256
#define MACHINES (1 << 16)
#define SIZE     300
#define HEADERS  28 /* IPv4 and UDP */

struct machine {
    uint8_t mac[6];
    uint32_t ip;
};

struct frame {
    struct sockaddr_ll to;
    uint8_t bytes[HEADERS + SIZE];
};

static struct machine machines[MACHINES];
static uint32_t server_ip, next_ip;
static struct frame frames[BATCH];

static uint32_t address_of(const uint8_t *mac)
{
    uint32_t hash = 2166136261u;
    for (int i = 0; i < 6; i++)
        hash = (hash ^ mac[i]) * 16777619u;
    uint32_t slot = hash % MACHINES;
    while (machines[slot].ip && memcmp(machines[slot].mac, mac, 6) != 0)
        slot = (slot + 1) % MACHINES;
    if (!machines[slot].ip) {
        memcpy(machines[slot].mac, mac, 6);
        machines[slot].ip = next_ip++;
    }
    return machines[slot].ip;
}

static void put32(uint8_t *at, uint32_t value)
{
    value = htonl(value);
    memcpy(at, &value, 4);
}

static uint16_t checksum(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i += 2)
        sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

static uint8_t type_of(const uint8_t *packet, size_t size)
{
    for (size_t at = 240; at + 2 < size && packet[at] != 255; at += packet[at] ? packet[at + 1] + 2u : 1)
        if (packet[at] == 53)
            return packet[at + 2];
    return 0;
}

/* The answer to one packet; how long its line for the lease is (0: an OFFER). */
static int answer(const uint8_t *packet, uint8_t type, int interface_index, struct frame *out, char line[64])
{
    uint32_t ip = address_of(packet + 28);
    uint8_t *ip4 = out->bytes, *udp = ip4 + 20, *dhcp = udp + 8, *option = dhcp + 240;
    memset(out, 0, sizeof *out);
    out->to = (struct sockaddr_ll){.sll_family = AF_PACKET,
                                   .sll_protocol = htons(ETH_P_IP),
                                   .sll_ifindex = interface_index,
                                   .sll_halen = 6};
    memcpy(out->to.sll_addr, packet + 28, 6);
    memcpy(ip4, (uint8_t[]){0x45, 0, (HEADERS + SIZE) >> 8, (HEADERS + SIZE) & 255, 0, 0, 0, 0, 64, 17}, 10);
    put32(ip4 + 12, server_ip);
    put32(ip4 + 16, ip);
    uint16_t sum = htons(checksum(ip4, 20));
    memcpy(ip4 + 10, &sum, 2);
    memcpy(udp, (uint8_t[]){0, 67, 0, 68, (8 + SIZE) >> 8, (8 + SIZE) & 255}, 6);
    memcpy(dhcp, packet, 44);
    dhcp[0] = 2;
    put32(dhcp + 16, ip);
    put32(dhcp + 20, server_ip);
    memcpy(dhcp + 236, packet + 236, 4);
    memcpy(option, (uint8_t[]){53, 1, type == 1 ? 2 : 5, 54, 4}, 5);
    put32(option + 5, server_ip);
    memcpy(option + 9, (uint8_t[]){51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 0, 0, 255}, 13);
    return type == 1 ? 0
                     : snprintf(line, 64, "%08x %02x%02x%02x%02x%02x%02x\n", ip, packet[28], packet[29],
                                packet[30], packet[31], packet[32], packet[33]);
}

static void serve(int fd, int raw, int leases, int interface_index)
{
    static uint8_t packets[BATCH][1500];
    static char lines[BATCH * 64];
    struct iovec parts[BATCH], out_parts[BATCH];
    struct mmsghdr in[BATCH], out[BATCH];
    for (;;) {
        size_t used = 0, answers = 0;
        for (int i = 0; i < BATCH; i++) {
            parts[i] = (struct iovec){packets[i], sizeof packets[i]};
            in[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
        }
        int count = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < count; i++) {
            uint8_t type = in[i].msg_len > 240 ? type_of(packets[i], in[i].msg_len) : 0;
            if (type != 1 && type != 3)
                continue;
            struct frame *f = &frames[answers];
            used += (size_t)answer(packets[i], type, interface_index, f, lines + used);
            out_parts[answers] = (struct iovec){f->bytes, sizeof f->bytes};
            out[answers].msg_hdr = (struct msghdr){&f->to, sizeof f->to, &out_parts[answers], 1, NULL, 0, 0};
            answers++;
        }
        if (used && (write(leases, lines, used) != (ssize_t)used || fdatasync(leases) < 0))
            return;
        for (size_t sent = 0; sent < answers;) {
            int n = sendmmsg(raw, out + sent, (unsigned)(answers - sent), 0);
            if (n <= 0)
                break;
            sent += (size_t)n;
        }
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(67)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), raw = socket(AF_PACKET, SOCK_DGRAM, 0), room = 16 << 20, on = 1;
    if (argc != 5)
        return 2;
    inet_pton(AF_INET, argv[2], &server_ip);
    inet_pton(AF_INET, argv[3], &next_ip);
    server_ip = ntohl(server_ip);
    next_ip = ntohl(next_ip);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    int leases = open(argv[4], O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (leases < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) < 0)
        return 1;
    serve(fd, raw, leases, (int)if_nametoindex(argv[1]));
    return 1;
}
