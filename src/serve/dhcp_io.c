#include "serve/dhcp_io.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "serve/dhcp_frame.h"
#include "serve/dhcp_machine.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>

#define PACKETS_PER_WAKE 64      /* then commits, transfers and other interfaces have their turn */
#define TICK_US          5000000 /* far below DHCP_WAITING_MS */
#define COMPLAIN_MS      1000    /* malformed packets and failed sends are told at most this often */

/* Something that goes wrong per packet, told at most once a second, with how often it happened meanwhile. */
struct complaint {
    int64_t told_ms; /* monotonic; 0: never */
    unsigned untold;
};

struct port {
    struct dhcp_io *io;
    struct dhcp_interface interface; /* its descriptors are owned */
    sd_event_source *input, *pxe;
};

struct dhcp_io {
    const struct dhcp_host *host;
    struct dhcp_machine *machine;
    sd_event_source *tick;
    struct complaint malformed, unsent;
    size_t port_count;
    struct port *ports; /* owned */
    uint8_t data[DHCP_INPUT_MAX];
};

/* Whether to tell now; counts otherwise. `before` gets how many went untold. */
static bool complain(struct complaint *c, unsigned *before)
{
    int64_t now_ms = clock_monotonic_ms();
    if (c->told_ms && now_ms - c->told_ms < COMPLAIN_MS) {
        c->untold++;
        return false;
    }
    *before = c->untold;
    c->told_ms = now_ms;
    c->untold = 0;
    return true;
}

static struct sockaddr_in address_of(uint32_t ip, uint16_t port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(ip)};
}

/* As a frame of our own, since the address does not answer ARP yet. */
static ssize_t send_raw(const struct port *port, const struct dhcp_send *send)
{
    uint8_t frame[DHCP_FRAME_MAX];
    size_t size = dhcp_frame_build(send->source_ip, send->ip, send->bytes, send->size, frame);
    struct sockaddr_ll to = {.sll_family = AF_PACKET,
                             .sll_protocol = htons(ETH_P_IP),
                             .sll_ifindex = send->interface_index,
                             .sll_halen = MAC_SIZE};
    memcpy(to.sll_addr, send->mac.byte, MAC_SIZE);
    return sendto(port->interface.packet_fd, frame, size, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof to);
}

/* By the UDP socket, from the address that the client knows us by. */
static ssize_t send_udp(const struct port *port, const struct dhcp_send *send)
{
    struct sockaddr_in to = address_of(send->ip, send->port);
    struct iovec data = {(void *)(uintptr_t)send->bytes, send->size};
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {.bytes = {0}};
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(send->source_ip)};
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
    memcpy(CMSG_DATA(&control.header), &info, sizeof info);
    struct msghdr message = {.msg_name = &to,
                             .msg_namelen = sizeof to,
                             .msg_iov = &data,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int fd = send->source_port == DHCP_PORT_PXE ? port->interface.pxe_fd : port->interface.udp_fd;
    return sendmsg(fd, &message, MSG_DONTWAIT);
}

static struct port *port_of(struct dhcp_io *io, int interface_index)
{
    for (size_t i = 0; i < io->port_count; i++)
        if (io->ports[i].interface.index == interface_index)
            return &io->ports[i];
    return NULL;
}

static void send_answer(struct dhcp_io *io, const struct dhcp_send *send)
{
    char ip[IP4_TEXT_SIZE];
    unsigned before;
    const struct port *port = port_of(io, send->interface_index);
    if (!port || (send->way == DHCP_WAY_RAW ? send_raw(port, send) : send_udp(port, send)) >= 0)
        return;
    int code = errno;
    if (complain(&io->unsent, &before))
        log_warning("DHCP answer to %s on %s was not sent: %s (%u more before)", ip4_format(send->ip, ip),
                    port->interface.name, strerror(code), before);
}

/* The host may answer the commit at once, from within: it comes last. */
static void act(struct dhcp_io *io, const struct dhcp_actions *actions)
{
    const struct dhcp_host *host = io->host;
    if (actions->note[0])
        log_debug("DHCP: %s", actions->note);
    for (size_t i = 0; i < actions->tell_count; i++)
        host->events.tell(host->events.ctx, &actions->tell[i]);
    if (actions->has_send)
        send_answer(io, &actions->send);
    if (actions->has_commit)
        host->commit(host->ctx, actions->token, &actions->lease);
}

static bool is_broadcast(const struct dhcp_interface *interface, uint32_t destination)
{
    return destination == UINT32_MAX || destination == (interface->ip | ~ip4_mask(interface->prefix));
}

static void packet_in(struct port *port, bool pxe, size_t size, const struct sockaddr_in *from,
                      uint32_t destination)
{
    struct dhcp_io *io = port->io;
    struct dhcp_actions actions;
    struct error err;
    char ip[IP4_TEXT_SIZE];
    unsigned before;
    struct dhcp_packet packet = {.data = io->data,
                                 .size = size,
                                 .interface = &port->interface,
                                 .source_ip = ntohl(from->sin_addr.s_addr),
                                 .source_port = ntohs(from->sin_port),
                                 .pxe = pxe,
                                 .broadcast = is_broadcast(&port->interface, destination),
                                 .fleet = io->host->fleet(io->host->ctx)};
    if (dhcp_machine_packet(io->machine, &packet, clock_wall_ms(), &actions, &err) == 0)
        act(io, &actions);
    else if (complain(&io->malformed, &before))
        log_info("malformed DHCP packet from %s on %s: %s (%u more before)", ip4_format(packet.source_ip, ip),
                 port->interface.name, err.text, before);
}

/* The interface it came in by and the address it was sent to; false when the kernel does not say. */
static bool packet_info(struct msghdr *message, int *index, uint32_t *destination)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(c), sizeof info);
        *index = info.ipi_ifindex;
        *destination = ntohl(info.ipi_addr.s_addr);
        return true;
    }
    return false;
}

static int on_input(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
    struct port *port = userdata;
    for (unsigned i = 0; i < PACKETS_PER_WAKE; i++) {
        struct sockaddr_in from = {0};
        struct iovec data = {port->io->data, sizeof port->io->data};
        union {
            struct cmsghdr header;
            uint8_t bytes[256];
        } control;
        struct msghdr message = {.msg_name = &from,
                                 .msg_namelen = sizeof from,
                                 .msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control.bytes,
                                 .msg_controllen = sizeof control.bytes};
        int index = 0;
        uint32_t destination = 0;
        ssize_t size = recvmsg(fd, &message, MSG_DONTWAIT);
        if (size < 0 && errno == EINTR)
            continue;
        if (size < 0) /* EAGAIN; or an earlier answer's ICMP error, which the read has cleared */
            return 0;
        if (packet_info(&message, &index, &destination) && index == port->interface.index)
            packet_in(port, fd == port->interface.pxe_fd, (size_t)size, &from, destination);
    }
    return 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct dhcp_io *io = userdata;
    unsigned before;
    dhcp_machine_tick(io->machine, clock_wall_ms());
    if (io->malformed.untold && complain(&io->malformed, &before))
        log_info("%u more malformed DHCP packets", before);
    sd_event_source_set_time_relative(source, TICK_US);
    return 0;
}

static int start(struct dhcp_io *io, sd_event *loop, struct error *err)
{
    for (size_t i = 0; i < io->port_count; i++) {
        struct port *port = &io->ports[i];
        int r = sd_event_add_io(loop, &port->input, port->interface.udp_fd, EPOLLIN, on_input, port);
        if (r >= 0)
            r = sd_event_add_io(loop, &port->pxe, port->interface.pxe_fd, EPOLLIN, on_input, port);
        if (r < 0)
            return error_errno(err, -r, "cannot watch the DHCP sockets on %s", port->interface.name);
    }
    int r = sd_event_add_time_relative(loop, &io->tick, CLOCK_MONOTONIC, TICK_US, 0, on_tick, io);
    if (r < 0 || (r = sd_event_source_set_enabled(io->tick, SD_EVENT_ON)) < 0)
        return error_errno(err, -r, "cannot set the DHCP timer");
    return 0;
}

int dhcp_io_new(sd_event *loop, const struct dhcp_interface *interfaces, size_t count,
                const struct dhcp_host *host, struct dhcp_io **out, struct error *err)
{
    struct dhcp_io *io = calloc(1, sizeof *io);
    struct port *ports = calloc(count ? count : 1, sizeof *ports);
    uint64_t seed = 0;
    if (!io || !ports) {
        free(io);
        free(ports);
        return error_set(err, "out of memory");
    }
    io->host = host;
    io->ports = ports;
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        dhcp_io_free(io);
        return error_errno(err, errno, "getrandom");
    }
    if (dhcp_machine_new(interfaces, count, host->boot, host->ctx, seed, &io->machine, err) < 0) {
        dhcp_io_free(io);
        return error_wrap(err, "DHCP");
    }
    for (; io->port_count < count; io->port_count++)
        ports[io->port_count] = (struct port){.io = io, .interface = interfaces[io->port_count]};
    if (start(io, loop, err) < 0) {
        for (size_t i = 0; i < count; i++) /* they stay the caller's */
            ports[i].interface.udp_fd = ports[i].interface.pxe_fd = ports[i].interface.packet_fd = -1;
        dhcp_io_free(io);
        return -1;
    }
    *out = io;
    return 0;
}

void dhcp_io_free(struct dhcp_io *io)
{
    if (!io)
        return;
    for (size_t i = 0; i < io->port_count; i++) {
        const struct dhcp_interface *interface = &io->ports[i].interface;
        const int fds[] = {interface->udp_fd, interface->pxe_fd, interface->packet_fd};
        sd_event_source_disable_unref(io->ports[i].input);
        sd_event_source_disable_unref(io->ports[i].pxe);
        for (size_t k = 0; k < sizeof fds / sizeof fds[0]; k++)
            if (fds[k] >= 0)
                close(fds[k]);
    }
    sd_event_source_disable_unref(io->tick);
    dhcp_machine_free(io->machine);
    free(io->ports);
    free(io);
}

void dhcp_io_load(struct dhcp_io *io, const struct lease *lease)
{
    dhcp_machine_load(io->machine, lease, clock_wall_ms());
}

void dhcp_io_committed(struct dhcp_io *io, uint64_t token, bool ok)
{
    struct dhcp_actions actions;
    dhcp_machine_committed(io->machine, token, ok, clock_wall_ms(), &actions);
    act(io, &actions);
}

const struct lease *dhcp_io_lease_by_ip(const struct dhcp_io *io, uint32_t ip)
{
    return dhcp_machine_lease_by_ip(io->machine, ip, clock_wall_ms());
}
