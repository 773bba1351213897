#include "proc/swarm.h"

#include "base/cleanup.h"
#include "proc/address_role.h"
#include "proc/interface.h"
#include "proc/role.h"
#include "swarm/dhcp_wire_io.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

/*
 * Numbers of namespaces: the kernel's first one has a fixed number below 0xf0000000, or, before that was so,
 * one of the first that are given out there while it starts (PROC_DYNAMIC_FIRST in the kernel's
 * fs/proc/generic.c).
 */
#define FIRST_NAMESPACE_MAX 0xf00000ffu

/* Not the network namespace of process 1; where that may not be looked at, not the kernel's first. */
static bool own_namespace(void)
{
    struct stat mine, first;
    if (stat("/proc/self/ns/net", &mine) < 0)
        return false;
    if (stat("/proc/1/ns/net", &first) < 0)
        return mine.st_ino > FIRST_NAMESPACE_MAX;
    return mine.st_ino != first.st_ino || mine.st_dev != first.st_dev;
}

static bool is_loopback(const char *name)
{
    struct ifreq request = {0};
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &request) == 0 && request.ifr_flags & IFF_LOOPBACK;
}

static int look_up(const struct cli_swarm_options *options, struct herd_options *herd, struct error *err)
{
    struct dhcp_interface found;
    char server[IP4_TEXT_SIZE], ip[IP4_TEXT_SIZE];
    if (interface_find(options->interface, &found, err) < 0)
        return -1;
    herd->interface = (struct herd_interface){.index = found.index, .ip = found.ip, .prefix = found.prefix};
    memcpy(herd->interface.name, found.name, sizeof herd->interface.name);
    if (!options->yes && !own_namespace() && !is_loopback(found.name))
        return error_set(
            err,
            "%s is an interface of this host, and what is behind it may be at work: use a network "
            "namespace (ip netns), or say --yes",
            found.name);
    if (herd->server && (herd->server ^ found.ip) & ip4_mask(found.prefix))
        return error_set(
            err, "server %s is not in the network of %s (%s/%u): a herd speaks to its own network only",
            ip4_format(herd->server, server), found.name, ip4_format(found.ip, ip), found.prefix);
    uint32_t last = herd->first_ip + herd->machines - 1;
    if (herd->first_ip &&
        (((herd->first_ip ^ found.ip) | (last ^ found.ip)) & ip4_mask(found.prefix) || last < herd->first_ip))
        return error_set(err, "--from %s: so many addresses are not in the network of %s (%s/%u)",
                         ip4_format(herd->first_ip, server), found.name, ip4_format(found.ip, ip),
                         found.prefix);
    return 0;
}

/* The mapping lasts as long as the process. */
static int map_expected(const char *path, struct slice *out, struct error *err)
{
    struct stat st;
    cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0)
        return error_errno(err, errno, "open %s", path);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return error_set(err, "%s: a file with bytes in it is needed to compare with", path);
    void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return error_errno(err, errno, "read %s", path);
    *out = (struct slice){data, (size_t)st.st_size};
    return 0;
}

/* Ctrl-C ends the herd and not the report. */
static int catch_signals(struct error *err)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGHUP);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    int fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? error_errno(err, errno, "catch signals") : fd;
}

int swarm_run(const struct cli_swarm_options *options, const struct herd_listener *listener,
              struct report *out, struct error *err)
{
    struct herd_options herd = options->herd;
    if (look_up(options, &herd, err) < 0 ||
        (options->expect && map_expected(options->expect, &herd.expect, err) < 0))
        return -1;
    role_raise_files();
    cleanup_close int dhcp = herd.mode == HERD_FETCH ? -1 : dhcp_wire_open(&herd.interface, err);
    if (dhcp < 0 && herd.mode != HERD_FETCH)
        return -1;
    cleanup_close int address = -1;
    pid_t keeper = 0;
    bool addresses = herd.mode == HERD_BOOT || herd.first_ip;
    if (addresses && address_role_start(&herd.interface, &address, &keeper, err) < 0)
        return -1;
    cleanup_close int signals = catch_signals(err);
    cleanup_close int empty = signals < 0 ? -1 : role_empty_folder(err);
    if (empty < 0 || role_drop(empty, err) < 0)
        return -1;
    const struct herd_doors doors = {.stop_fd = signals, .dhcp_fd = dhcp, .address_fd = address};
    int result = herd_run(&herd, &doors, listener, out, err);
    if (address >= 0) /* its end ends the process, which takes the addresses away */
        close(TAKE_FD(address));
    if (keeper && role_wait(keeper, "addresses", result < 0 ? NULL : err) < 0)
        result = -1;
    return result;
}
