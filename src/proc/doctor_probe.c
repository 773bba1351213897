#include "proc/doctor_probe.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>

#define ROUND_MS     1300 /* DISCOVERs are said again: a switch that wakes a port loses the first ones */
#define ROUNDS       2
#define ARP_MAX      512 /* nodes whose addresses are asked for, of one interface */
#define ARP_BURST    32
#define ARP_PAUSE_MS 50
#define PACKET_MAX   2048

struct ear {
    const struct doctor_interface *interface;
    int dhcp_fd, arp_fd;
    unsigned rounds; /* of DISCOVERs sent */
    size_t node;     /* the next one whose address is asked for */
    size_t asked;
};

struct doctor_probe {
    struct mac mac; /* random, locally administered (IEEE 802, bit 1 of the first byte) */
    uint32_t xid;   /* of the first kind of machine; the others count on */
    size_t count;
    struct ear ear[DOCTOR_INTERFACES_MAX];
};

static int packet_socket(const struct doctor_interface *i, uint16_t protocol)
{
    struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(protocol), .sll_ifindex = i->index};
    cleanup_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return -1;
    return TAKE_FD(fd);
}

static bool ear_open(struct doctor_interface *i, struct ear *ear)
{
    *ear = (struct ear){.interface = i, .dhcp_fd = packet_socket(i, ETH_P_IP), .arp_fd = -1};
    if (ear->dhcp_fd >= 0)
        ear->arp_fd = packet_socket(i, ETH_P_ARP);
    if (ear->arp_fd >= 0)
        return true;
    snprintf(i->unprobed, sizeof i->unprobed,
             errno == EPERM || errno == EACCES ? "only root may ask%.0s\nrun bootherd doctor as root"
                                               : "%s\nask again",
             strerror(errno));
    if (ear->dhcp_fd >= 0)
        close(ear->dhcp_fd);
    return false;
}

struct doctor_probe *doctor_probe_open(struct doctor_facts *facts)
{
    struct doctor_probe *probe = calloc(1, sizeof *probe);
    if (!probe)
        return NULL;
    for (size_t i = 0; i < facts->interface_count; i++) {
        struct doctor_interface *interface = &facts->interface[i];
        if (!facts->chosen || !interface->up || !interface->carrier || interface->master[0])
            continue;
        interface->probed = ear_open(interface, &probe->ear[probe->count]);
        probe->count += interface->probed;
    }
    if (!probe->count || getrandom(&probe->xid, sizeof probe->xid, 0) != sizeof probe->xid ||
        getrandom(probe->mac.byte, MAC_SIZE, 0) != MAC_SIZE) {
        doctor_probe_free(probe);
        return NULL;
    }
    probe->mac.byte[0] = (uint8_t)((probe->mac.byte[0] & 0xfc) | 0x02); /* local, and no group */
    return probe;
}

void doctor_probe_free(struct doctor_probe *probe)
{
    for (size_t i = 0; probe && i < probe->count; i++) {
        close(probe->ear[i].dhcp_fd);
        close(probe->ear[i].arp_fd);
    }
    free(probe);
}

static void send_broadcast(int fd, const struct ear *ear, uint16_t protocol, const void *data, size_t size)
{
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(protocol),
                             .sll_ifindex = ear->interface->index,
                             .sll_halen = MAC_SIZE};
    memset(to.sll_addr, 0xff, MAC_SIZE);
    (void)sendto(fd, data, size, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof to);
}

static void send_discovers(const struct doctor_probe *probe, struct ear *ear)
{
    uint8_t frame[DHCP_FRAME_MAX];
    for (unsigned client = 0; client < DOCTOR_CLIENTS; client++) {
        size_t size = doctor_discover(client, probe->xid + client, &probe->mac, frame);
        send_broadcast(ear->dhcp_fd, ear, ETH_P_IP, frame, size);
    }
    ear->rounds++;
}

static bool on_interface(const struct doctor_interface *i, uint32_t ip)
{
    for (size_t k = 0; k < i->address_count; k++)
        if (((ip ^ i->address[k].ip) & ip4_mask(i->address[k].prefix)) == 0)
            return ip != i->address[k].ip;
    return false;
}

static void send_arps(const struct fleet *fleet, struct ear *ear)
{
    uint8_t packet[DOCTOR_ARP_SIZE];
    for (unsigned n = 0; ear->node < fleet->node_count && n < ARP_BURST && ear->asked < ARP_MAX;
         ear->node++) {
        uint32_t ip = fleet->nodes[ear->node].ip;
        if (!ip || !on_interface(ear->interface, ip))
            continue;
        doctor_arp_build(&ear->interface->mac, ip, packet);
        send_broadcast(ear->arp_fd, ear, ETH_P_ARP, packet, sizeof packet);
        ear->asked++;
        n++;
    }
}

/* --- answers --- */

static void heard_offer(const struct ear *ear, const struct doctor_offer *offer, struct doctor_facts *facts)
{
    for (size_t i = 0; i < facts->heard_count; i++)
        if (facts->heard[i].interface == ear->interface->name &&
            facts->heard[i].offer.server == offer->server) {
            doctor_offer_merge(&facts->heard[i].offer, offer);
            return;
        }
    if (facts->heard_count < DOCTOR_OFFERS_MAX)
        facts->heard[facts->heard_count++] = (struct doctor_heard){ear->interface->name, *offer};
}

static void take_offer(const struct doctor_probe *probe, const struct ear *ear, struct slice packet,
                       const struct sockaddr_ll *from, struct doctor_facts *facts)
{
    struct doctor_offer offer;
    for (unsigned client = 0; client < DOCTOR_CLIENTS; client++)
        if (doctor_offer_parse(packet, probe->xid + client, &probe->mac, &offer)) {
            memcpy(offer.mac.byte, from->sll_addr, MAC_SIZE);
            heard_offer(ear, &offer, facts);
        }
}

static void take_arp(const struct ear *ear, struct slice packet, struct doctor_facts *facts)
{
    struct doctor_answer answer = {.interface = ear->interface->name};
    if (!doctor_arp_parse(packet, &answer.ip, &answer.mac))
        return;
    for (size_t i = 0; i < facts->answer_count; i++)
        if (facts->answer[i].ip == answer.ip && mac_equal(&facts->answer[i].mac, &answer.mac))
            return;
    if (facts->answer_count < DOCTOR_ANSWERS_MAX && fleet_node_by_ip(facts->fleet, answer.ip))
        facts->answer[facts->answer_count++] = answer;
}

static void receive(const struct doctor_probe *probe, const struct ear *ear, bool arp,
                    struct doctor_facts *facts)
{
    uint8_t packet[PACKET_MAX];
    struct sockaddr_ll from = {0};
    socklen_t from_size = sizeof from;
    ssize_t size = recvfrom(arp ? ear->arp_fd : ear->dhcp_fd, packet, sizeof packet, MSG_DONTWAIT,
                            (struct sockaddr *)&from, &from_size);
    if (size <= 0 || from.sll_pkttype == PACKET_OUTGOING)
        return;
    struct slice data = {packet, (size_t)size};
    if (arp)
        take_arp(ear, data, facts);
    else
        take_offer(probe, ear, data, &from, facts);
}

static void wait_for_answers(const struct doctor_probe *probe, struct doctor_facts *facts)
{
    struct pollfd fds[2 * DOCTOR_INTERFACES_MAX];
    for (size_t i = 0; i < probe->count; i++) {
        fds[2 * i] = (struct pollfd){.fd = probe->ear[i].dhcp_fd, .events = POLLIN};
        fds[2 * i + 1] = (struct pollfd){.fd = probe->ear[i].arp_fd, .events = POLLIN};
    }
    if (poll(fds, 2 * probe->count, ARP_PAUSE_MS) <= 0)
        return;
    for (size_t i = 0; i < 2 * probe->count; i++)
        if (fds[i].revents)
            receive(probe, &probe->ear[i / 2], i % 2, facts);
}

void doctor_probe_run(struct doctor_probe *probe, struct doctor_facts *facts)
{
    int64_t start = clock_monotonic_ms(), arp_at = start, now;
    while ((now = clock_monotonic_ms()) - start < DOCTOR_LISTEN_MS) {
        for (size_t i = 0; i < probe->count; i++) {
            struct ear *ear = &probe->ear[i];
            if (ear->rounds < ROUNDS && now - start >= (int64_t)ear->rounds * ROUND_MS)
                send_discovers(probe, ear);
            if (now >= arp_at)
                send_arps(facts->fleet, ear);
        }
        if (now >= arp_at)
            arp_at = now + ARP_PAUSE_MS;
        wait_for_answers(probe, facts);
    }
}
