/*
 * The real DHCP server on the interfaces named, with a host in memory, for foreign clients in namespaces.
 *
 *   dhcp_driver FLEET.yaml COMMIT_MS FAILURES INTERFACE...
 *
 * Prints "ready", then a line for each event and each commit, until SIGTERM. A commit takes COMMIT_MS (0: it
 * is answered from within the call); the first FAILURES of them fail.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "fleet/fleet_yaml.h"
#include "serve/dhcp_io.h"

#define INTERFACES_MAX 8

struct driver {
    sd_event *loop;
    struct fleet *fleet;
    struct dhcp_io *io;
    uint64_t commit_us;
    unsigned failures;
};

struct commit {
    struct driver *driver;
    uint64_t token;
    bool ok;
};

static const struct fleet *driver_fleet(void *ctx)
{
    return ((struct driver *)ctx)->fleet;
}

static void driver_boot(void *ctx, const struct dhcp_boot_ask *ask, struct dhcp_boot *out)
{
    if (ask->node)
        snprintf(out->file, sizeof out->file, "%s",
                 ask->client->http ? "http://10.77.0.1/boot.img" : "pxelinux.0");
}

static int on_commit(sd_event_source *source, uint64_t usec, void *userdata)
{
    struct commit *c = userdata;
    dhcp_io_committed(c->driver->io, c->token, c->ok);
    free(c);
    sd_event_source_unref(source);
    return 0;
}

static void driver_commit(void *ctx, uint64_t token, const struct lease *lease)
{
    static const char *const states[] = {"offered", "bound", "released", "declined"};
    struct driver *d = ctx;
    char mac[MAC_TEXT_SIZE], ip[IP4_TEXT_SIZE];
    bool ok = d->failures == 0;
    d->failures -= !ok;
    printf("commit %s %s %s '%s'%s\n", states[lease->state], ip4_format(lease->ip, ip),
           mac_format(&lease->mac, mac), lease->hostname, ok ? "" : " fails");
    if (d->commit_us == 0) {
        dhcp_io_committed(d->io, token, ok);
        return;
    }
    struct commit *c = malloc(sizeof *c);
    sd_event_source *source;
    if (!c)
        abort();
    *c = (struct commit){d, token, ok};
    if (sd_event_add_time_relative(d->loop, &source, CLOCK_MONOTONIC, d->commit_us, 1, on_commit, c) < 0)
        abort();
}

static void driver_tell(void *ctx, const struct boot_event *e)
{
    char mac[MAC_TEXT_SIZE], ip[IP4_TEXT_SIZE];
    printf("%s %s %s: %s\n", boot_event_name(e->kind), mac_format(&e->mac, mac), ip4_format(e->ip, ip),
           e->text);
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void find_address(struct dhcp_interface *interface)
{
    struct ifaddrs *all, *at;
    if (getifaddrs(&all) < 0)
        die("getifaddrs");
    for (at = all; at; at = at->ifa_next) {
        if (!at->ifa_addr || at->ifa_addr->sa_family != AF_INET || !text_equal(at->ifa_name, interface->name))
            continue;
        struct sockaddr_in address, mask;
        memcpy(&address, at->ifa_addr, sizeof address);
        memcpy(&mask, at->ifa_netmask, sizeof mask);
        interface->ip = ntohl(address.sin_addr.s_addr);
        interface->prefix = (unsigned)__builtin_popcount(mask.sin_addr.s_addr);
    }
    freeifaddrs(all);
}

static int open_port(const char *name, uint16_t port)
{
    int on = 1;
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name) + 1) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on) < 0 ||
        setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) < 0 ||
        bind(fd, (struct sockaddr *)&any, sizeof any) < 0)
        die(name);
    return fd;
}

static void open_interface(const char *name, struct dhcp_interface *out)
{
    snprintf(out->name, sizeof out->name, "%s", name);
    out->index = (int)if_nametoindex(name);
    find_address(out);
    out->udp_fd = open_port(name, 67);
    out->pxe_fd = open_port(name, 4011);
    struct sockaddr_ll link = {.sll_family = AF_PACKET, .sll_ifindex = out->index};
    out->packet_fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (bind(out->packet_fd, (struct sockaddr *)&link, sizeof link) < 0)
        die(name);
}

static struct fleet *read_fleet(const char *path)
{
    cleanup_buf struct buf text = BUF_INIT;
    struct fleet *fleet = NULL;
    struct error err;
    if (file_read_at(AT_FDCWD, path, 1 << 20, &text, &err) < 0 ||
        fleet_parse_yaml(path, buf_slice(&text), &fleet, &err) < 0) {
        fprintf(stderr, "dhcp_driver: %s\n", err.text);
        exit(1);
    }
    return fleet;
}

int main(int argc, char **argv)
{
    struct driver d = {0};
    struct dhcp_interface interfaces[INTERFACES_MAX] = {0};
    struct error err;
    size_t count = argc > 4 ? (size_t)argc - 4 : 0;
    if (count == 0 || count > INTERFACES_MAX) {
        fprintf(stderr, "usage: dhcp_driver FLEET.yaml COMMIT_MS FAILURES INTERFACE...\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    d.fleet = read_fleet(argv[1]);
    d.commit_us = strtoull(argv[2], NULL, 10) * 1000;
    d.failures = (unsigned)strtoul(argv[3], NULL, 10);
    for (size_t i = 0; i < count; i++)
        open_interface(argv[4 + i], &interfaces[i]);
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL);
    struct dhcp_host host = {&d, driver_fleet, driver_boot, driver_commit, {&d, driver_tell}};
    if (sd_event_new(&d.loop) < 0 || sd_event_add_signal(d.loop, NULL, SIGTERM, NULL, NULL) < 0)
        return 1;
    if (dhcp_io_new(d.loop, interfaces, count, &host, &d.io, &err) < 0) {
        fprintf(stderr, "dhcp_driver: %s\n", err.text);
        return 1;
    }
    printf("ready\n");
    int r = sd_event_loop(d.loop);
    dhcp_io_free(d.io);
    sd_event_unref(d.loop);
    fleet_free(d.fleet);
    return r < 0;
}
