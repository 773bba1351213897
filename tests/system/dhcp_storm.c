/*
 * A storm of DHCP clients on one Ethernet device, directly and not by a relay: DISCOVER, OFFER, REQUEST, ACK.
 *
 *   dhcp_storm DEVICE MACHINES AT_ONCE FIRST_MAC [plain] [ACKS]
 *
 * Machine i has FIRST_MAC + i and asks as a BIOS PXE ROM does, or `plain` as a system without option 60. At
 * most AT_ONCE exchanges are under way. What is not answered is sent again after RESEND_MS, SENDS_MAX times.
 * ACKS: a file that gets a line "IP MAC" for each ACK as soon as it is here. Prints one line of figures;
 * exits with 1 when a machine got no address.
 *
 * Sends frames from and to hardware addresses that no device has; it is for veth pairs in namespaces.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/net.h"
#include "base/wire.h"
#include "serve/dhcp_message.h"

#define RESEND_MS    4000 /* RFC 2131, section 4.1: 4 s, then more */
#define SENDS_MAX    4
#define BATCH        64u
#define FRAME_MAX    1514u
#define ETH_SIZE     14u
#define HEADERS      (ETH_SIZE + 28u) /* Ethernet, IPv4, UDP */
#define MACHINES_MAX 1000000u

struct machine {
    uint8_t sends; /* of the message it waits on */
    bool requests, bound;
    uint32_t ip, server;
    int64_t began_us, sent_us;
};

struct storm {
    int fd;
    bool plain;
    uint64_t first_mac;
    size_t count, begun, bound, lost, resent, naks;
    struct machine *machines;
    uint32_t *took_us; /* DISCOVER to ACK */
    uint32_t *step_us; /* each of the two answers */
    size_t step_count;
    FILE *acks;
    size_t out_count;
    struct mmsghdr out[BATCH];
    struct iovec out_data[BATCH];
    uint8_t frames[BATCH][FRAME_MAX];
};

static volatile sig_atomic_t stopped;

static void on_term(int number)
{
    stopped = 1;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void mac_of(const struct storm *s, size_t i, uint8_t out[MAC_SIZE])
{
    uint64_t v = s->first_mac + i;
    for (size_t k = MAC_SIZE; k-- > 0; v >>= 8)
        out[k] = (uint8_t)v;
}

static void flush(struct storm *s)
{
    size_t at = 0;
    while (at < s->out_count) {
        int n = sendmmsg(s->fd, s->out + at, (unsigned)(s->out_count - at), 0);
        if (n < 0 && errno != EINTR && errno != ENOBUFS && errno != EAGAIN) {
            perror("dhcp_storm: send");
            exit(2);
        }
        at += n > 0 ? (size_t)n : 0;
    }
    s->out_count = 0;
}

static uint16_t ip_sum(const uint8_t *at)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < 20; i += 2)
        sum += (uint32_t)at[i] << 8 | at[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t options_write(const struct storm *s, const struct machine *m, size_t i, struct wire_out *w)
{
    static const uint8_t asked[] = {1,  3,   6,   12,  15,  42,  43,  60,  66,
                                    67, 128, 129, 130, 131, 132, 133, 134, 135};
    wire_put_u32(w, 0x63825363);
    wire_put(w, (const uint8_t[]){53, 1, m->requests ? DHCP_REQUEST : DHCP_DISCOVER}, 3);
    if (m->requests) {
        wire_put(w, (const uint8_t[]){50, 4}, 2);
        wire_put_u32(w, m->ip);
        wire_put(w, (const uint8_t[]){54, 4}, 2);
        wire_put_u32(w, m->server);
    }
    wire_put(w, (const uint8_t[]){55, sizeof asked}, 2);
    wire_put(w, asked, sizeof asked);
    wire_put(w, (const uint8_t[]){57, 2, 0x04, 0xec}, 4); /* 1260, as Intel's ROMs */
    if (!s->plain) {
        uint8_t uuid[19] = {97, 17};
        mac_of(s, i, uuid + 13);
        wire_put(w, uuid, sizeof uuid);
        wire_put(w, (const uint8_t[]){93, 2, 0, 0, 94, 3, 1, 2, 1}, 9);
        wire_put(w, "\x3c\x20PXEClient:Arch:00000:UNDI:002001", 34);
    }
    wire_put_u8(w, 255);
    return wire_written(w);
}

static void send_message(struct storm *s, size_t i)
{
    struct machine *m = &s->machines[i];
    uint8_t *frame = s->frames[s->out_count], mac[MAC_SIZE];
    struct wire_out w = wire_out(frame, FRAME_MAX);
    mac_of(s, i, mac);
    wire_put(&w, "\xff\xff\xff\xff\xff\xff", 6);
    wire_put(&w, mac, 6);
    wire_put_u16(&w, ETH_P_IP);
    wire_put(&w, (const uint8_t[]){0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0}, 12);
    wire_put_u32(&w, 0);
    wire_put_u32(&w, UINT32_MAX);
    wire_put_u16(&w, 68);
    wire_put_u16(&w, 67);
    wire_put_u32(&w, 0); /* length, no checksum */
    wire_put(&w, (const uint8_t[]){1, 1, 6, 0}, 4);
    wire_put_u32(&w, (uint32_t)i); /* xid */
    wire_put_zero(&w, 20);         /* no broadcast flag, no addresses */
    wire_put(&w, mac, 6);
    wire_put_zero(&w, 10 + 64 + 128);
    size_t size = options_write(s, m, i, &w);
    uint16_t ip_size = (uint16_t)(size - ETH_SIZE), udp_size = (uint16_t)(ip_size - 20);
    frame[16] = (uint8_t)(ip_size >> 8);
    frame[17] = (uint8_t)ip_size;
    frame[38] = (uint8_t)(udp_size >> 8);
    frame[39] = (uint8_t)udp_size;
    uint16_t sum = ip_sum(frame + ETH_SIZE);
    frame[24] = (uint8_t)(sum >> 8);
    frame[25] = (uint8_t)sum;
    s->out_data[s->out_count] = (struct iovec){frame, size};
    s->out[s->out_count].msg_hdr = (struct msghdr){.msg_iov = &s->out_data[s->out_count], .msg_iovlen = 1};
    m->sent_us = now_us();
    m->sends++;
    if (++s->out_count == BATCH)
        flush(s);
}

static void bound(struct storm *s, size_t i, uint32_t ip)
{
    struct machine *m = &s->machines[i];
    struct mac mac;
    char ip_text[IP4_TEXT_SIZE], mac_text[MAC_TEXT_SIZE];
    m->bound = true;
    m->ip = ip;
    s->took_us[s->bound++] = (uint32_t)(now_us() - m->began_us);
    if (!s->acks)
        return;
    mac_of(s, i, mac.byte);
    fprintf(s->acks, "%s %s\n", ip4_format(ip, ip_text), mac_format(&mac, mac_text));
}

static void answer(struct storm *s, const uint8_t *frame, size_t size)
{
    static struct dhcp_message m;
    struct error err;
    uint8_t type, mac[MAC_SIZE];
    if (size < HEADERS || frame[12] != 0x08 || frame[13] != 0 || frame[23] != 17 || frame[36] != 0 ||
        frame[37] != 68 || dhcp_message_decode(frame + HEADERS, size - HEADERS, &m, &err) < 0 ||
        m.op != DHCP_OP_REPLY || m.xid >= s->begun || !dhcp_get_u8(&m, DHCP_OPTION_TYPE, &type))
        return;
    struct machine *at = &s->machines[m.xid];
    mac_of(s, m.xid, mac);
    if (memcmp(m.chaddr, mac, MAC_SIZE) != 0 || at->bound)
        return;
    if (type == DHCP_NAK) {
        s->naks++;
        return;
    }
    if ((type == DHCP_OFFER) == at->requests)
        return; /* a copy */
    s->step_us[s->step_count++] = (uint32_t)(now_us() - at->sent_us);
    if (type == DHCP_ACK) {
        bound(s, m.xid, m.yiaddr);
        return;
    }
    at->requests = true;
    at->ip = m.yiaddr;
    at->sends = 0;
    dhcp_get_u32(&m, DHCP_OPTION_SERVER, &at->server);
    send_message(s, m.xid);
}

static void receive(struct storm *s)
{
    static uint8_t data[BATCH][FRAME_MAX];
    struct iovec parts[BATCH];
    struct mmsghdr in[BATCH];
    memset(in, 0, sizeof in);
    for (size_t i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){data[i], FRAME_MAX};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &parts[i], .msg_iovlen = 1};
    }
    int n;
    do {
        n = recvmmsg(s->fd, in, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < n; i++)
            answer(s, data[i], in[i].msg_len);
    } while (n == (int)BATCH);
    if (s->acks)
        fflush(s->acks);
}

static void resend(struct storm *s)
{
    int64_t now = now_us();
    for (size_t i = 0; i < s->begun; i++) {
        struct machine *m = &s->machines[i];
        if (m->bound || m->sends > SENDS_MAX || now - m->sent_us < RESEND_MS * 1000)
            continue;
        if (m->sends == SENDS_MAX) {
            m->sends++;
            s->lost++;
            continue;
        }
        s->resent++;
        send_message(s, i);
    }
}

static void run(struct storm *s, size_t at_once)
{
    int64_t look_us = now_us() + 1000000;
    while (!stopped && s->bound + s->lost < s->count) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        while (s->begun < s->count && s->begun - s->bound - s->lost < at_once) {
            s->machines[s->begun].began_us = now_us();
            send_message(s, s->begun++);
        }
        flush(s);
        if (poll(&p, 1, 100) > 0)
            receive(s);
        if (now_us() > look_us) {
            resend(s);
            look_us = now_us() + 1000000;
        }
    }
}

static int open_device(const char *name)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP)};
    int on = 1, size = 64 << 20;
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_IP));
    address.sll_ifindex = (int)if_nametoindex(name);
    if (fd < 0 || !address.sll_ifindex || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror(name);
        exit(2);
    }
    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return fd;
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile_ms(uint32_t *values, size_t count, unsigned percent)
{
    return count ? values[(count - 1) * percent / 100] / 1000.0 : 0;
}

int main(int argc, char **argv)
{
    static struct storm s;
    struct mac mac;
    if (argc < 5 || !mac_parse(argv[4], &mac)) {
        fprintf(stderr, "dhcp_storm DEVICE MACHINES AT_ONCE FIRST_MAC [plain] [ACKS]\n");
        return 2;
    }
    for (size_t i = 0; i < MAC_SIZE; i++)
        s.first_mac = s.first_mac << 8 | mac.byte[i];
    s.count = strtoul(argv[2], NULL, 10);
    int at = 5;
    if (at < argc && strcmp(argv[at], "plain") == 0)
        s.plain = at++ > 0;
    s.machines = calloc(s.count, sizeof *s.machines);
    s.took_us = calloc(s.count, sizeof *s.took_us);
    s.step_us = calloc(2 * s.count, sizeof *s.step_us);
    if (s.count > MACHINES_MAX || !s.machines || !s.took_us || !s.step_us ||
        (at < argc && !(s.acks = fopen(argv[at], "w"))))
        return 2;
    s.fd = open_device(argv[1]);
    signal(SIGTERM, on_term);
    int64_t began_us = now_us();
    run(&s, strtoul(argv[3], NULL, 10));
    double seconds = (double)(now_us() - began_us) / 1e6;
    qsort(s.took_us, s.bound, sizeof *s.took_us, by_size);
    qsort(s.step_us, s.step_count, sizeof *s.step_us, by_size);
    printf("bound=%zu unbound=%zu resent=%zu naks=%zu seconds=%.3f rate=%.0f p50_ms=%.2f p99_ms=%.2f "
           "max_ms=%.2f "
           "answer_p50_ms=%.2f answer_p99_ms=%.2f\n",
           s.bound, s.count - s.bound, s.resent, s.naks, seconds, (double)s.bound / seconds,
           percentile_ms(s.took_us, s.bound, 50), percentile_ms(s.took_us, s.bound, 99),
           percentile_ms(s.took_us, s.bound, 100), percentile_ms(s.step_us, s.step_count, 50),
           percentile_ms(s.step_us, s.step_count, 99));
    if (s.acks)
        fclose(s.acks);
    return s.bound == s.count ? 0 : 1;
}
