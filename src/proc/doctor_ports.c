/*
 * Who holds the ports we need. Whether one is free is tried, as `serve` would take it, if we may; who holds
 * it is what the kernel lists (sock_diag(7)), and which process that is, what /proc shows of its descriptors.
 */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "proc/doctor_look.h"
#include "serve/dhcp_message.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define PORT_TFTP   69
#define HOLDERS_MAX 16
#define DIAG_BUFFER 32768 /* netlink(7): what the kernel fills at a time is smaller */
#define COMM_MAX    64

struct holders {
    size_t count;
    uint32_t inode[HOLDERS_MAX];
};

static struct sockaddr_in any_address(unsigned port)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
}

/* 0: free; else errno. Nothing listens meanwhile, and the port is let go at once. */
static int try_port(const struct doctor_interface *i, const struct doctor_port *port)
{
    int on = 1;
    struct sockaddr_in address = any_address(port->number);
    cleanup_close int fd = socket(AF_INET, (port->tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (port->tcp && i->address_count)
        address.sin_addr.s_addr = htonl(i->address[0].ip);
    if (port->tcp)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, i->name, (socklen_t)strlen(i->name)) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return errno;
    return 0;
}

/* A socket of the kernel's list that is in our way. */
static bool in_the_way(const struct inet_diag_msg *m, const struct doctor_interface *i,
                       const struct doctor_port *port)
{
    uint32_t address = ntohl(m->id.idiag_src[0]);
    if (ntohs(m->id.idiag_sport) != port->number || (m->id.idiag_if && (int)m->id.idiag_if != i->index) ||
        (port->tcp && m->idiag_state != TCP_LISTEN))
        return false;
    if (m->idiag_family == AF_INET6)
        return !(m->id.idiag_src[0] | m->id.idiag_src[1] | m->id.idiag_src[2] | m->id.idiag_src[3]);
    return !port->tcp || !address || (i->address_count && address == i->address[0].ip);
}

static void list_family(int fd, int family, const struct doctor_interface *i, const struct doctor_port *port,
                        struct holders *out)
{
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request = {{sizeof request, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST | NLM_F_DUMP, 1, 0},
                 {.sdiag_family = (uint8_t)family,
                  .sdiag_protocol = port->tcp ? IPPROTO_TCP : IPPROTO_UDP,
                  .idiag_states = UINT32_MAX}};
    _Alignas(struct nlmsghdr) uint8_t answer[DIAG_BUFFER];
    if (send(fd, &request, sizeof request, 0) < 0)
        return;
    for (;;) {
        ssize_t size = recv(fd, answer, sizeof answer, 0);
        if (size <= 0)
            return;
        unsigned left = (unsigned)size;
        for (struct nlmsghdr *h = (struct nlmsghdr *)answer; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
            if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
                return;
            const struct inet_diag_msg *m = NLMSG_DATA(h);
            if (h->nlmsg_len >= NLMSG_LENGTH(sizeof *m) && in_the_way(m, i, port) && out->count < HOLDERS_MAX)
                out->inode[out->count++] = m->idiag_inode;
        }
    }
}

static void list_holders(const struct doctor_interface *i, const struct doctor_port *port,
                         struct holders *out)
{
    struct timeval patience = {.tv_sec = 1};
    cleanup_close int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (fd < 0)
        return;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    list_family(fd, AF_INET, i, port, out);
    list_family(fd, AF_INET6, i, port, out);
}

/* --- processes --- */

static bool has_socket(const char *pid, const struct holders *holders)
{
    char path[64], target[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && !found && (e = readdir(dir));) {
        ssize_t size = readlinkat(dirfd(dir), e->d_name, target, sizeof target - 1);
        unsigned inode;
        if (size <= 0)
            continue;
        target[size] = 0;
        for (size_t i = 0; i < holders->count && sscanf(target, "socket:[%u]", &inode) == 1; i++)
            found |= holders->inode[i] == inode;
    }
    if (dir)
        closedir(dir);
    return found;
}

static void take_program(const char *pid, struct doctor_port *port)
{
    cleanup_buf struct buf name = BUF_INIT;
    char path[64];
    uint64_t number;
    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    if (!text_u64(pid, 1, INT32_MAX, &number) || file_read_at(AT_FDCWD, path, COMM_MAX, &name, NULL) < 0)
        return;
    port->pid = (pid_t)number;
    text_printable((const char *)name.data, name.size ? name.size - 1 : 0, port->program,
                   sizeof port->program); /* it ends with a newline */
}

static void find_process(const struct holders *holders, struct doctor_port *port)
{
    DIR *dir = holders->count ? opendir("/proc") : NULL;
    for (struct dirent *e; dir && !port->pid && (e = readdir(dir));)
        if (e->d_name[0] >= '1' && e->d_name[0] <= '9' && has_socket(e->d_name, holders))
            take_program(e->d_name, port);
    if (dir)
        closedir(dir);
}

static void look_port(pid_t server, const struct doctor_interface *i, struct doctor_port *port)
{
    struct holders holders = {0};
    char pid[16];
    int code = try_port(i, port);
    if (code == 0)
        return;
    list_holders(i, port, &holders);
    snprintf(pid, sizeof pid, "%d", (int)server);
    if (code != EADDRINUSE && !holders.count)
        port->state = DOCTOR_PORT_UNKNOWN;
    else if (server && has_socket(pid, &holders))
        port->state = DOCTOR_PORT_OURS;
    else {
        port->state = DOCTOR_PORT_TAKEN;
        find_process(&holders, port);
    }
}

void doctor_look_ports(unsigned http_port, unsigned https_port, struct doctor_facts *facts)
{
    const struct doctor_port ports[] = {{.what = "DHCP", .number = DHCP_PORT_SERVER},
                                        {.what = "ProxyDHCP", .number = DHCP_PORT_PXE},
                                        {.what = "TFTP", .number = PORT_TFTP},
                                        {.what = "HTTP", .number = http_port, .tcp = true},
                                        {.what = "HTTPS", .number = https_port, .tcp = true}};
    size_t count = sizeof ports / sizeof ports[0] - (https_port ? 0 : 1);
    for (size_t i = 0; i < facts->interface_count; i++) {
        struct doctor_interface *interface = &facts->interface[i];
        for (size_t k = 0; interface->exists && k < count; k++) {
            interface->port[k] = ports[k];
            interface->port_count = k + 1;
            look_port(facts->server, interface, &interface->port[k]);
        }
    }
}
