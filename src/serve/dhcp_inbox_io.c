#include "serve/dhcp_inbox_io.h"

#include "serve/dhcp_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct slot {
    struct sockaddr_in from;
    struct iovec data;
    union {
        struct cmsghdr header;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control;
};

/* Packets are small, so that of `data` little more than a page each is ever memory. */
struct dhcp_inbox {
    struct mmsghdr messages[DHCP_INBOX_MAX];
    struct slot slots[DHCP_INBOX_MAX];
    uint8_t data[DHCP_INBOX_MAX][DHCP_INPUT_MAX];
};

struct dhcp_inbox *dhcp_inbox_new(void)
{
    return calloc(1, sizeof(struct dhcp_inbox));
}

void dhcp_inbox_free(struct dhcp_inbox *inbox)
{
    free(inbox);
}

size_t dhcp_inbox_read(struct dhcp_inbox *inbox, int fd)
{
    int count;
    for (size_t i = 0; i < DHCP_INBOX_MAX; i++) {
        struct slot *s = &inbox->slots[i];
        s->data = (struct iovec){inbox->data[i], sizeof inbox->data[i]};
        inbox->messages[i].msg_hdr = (struct msghdr){.msg_name = &s->from,
                                                     .msg_namelen = sizeof s->from,
                                                     .msg_iov = &s->data,
                                                     .msg_iovlen = 1,
                                                     .msg_control = s->control.bytes,
                                                     .msg_controllen = sizeof s->control.bytes};
    }
    do
        count = recvmmsg(fd, inbox->messages, DHCP_INBOX_MAX, MSG_DONTWAIT, NULL);
    while (count < 0 && errno == EINTR);
    return count < 0 ? 0
                     : (size_t)count; /* nothing; or an earlier answer's ICMP error, which is cleared now */
}

bool dhcp_inbox_get(const struct dhcp_inbox *inbox, size_t i, struct dhcp_arrival *out)
{
    struct msghdr message = inbox->messages[i].msg_hdr;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_PKTINFO)
            continue;
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(c), sizeof info);
        *out = (struct dhcp_arrival){.data = inbox->data[i],
                                     .size = inbox->messages[i].msg_len,
                                     .source_ip = ntohl(inbox->slots[i].from.sin_addr.s_addr),
                                     .source_port = ntohs(inbox->slots[i].from.sin_port),
                                     .interface_index = info.ipi_ifindex,
                                     .destination = ntohl(info.ipi_addr.s_addr)};
        return true;
    }
    return false;
}
