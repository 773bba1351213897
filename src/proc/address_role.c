#include "proc/address_role.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "proc/local_address.h"
#include "proc/role.h"
#include "swarm/address_io.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ARGUMENTS 3 /* interface index, address, prefix */

struct keeper {
    int index;
    uint32_t ip;
    unsigned prefix;
    int netlink;
};

/* One herd per interface: a name that lives as long as its holder, in this network namespace. */
static int hold_interface(int index, struct error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int size = snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "bootherd-swarm-%d", index);
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (const struct sockaddr *)&address,
                       (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)size)) < 0)
        return errno == EADDRINUSE
                   ? error_set(err, "another herd is on this interface: wait until it has ended")
                   : error_errno(err, errno, "hold the interface");
    return TAKE_FD(fd);
}

int address_role_start(const struct herd_interface *interface, int *fd, pid_t *pid, struct error *err)
{
    char index[16], ip[16], prefix[16];
    const char *const args[] = {index, ip, prefix, NULL};
    int pair[2];
    cleanup_close int name = hold_interface(interface->index, err);
    if (name < 0)
        return -1;
    snprintf(index, sizeof index, "%d", interface->index);
    snprintf(ip, sizeof ip, "%" PRIu32, interface->ip);
    snprintf(prefix, sizeof prefix, "%u", interface->prefix);
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return error_errno(err, errno, "a pair of sockets");
    cleanup_close int theirs = pair[1];
    if (role_spawn("addresses", (const int[]){theirs, name}, 2, args, pid, err) < 0) {
        close(pair[0]);
        return -1;
    }
    *fd = pair[0];
    return 0;
}

static bool may_add(const struct keeper *k, uint32_t ip)
{
    uint32_t mask = ip4_mask(k->prefix), host = ip & ~mask;
    return ((ip ^ k->ip) & mask) == 0 && ip != k->ip && host != 0 && host != ~mask;
}

static void answer(const struct keeper *k, struct address_message *m)
{
    struct error err;
    m->code = may_add(k, m->ip) ? 0 : EADDRNOTAVAIL;
    if (m->code == 0 && local_address_add(k->netlink, m->ip, k->index, &err) < 0)
        m->code = err.code ? err.code : EIO;
    (void)send(ROLE_FD_FIRST, m, sizeof *m, MSG_NOSIGNAL);
}

/* Until the parent is gone, or somebody says stop. Ctrl-C reaches the parent too, which then closes its end.
 */
static void serve(const struct keeper *k, int signals)
{
    struct pollfd fds[] = {{.fd = ROLE_FD_FIRST, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    struct address_message m;
    for (;;) {
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        if (fds[1].revents)
            return;
        if (fds[0].revents && recv(ROLE_FD_FIRST, &m, sizeof m, 0) != sizeof m)
            return;
        if (fds[0].revents)
            answer(k, &m);
    }
}

static int run(struct keeper *k, struct error *err)
{
    sigset_t ends, ignored;
    size_t count;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    ignored = ends;
    sigaddset(&ignored, SIGINT);
    sigaddset(&ignored, SIGHUP);
    sigprocmask(SIG_BLOCK, &ignored, NULL);
    cleanup_close int signals = signalfd(-1, &ends, SFD_CLOEXEC);
    k->netlink = local_address_open(err);
    if (signals < 0 || k->netlink < 0 || local_address_clear(k->netlink, k->index, &count, err) < 0)
        return -1;
    serve(k, signals);
    return local_address_clear(k->netlink, k->index, &count, err);
}

int address_role(int argc, char **argv)
{
    uint64_t index, ip, prefix;
    struct error err;
    if (argc != ARGUMENTS + 1 || !text_u64(argv[1], 1, INT32_MAX, &index) ||
        !text_u64(argv[2], 1, UINT32_MAX, &ip) || !text_u64(argv[3], 0, 32, &prefix))
        return 2;
    struct keeper k = {.index = (int)index, .ip = (uint32_t)ip, .prefix = (unsigned)prefix};
    if (run(&k, &err) == 0)
        return 0;
    fprintf(stderr, "bootherd: %s\n", err.text);
    return 1;
}
