/* Which interfaces there are, and how they are set up. */
#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "proc/doctor_look.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define NUMBER_MAX 32 /* bytes of a file with one number */

static struct doctor_interface *find(struct doctor_facts *facts, const char *name)
{
    for (size_t i = 0; i < facts->interface_count; i++)
        if (strcmp(facts->interface[i].name, name) == 0)
            return &facts->interface[i];
    return NULL;
}

static void add(struct doctor_facts *facts, const char *name)
{
    struct doctor_interface *i = &facts->interface[facts->interface_count];
    if (facts->interface_count == DOCTOR_INTERFACES_MAX || strlen(name) >= sizeof i->name ||
        find(facts, name))
        return;
    snprintf(i->name, sizeof i->name, "%s", name);
    facts->interface_count++;
}

static bool ip_of(const struct ifaddrs *a, uint32_t *ip, unsigned *prefix)
{
    struct sockaddr_in address, mask = {0};
    if (!a->ifa_addr || a->ifa_addr->sa_family != AF_INET)
        return false;
    memcpy(&address, a->ifa_addr, sizeof address);
    if (a->ifa_netmask)
        memcpy(&mask, a->ifa_netmask, sizeof mask);
    *ip = ntohl(address.sin_addr.s_addr);
    *prefix = (unsigned)__builtin_popcount(mask.sin_addr.s_addr);
    return true;
}

/* Those that the fleet's networks name or have an address of ours in; else all with an address. */
static void choose(const struct ifaddrs *all, struct doctor_facts *facts)
{
    uint32_t ip;
    unsigned prefix;
    for (size_t i = 0; i < facts->fleet->network_count; i++)
        if (facts->fleet->networks[i].interface)
            add(facts, facts->fleet->networks[i].interface);
    for (const struct ifaddrs *a = all; a; a = a->ifa_next)
        if (ip_of(a, &ip, &prefix) && fleet_network_of(facts->fleet, ip))
            add(facts, a->ifa_name);
    facts->chosen = facts->interface_count > 0;
    for (const struct ifaddrs *a = all; a && !facts->chosen; a = a->ifa_next)
        if (!(a->ifa_flags & IFF_LOOPBACK) && ip_of(a, &ip, &prefix))
            add(facts, a->ifa_name);
}

static void take_entry(const struct ifaddrs *a, struct doctor_interface *i)
{
    struct sockaddr_ll link;
    struct doctor_address address;
    i->exists = true;
    i->up = (a->ifa_flags & IFF_UP) != 0;
    i->carrier = (a->ifa_flags & IFF_RUNNING) != 0;
    if (a->ifa_addr && a->ifa_addr->sa_family == AF_PACKET) {
        memcpy(&link, a->ifa_addr, sizeof link);
        i->index = link.sll_ifindex;
        memcpy(i->mac.byte, link.sll_addr, MAC_SIZE);
    } else if (i->address_count < DOCTOR_ADDRESSES_MAX && ip_of(a, &address.ip, &address.prefix)) {
        i->address[i->address_count++] = address;
    }
}

/* What getifaddrs does not tell. */
static void take_details(int fd, struct doctor_interface *i)
{
    struct ifreq request = {0};
    struct vlan_ioctl_args vlan = {.cmd = GET_VLAN_VID_CMD};
    char path[64], target[256];
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", i->name);
    i->mtu = ioctl(fd, SIOCGIFMTU, &request) == 0 ? (unsigned)request.ifr_mtu : 1500;
    snprintf(vlan.device1, sizeof vlan.device1, "%s", i->name);
    if (ioctl(fd, SIOCGIFVLAN, &vlan) == 0) {
        i->vlan = (unsigned)vlan.u.VID;
        vlan.cmd = GET_VLAN_REALDEV_NAME_CMD;
        if (ioctl(fd, SIOCGIFVLAN, &vlan) == 0)
            snprintf(i->parent, sizeof i->parent, "%.*s", (int)sizeof i->parent - 1, vlan.u.device2);
    }
    snprintf(path, sizeof path, "/sys/class/net/%s/master", i->name);
    ssize_t size = readlink(path, target, sizeof target - 1);
    if (size <= 0)
        return;
    target[size] = 0;
    const char *name = strrchr(target, '/');
    snprintf(i->master, sizeof i->master, "%.*s", (int)sizeof i->master - 1, name ? name + 1 : target);
}

static void add_name(struct doctor_facts *facts, const char *name)
{
    size_t used = strlen(facts->interface_names);
    snprintf(facts->interface_names + used, sizeof facts->interface_names - used, "%s%s", used ? ", " : "",
             name);
}

/* One limit for the whole machine, also where a namespace has no file for it: then it is not known here. */
static void look_neighbours(struct doctor_facts *facts)
{
    cleanup_buf struct buf text = BUF_INIT;
    struct error ignored;
    if (file_read_at(AT_FDCWD, "/proc/sys/net/ipv4/neigh/default/gc_thresh3", NUMBER_MAX, &text, &ignored) ==
        0)
        facts->neighbours_max = strtoull(buf_text(&text), NULL, 10);
}

int doctor_look_interfaces(const char *const *names, size_t count, struct doctor_facts *facts,
                           struct error *err)
{
    struct ifaddrs *all;
    cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || getifaddrs(&all) < 0)
        return error_errno(err, errno, "list the network interfaces");
    for (size_t i = 0; i < count; i++)
        add(facts, names[i]);
    if (count)
        facts->chosen = true;
    else
        choose(all, facts);
    for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
        struct doctor_interface *i = find(facts, a->ifa_name);
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_PACKET && !(a->ifa_flags & IFF_LOOPBACK))
            add_name(facts, a->ifa_name);
        if (i)
            take_entry(a, i);
    }
    freeifaddrs(all);
    for (size_t i = 0; i < facts->interface_count; i++)
        if (facts->interface[i].exists)
            take_details(fd, &facts->interface[i]);
    look_neighbours(facts);
    return 0;
}
