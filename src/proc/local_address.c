#include "proc/local_address.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#define DUMP_SIZE 32768

struct request {
    struct nlmsghdr header;
    struct rtmsg route;
    uint8_t attributes[64];
};

int local_address_open(struct error *err)
{
    cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof address) < 0)
        return error_errno(err, errno, "netlink");
    return TAKE_FD(fd);
}

static void put_u32(struct request *r, unsigned short type, uint32_t value)
{
    struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->header.nlmsg_len));
    a->rta_type = type;
    a->rta_len = RTA_LENGTH(sizeof value);
    memcpy(RTA_DATA(a), &value, sizeof value);
    r->header.nlmsg_len = NLMSG_ALIGN(r->header.nlmsg_len) + RTA_ALIGN(a->rta_len);
}

static struct request request_of(unsigned short type, unsigned short flags, uint32_t ip, int index)
{
    struct request r = {.header = {.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg)),
                                   .nlmsg_type = type,
                                   .nlmsg_flags = (unsigned short)(NLM_F_REQUEST | NLM_F_ACK | flags)},
                        .route = {.rtm_family = AF_INET,
                                  .rtm_dst_len = 32,
                                  .rtm_table = RT_TABLE_LOCAL,
                                  .rtm_protocol = LOCAL_ADDRESS_PROTOCOL,
                                  .rtm_scope = RT_SCOPE_HOST,
                                  .rtm_type = RTN_LOCAL}};
    put_u32(&r, RTA_DST, htonl(ip));
    put_u32(&r, RTA_OIF, (uint32_t)index);
    return r;
}

/* 0, or an errno value. */
static int ask(int fd, struct request *r)
{
    union {
        struct nlmsghdr header;
        uint8_t bytes[1024];
    } answer;
    struct nlmsgerr result;
    if (send(fd, r, r->header.nlmsg_len, 0) < 0)
        return errno;
    ssize_t size = recv(fd, &answer, sizeof answer, 0);
    if (size < 0)
        return errno;
    if ((size_t)size < NLMSG_LENGTH(sizeof result) || answer.header.nlmsg_type != NLMSG_ERROR)
        return EPROTO;
    memcpy(&result, NLMSG_DATA(&answer.header), sizeof result);
    return -result.error;
}

int local_address_add(int fd, uint32_t ip, int interface_index, struct error *err)
{
    struct request r = request_of(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, ip, interface_index);
    int code = ask(fd, &r);
    return code && code != EEXIST ? error_errno(err, code, "add an address to this host") : 0;
}

static uint32_t attribute_u32(struct nlmsghdr *h, unsigned short type)
{
    struct rtmsg *route = NLMSG_DATA(h);
    int left = (int)RTM_PAYLOAD(h);
    uint32_t value = 0;
    for (struct rtattr *a = RTM_RTA(route); RTA_OK(a, left); a = RTA_NEXT(a, left))
        if (a->rta_type == type && RTA_PAYLOAD(a) == sizeof value)
            memcpy(&value, RTA_DATA(a), sizeof value);
    return value;
}

static bool is_ours(struct nlmsghdr *h, int index)
{
    struct rtmsg *route = NLMSG_DATA(h);
    return h->nlmsg_type == RTM_NEWROUTE && route->rtm_protocol == LOCAL_ADDRESS_PROTOCOL &&
           route->rtm_table == RT_TABLE_LOCAL && route->rtm_type == RTN_LOCAL && route->rtm_dst_len == 32 &&
           attribute_u32(h, RTA_OIF) == (uint32_t)index;
}

/* 1: there is more to come. */
static int take_dump(uint8_t *data, size_t size, int index, struct buf *out, struct error *err)
{
    unsigned left = (unsigned)size;
    for (struct nlmsghdr *h = (struct nlmsghdr *)data; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
        if (h->nlmsg_type == NLMSG_DONE)
            return 0;
        if (h->nlmsg_type == NLMSG_ERROR)
            return error_set(err, "list the addresses of this host: the kernel refused");
        uint32_t ip = attribute_u32(h, RTA_DST);
        if (is_ours(h, index))
            buf_append(out, &ip, sizeof ip);
    }
    return 1;
}

static int list(int fd, int index, struct buf *out, struct error *err)
{
    struct request r = request_of(RTM_GETROUTE, NLM_F_DUMP, 0, index);
    r.header.nlmsg_len = NLMSG_LENGTH(sizeof(struct rtmsg));
    r.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    cleanup_free uint8_t *data = malloc(DUMP_SIZE);
    int more = 1;
    if (!data || send(fd, &r, r.header.nlmsg_len, 0) < 0)
        return error_errno(err, errno, "list the addresses of this host");
    while (more > 0) {
        ssize_t size = recv(fd, data, DUMP_SIZE, 0);
        if (size <= 0)
            return error_errno(err, size ? errno : EPROTO, "list the addresses of this host");
        more = take_dump(data, (size_t)size, index, out, err);
    }
    return out->failed ? error_errno(err, ENOMEM, "list the addresses of this host") : more;
}

int local_address_clear(int fd, int interface_index, size_t *count, struct error *err)
{
    cleanup_buf struct buf all = BUF_INIT;
    *count = 0;
    if (list(fd, interface_index, &all, err) < 0)
        return -1;
    for (size_t at = 0; at < all.size; at += sizeof(uint32_t)) {
        uint32_t ip;
        memcpy(&ip, all.data + at, sizeof ip);
        struct request r = request_of(RTM_DELROUTE, 0, ntohl(ip), interface_index);
        int code = ask(fd, &r);
        if (code && code != ESRCH)
            return error_errno(err, code, "take an address from this host");
        *count += 1;
    }
    return 0;
}
