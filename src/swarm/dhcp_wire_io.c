#include "swarm/dhcp_wire_io.h"

#include "base/cleanup.h"
#include "swarm/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#define RECEIVE_BUFFER  (32 << 20) /* thousands are answered at once */
#define FRAMES_PER_CALL 64
#define FRAME_INPUT_MAX 2048
#define CALLS_PER_WAKE  16 /* then timers have their turn */

struct dhcp_wire {
    struct swarm_source source;
    struct swarm_outbox *outbox;
    struct swarm_link *link;
    int fd;
    void (*take)(void *ctx, const struct dhcp_message *answer);
    void *ctx;
    struct dhcp_message message;
    struct mmsghdr header[FRAMES_PER_CALL];
    struct iovec iov[FRAMES_PER_CALL];
    uint8_t frame[FRAMES_PER_CALL][FRAME_INPUT_MAX];
};

/* IPv4, UDP, the first fragment, to port 68: all else stays in the kernel. */
static int attach_filter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 8),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 6),
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 20),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x1fff, 4, 0),
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 16),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, DHCP_PORT_CLIENT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, FRAME_INPUT_MAX),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    const struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int dhcp_wire_open(const struct herd_interface *interface, struct error *err)
{
    const struct sockaddr_ll address = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_ifindex = interface->index};
    const struct packet_mreq promiscuous = {.mr_ifindex = interface->index, .mr_type = PACKET_MR_PROMISC};
    int on = 1, size = RECEIVE_BUFFER;
    cleanup_close int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return error_errno(err, errno, "a packet socket for DHCP on %s (run bootherd swarm as root)",
                           interface->name);
    if (attach_filter(fd) < 0 || setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promiscuous, sizeof promiscuous) < 0 ||
        bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return error_errno(err, errno, "listen to DHCP on %s", interface->name);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    return TAKE_FD(fd);
}

static void take_frame(struct dhcp_wire *w, struct slice frame)
{
    struct slice payload;
    if (!swarm_link_loses(w->link) && frame_parse(frame, &payload) &&
        dhcp_message_decode(payload.data, payload.size, &w->message, NULL) == 0)
        w->take(w->ctx, &w->message);
}

static void ready(struct swarm_source *s, uint32_t events)
{
    struct dhcp_wire *w = (struct dhcp_wire *)((char *)s - offsetof(struct dhcp_wire, source));
    for (int calls = 0; calls < CALLS_PER_WAKE; calls++) {
        int count = recvmmsg(w->fd, w->header, FRAMES_PER_CALL, MSG_DONTWAIT, NULL);
        for (int i = 0; i < count; i++)
            take_frame(w, (struct slice){w->frame[i], w->header[i].msg_len});
        if (count < FRAMES_PER_CALL)
            return;
    }
}

int dhcp_wire_new(struct swarm_outbox *outbox, struct swarm_link *link, int fd,
                  void (*take)(void *ctx, const struct dhcp_message *answer), void *ctx,
                  struct dhcp_wire **out, struct error *err)
{
    struct dhcp_wire *w = calloc(1, sizeof *w);
    if (!w)
        return error_errno(err, ENOMEM, "DHCP");
    w->source.ready = ready;
    w->outbox = outbox;
    w->link = link;
    w->fd = fd;
    w->take = take;
    w->ctx = ctx;
    for (size_t i = 0; i < FRAMES_PER_CALL; i++) {
        w->iov[i] = (struct iovec){w->frame[i], FRAME_INPUT_MAX};
        w->header[i].msg_hdr = (struct msghdr){.msg_iov = &w->iov[i], .msg_iovlen = 1};
    }
    if (swarm_loop_add(outbox->loop, fd, EPOLLIN, &w->source, err) < 0) {
        free(w);
        return -1;
    }
    *out = w;
    return 0;
}

void dhcp_wire_free(struct dhcp_wire *wire)
{
    free(wire);
}

/* A send that fails is a packet lost: the timer mends it. */
void dhcp_wire_send(struct dhcp_wire *wire, const struct mac *from, const uint8_t *payload, size_t size)
{
    uint8_t frame[FRAME_MAX];
    if (!swarm_link_loses(wire->link))
        (void)swarm_outbox_send(wire->outbox, wire->fd, NULL, frame, frame_build(from, payload, size, frame));
}
