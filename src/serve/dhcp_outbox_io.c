#include "serve/dhcp_outbox_io.h"

#include "serve/dhcp_frame.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LETTERS_MAX 64u

struct letter {
    const struct dhcp_interface *interface;
    uint32_t ip;
    union {
        struct sockaddr_in in;
        struct sockaddr_ll ll;
    } to;
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in_pktinfo))];
    struct iovec data;
    uint8_t bytes[DHCP_FRAME_MAX];
};

struct dhcp_outbox {
    dhcp_unsent_fn *unsent;
    void *ctx;
    int fd; /* of all that wait */
    unsigned count;
    struct mmsghdr messages[LETTERS_MAX];
    struct letter letters[LETTERS_MAX];
};

struct dhcp_outbox *dhcp_outbox_new(dhcp_unsent_fn *unsent, void *ctx)
{
    struct dhcp_outbox *o = calloc(1, sizeof *o);
    if (!o)
        return NULL;
    o->unsent = unsent;
    o->ctx = ctx;
    return o;
}

void dhcp_outbox_free(struct dhcp_outbox *o)
{
    free(o);
}

/* As a frame of our own, since the address does not answer ARP yet. */
static void write_raw(struct letter *l, const struct dhcp_send *send, struct msghdr *header)
{
    l->data = (struct iovec){l->bytes,
                             dhcp_frame_build(send->source_ip, send->ip, send->bytes, send->size, l->bytes)};
    l->to.ll = (struct sockaddr_ll){.sll_family = AF_PACKET,
                                    .sll_protocol = htons(ETH_P_IP),
                                    .sll_ifindex = send->interface_index,
                                    .sll_halen = MAC_SIZE};
    memcpy(l->to.ll.sll_addr, send->mac.byte, MAC_SIZE);
    *header = (struct msghdr){
        .msg_name = &l->to, .msg_namelen = sizeof l->to.ll, .msg_iov = &l->data, .msg_iovlen = 1};
}

/* By the UDP socket, from the address that the client knows us by. */
static void write_udp(struct letter *l, const struct dhcp_send *send, struct msghdr *header)
{
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(send->source_ip)};
    memcpy(l->bytes, send->bytes, send->size);
    l->data = (struct iovec){l->bytes, send->size};
    l->to.in = (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(send->port), .sin_addr.s_addr = htonl(send->ip)};
    struct cmsghdr *control = (struct cmsghdr *)l->control;
    *control = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof info), .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO};
    memcpy(CMSG_DATA(control), &info, sizeof info);
    *header = (struct msghdr){.msg_name = &l->to,
                              .msg_namelen = sizeof l->to.in,
                              .msg_iov = &l->data,
                              .msg_iovlen = 1,
                              .msg_control = l->control,
                              .msg_controllen = sizeof l->control};
}

void dhcp_outbox_add(struct dhcp_outbox *o, const struct dhcp_interface *interface,
                     const struct dhcp_send *send)
{
    int fd = send->way == DHCP_WAY_RAW            ? interface->packet_fd
             : send->source_port == DHCP_PORT_PXE ? interface->pxe_fd
                                                  : interface->udp_fd;
    if (o->count == LETTERS_MAX || (o->count && o->fd != fd))
        dhcp_outbox_flush(o);
    struct letter *l = &o->letters[o->count];
    struct msghdr *header = &o->messages[o->count].msg_hdr;
    o->fd = fd;
    o->count++;
    l->interface = interface;
    l->ip = send->ip;
    if (send->way == DHCP_WAY_RAW)
        write_raw(l, send, header);
    else
        write_udp(l, send, header);
}

/* The kernel stops at the first that it does not take: the others go on without it. */
void dhcp_outbox_flush(struct dhcp_outbox *o)
{
    unsigned at = 0;
    while (at < o->count) {
        int sent = sendmmsg(o->fd, o->messages + at, o->count - at, MSG_DONTWAIT);
        if (sent > 0) {
            at += (unsigned)sent;
        } else if (errno != EINTR) {
            o->unsent(o->ctx, o->letters[at].interface, o->letters[at].ip, errno);
            at++;
        }
    }
    o->count = 0;
}
