#include "proc/interface.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_TFTP           69
#define TCP_BACKLOG         65535      /* as many as net.core.somaxconn allows: a rack asks at once */
#define DHCP_RECEIVE_BUFFER (16 << 20) /* a boot storm arrives faster than it is answered */
#define DHCP_SEND_BUFFER    (4 << 20)  /* answers leave in batches; a card takes them one by one */
#define TFTP_RECEIVE_BUFFER (16 << 20) /* one ACK of each client, at up to 1 kB in the kernel */
#define TFTP_SEND_BUFFER    (1 << 20)  /* about forty windows; more would only wait in front of the cable */

static int missing(const char *name, const struct ifaddrs *all, struct error *err)
{
    cleanup_buf struct buf names = BUF_INIT;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next)
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_PACKET && !(a->ifa_flags & IFF_LOOPBACK))
            buf_format(&names, "%s%s", names.size ? ", " : "", a->ifa_name);
    return error_set(err, "interface %s does not exist; this machine has %s", name,
                     names.size ? buf_text(&names) : "none but loopback");
}

static int look_up(const char *name, const struct ifaddrs *all, struct dhcp_interface *out, struct error *err)
{
    bool found = false, up = false;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
        if (!a->ifa_addr || strcmp(a->ifa_name, name) != 0)
            continue;
        found = true;
        up |= (a->ifa_flags & IFF_UP) != 0;
        if (a->ifa_addr->sa_family == AF_PACKET) {
            struct sockaddr_ll link;
            memcpy(&link, a->ifa_addr, sizeof link);
            out->index = link.sll_ifindex;
            memcpy(out->mac.byte, link.sll_addr, MAC_SIZE);
        } else if (a->ifa_addr->sa_family == AF_INET && !out->ip) {
            struct sockaddr_in address, mask;
            memcpy(&address, a->ifa_addr, sizeof address);
            memcpy(&mask, a->ifa_netmask, sizeof mask);
            out->ip = ntohl(address.sin_addr.s_addr);
            out->prefix = (unsigned)__builtin_popcount(mask.sin_addr.s_addr);
        }
    }
    if (!found)
        return missing(name, all, err);
    if (!up)
        return error_set(err, "interface %s is down: ip link set %s up", name, name);
    if (!out->ip)
        return error_set(err,
                         "interface %s has no IPv4 address: ip addr add 10.77.0.1/24 dev %s, or the like",
                         name, name);
    snprintf(out->name, sizeof out->name, "%s", name);
    return 0;
}

int interface_find(const char *name, struct dhcp_interface *out, struct error *err)
{
    struct ifaddrs *all;
    *out = (struct dhcp_interface){.udp_fd = -1, .pxe_fd = -1, .packet_fd = -1};
    if (strlen(name) >= sizeof out->name)
        return error_set(err, "interface %s: the name is longer than the kernel allows", name);
    if (getifaddrs(&all) < 0)
        return error_errno(err, errno, "list the network interfaces");
    int result = look_up(name, all, out, err);
    freeifaddrs(all);
    return result;
}

static int port_error(const char *name, const char *what, int type, unsigned port, struct error *err)
{
    int code = errno;
    if (code == EADDRINUSE)
        return error_set(
            err,
            "%s on %s: port %u is taken by another program (ss -%slpn 'sport = :%u' names it): stop it%s",
            what, name, port, type == SOCK_DGRAM ? "u" : "t", port,
            type == SOCK_DGRAM ? "" : ", or use another with --http-port or --https-port");
    if (code == EACCES || code == EPERM)
        return error_set(err, "%s on %s: port %u needs root's privileges: start bootherd serve as root", what,
                         name, port);
    return error_errno(err, code, "%s on %s, port %u", what, name, port);
}

/* bind_ip 0: any address, as DHCP and its broadcasts need. */
static int port_open(const struct dhcp_interface *interface, const char *what, int type, uint32_t bind_ip,
                     unsigned port, struct error *err)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(bind_ip)};
    int on = 1;
    cleanup_close int fd = socket(AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, errno, "%s on %s", what, interface->name);
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    else
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface->name, (socklen_t)strlen(interface->name)) <
            0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
        (type == SOCK_STREAM && listen(fd, TCP_BACKLOG) < 0))
        return port_error(interface->name, what, type, port, err);
    return TAKE_FD(fd);
}

static int dhcp_socket(const struct dhcp_interface *interface, const char *what, unsigned port,
                       struct error *err)
{
    int on = 1, receive = DHCP_RECEIVE_BUFFER, send = DHCP_SEND_BUFFER;
    int fd = port_open(interface, what, SOCK_DGRAM, 0, port, err);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof receive);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof send);
    return fd;
}

/* For sending only: protocol 0 in bind() means that no frame is delivered to it. */
static int packet_socket(const struct dhcp_interface *interface, struct error *err)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = interface->index};
    int send = DHCP_SEND_BUFFER;
    cleanup_close int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return error_errno(err, errno, "packet socket on %s (needs CAP_NET_RAW)", interface->name);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof send);
    return TAKE_FD(fd);
}

/* Bound to no interface: what is sent takes the route that the host's administrator wants. */
static int transfer_socket(struct error *err)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int receive = TFTP_RECEIVE_BUFFER, send = TFTP_SEND_BUFFER;
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return error_errno(err, errno, "a UDP port for TFTP");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof receive);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &send, sizeof send);
    return TAKE_FD(fd);
}

static int tftp_sockets(const struct dhcp_interface *interface, struct tftp_sockets *out, struct error *err)
{
    int receive = TFTP_RECEIVE_BUFFER;
    out->requests = port_open(interface, "TFTP", SOCK_DGRAM, 0, PORT_TFTP, err);
    if (out->requests < 0)
        return -1;
    setsockopt(out->requests, SOL_SOCKET, SO_RCVBUFFORCE, &receive, sizeof receive);
    for (size_t i = 0; i < TFTP_PORTS; i++)
        if ((out->transfers[i] = transfer_socket(err)) < 0)
            return -1;
    return 0;
}

int interface_open(const char *name, const struct interface_ports *ports, struct interface_sockets *out,
                   struct error *err)
{
    *out = (struct interface_sockets){.tftp.requests = -1, .http_fd = -1, .https_fd = -1};
    for (size_t i = 0; i < TFTP_PORTS; i++)
        out->tftp.transfers[i] = -1;
    if (interface_find(name, &out->dhcp, err) < 0)
        return -1;
    if ((out->dhcp.udp_fd = dhcp_socket(&out->dhcp, "DHCP", DHCP_PORT_SERVER, err)) < 0 ||
        (out->dhcp.packet_fd = packet_socket(&out->dhcp, err)) < 0 ||
        (out->dhcp.pxe_fd = dhcp_socket(&out->dhcp, "PXE", DHCP_PORT_PXE, err)) < 0 ||
        tftp_sockets(&out->dhcp, &out->tftp, err) < 0 ||
        (out->http_fd = port_open(&out->dhcp, "HTTP", SOCK_STREAM, out->dhcp.ip, ports->http, err)) < 0 ||
        (ports->https && (out->https_fd = port_open(&out->dhcp, "HTTPS", SOCK_STREAM, out->dhcp.ip,
                                                    ports->https, err)) < 0)) {
        interface_close(out);
        return -1;
    }
    return 0;
}

void interface_close(struct interface_sockets *sockets)
{
    const int fds[] = {sockets->dhcp.udp_fd,   sockets->dhcp.pxe_fd, sockets->dhcp.packet_fd,
                       sockets->tftp.requests, sockets->http_fd,     sockets->https_fd};
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (size_t i = 0; i < TFTP_PORTS; i++)
        if (sockets->tftp.transfers[i] >= 0)
            close(sockets->tftp.transfers[i]);
}
