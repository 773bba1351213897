/* Checks of this machine: its interfaces, ports, packet filter, clock, and the --root folder. */
#include "base/text.h"
#include "proc/doctor.h"

#include <inttypes.h>
#include <stdio.h>

#define MTU_ETHERNET 1500
#define FREE_LOW     (2000u << 20) /* bytes: not enough to import another image */
#define FREE_NONE    (50u << 20)   /* the database and its journal run into it */
#define CLOCK_LEAST  1704067200000 /* 2024-01-01: before this program was written */

static void check_mtu(const struct doctor_interface *i, struct doctor_report *report)
{
    if (i->mtu < MTU_ETHERNET)
        doctor_find(report, DOCTOR_WARNING,
                    "%s has an MTU of %u: a TFTP block of UEFI firmware (1468 bytes) and a long DHCP answer "
                    "come in fragments, which boot ROMs drop\nip link set %s mtu 1500",
                    i->name, i->mtu, i->name);
    else if (i->mtu > MTU_ETHERNET)
        doctor_find(report, DOCTOR_NOTE,
                    "%s has an MTU of %u: boot ROMs take 1500, so larger answers than that get lost\n"
                    "if machines stop during a file: ip link set %s mtu 1500",
                    i->name, i->mtu, i->name);
}

static void check_link(const struct doctor_facts *facts, const struct doctor_interface *i,
                       struct doctor_report *report)
{
    char ip[IP4_TEXT_SIZE];
    size_t before = report->count;
    if (i->vlan)
        doctor_find(report, DOCTOR_NOTE,
                    "%s is VLAN %u of %s: most firmware sends untagged frames only\nmake VLAN %u the "
                    "untagged one (access port) where machines are plugged in",
                    i->name, i->vlan, i->parent, i->vlan);
    if (i->address_count > 1)
        doctor_find(report, DOCTOR_NOTE,
                    "%s has %zu addresses; machines that ask on it are told of %s/%u\nif they belong to "
                    "another of its subnets, make that address the first one",
                    i->name, i->address_count, ip4_format(i->address[0].ip, ip), i->address[0].prefix);
    check_mtu(i, report);
    if (report->count == before)
        doctor_find(report, DOCTOR_OK, "%s is up, has a link and the address %s/%u", i->name,
                    ip4_format(i->address[0].ip, ip), i->address[0].prefix);
}

/* What keeps everything away comes alone. */
static void check_one(const struct doctor_facts *facts, const struct doctor_interface *i,
                      struct doctor_report *report)
{
    if (!i->exists)
        doctor_find(report, DOCTOR_FAULT, "interface %s does not exist\nuse one that this machine has: %s",
                    i->name, facts->interface_names[0] ? facts->interface_names : "it has none but loopback");
    else if (i->master[0])
        doctor_find(report, DOCTOR_FAULT,
                    "%s is a port of %s, so what machines send to it belongs to %s\nserve on %s instead: "
                    "--interface %s",
                    i->name, i->master, i->master, i->master, i->master);
    else if (!i->up)
        doctor_find(report, DOCTOR_FAULT, "interface %s is down\nip link set %s up", i->name, i->name);
    else if (!i->address_count)
        doctor_find(report, DOCTOR_FAULT,
                    "interface %s has no IPv4 address\nip addr add 10.77.0.1/24 dev %s, or the like", i->name,
                    i->name);
    else if (!i->carrier)
        doctor_find(report, DOCTOR_FAULT,
                    "interface %s has no link: no machine can be reached by it\nplug the cable in, or switch "
                    "on what is at its other end",
                    i->name);
    else
        check_link(facts, i, report);
}

/* A machine that the kernel has no room for is answered only when another one was forgotten. */
static void check_neighbours(const struct doctor_facts *facts, struct doctor_report *report)
{
    size_t machines = facts->fleet->node_count;
    if (facts->neighbours_max && machines > facts->neighbours_max)
        doctor_find(report, DOCTOR_WARNING,
                    "the fleet has %zu nodes, and the kernel remembers %" PRIu64
                    " hardware addresses: when more "
                    "machines than that boot at once, answers get lost\nsysctl -w "
                    "net.ipv4.neigh.default.gc_thresh3=%zu, and the same in /etc/sysctl.d, so that it lasts",
                    machines, facts->neighbours_max, 2 * machines);
}

void doctor_check_interface(const struct doctor_facts *facts, struct doctor_report *report)
{
    if (!facts->interface_count)
        doctor_find(report, DOCTOR_FAULT,
                    "no network interface but loopback has an IPv4 address\nip addr add 10.77.0.1/24 dev IF, "
                    "or the like; interfaces here: %s",
                    facts->interface_names[0] ? facts->interface_names : "none");
    else if (!facts->chosen)
        doctor_find(report, DOCTOR_NOTE,
                    "nobody said which interfaces machines boot by, so all were looked at and nothing was "
                    "sent\nbootherd doctor --interface IF looks for other DHCP servers too");
    for (size_t i = 0; i < facts->interface_count; i++)
        check_one(facts, &facts->interface[i], report);
    check_neighbours(facts, report);
}

/* --- ports --- */

static const char *protocol(const struct doctor_port *port)
{
    return port->tcp ? "TCP" : "UDP";
}

static void port_taken(const struct doctor_interface *i, const struct doctor_port *port,
                       struct doctor_report *report)
{
    const char *way_out = port->tcp ? ", or use another: --http-port, --https-port" : "";
    if (port->pid)
        doctor_find(report, DOCTOR_FAULT,
                    "%s port %u (%s) on %s is taken by %s, pid %d\nstop %s (kill %d, or its service)%s",
                    protocol(port), port->number, port->what, i->name, port->program, (int)port->pid,
                    port->program, (int)port->pid, way_out);
    else
        doctor_find(report, DOCTOR_FAULT,
                    "%s port %u (%s) on %s is taken; by whom, only root may see\nss -%slpn 'sport = :%u' as "
                    "root names the program: stop it%s",
                    protocol(port), port->number, port->what, i->name, port->tcp ? "t" : "u", port->number,
                    way_out);
}

/* "67, 69": those of a state. */
static void list_ports(const struct doctor_interface *i, enum doctor_port_state state, struct buf *out)
{
    for (size_t k = 0; k < i->port_count; k++)
        if (i->port[k].state == state)
            buf_format(out, "%s%u", out->size ? ", " : "", i->port[k].number);
}

void doctor_check_port(const struct doctor_facts *facts, struct doctor_report *report)
{
    static const struct {
        enum doctor_port_state state;
        enum doctor_level level;
        const char *words;
    } states[] = {
        {DOCTOR_PORT_FREE, DOCTOR_OK, "free"},
        {DOCTOR_PORT_OURS, DOCTOR_OK, "held by the bootherd that serves on this folder"},
        {DOCTOR_PORT_UNKNOWN, DOCTOR_NOTE, "free as far as an ordinary user sees"},
    };
    for (size_t i = 0; i < facts->interface_count; i++) {
        const struct doctor_interface *interface = &facts->interface[i];
        for (size_t k = 0; k < interface->port_count; k++)
            if (interface->port[k].state == DOCTOR_PORT_TAKEN)
                port_taken(interface, &interface->port[k], report);
        for (size_t k = 0; k < sizeof states / sizeof states[0]; k++) {
            struct buf list = BUF_INIT;
            list_ports(interface, states[k].state, &list);
            if (list.size)
                doctor_find(report, states[k].level, "ports on %s: %s: %s", interface->name, buf_text(&list),
                            states[k].words);
            buf_fini(&list);
        }
    }
}

/* --- packet filter --- */

struct barrier {
    enum doctor_verdict verdict;
    char chain[DOCTOR_CHAIN_MAX];
};

static void tell_barrier(const struct doctor_interface *i, const struct barrier *b, const char *ports,
                         bool tcp, struct doctor_report *report)
{
    bool certain = b->verdict == DOCTOR_DROPS;
    doctor_find(report, certain ? DOCTOR_FAULT : DOCTOR_WARNING,
                "the firewall %s what machines send on %s to %s %s (chain %s)%s\nnft insert rule %s "
                "iifname \"%s\" %s dport '{ %s }' accept; and the same in the firewall's own configuration, "
                "so that it lasts",
                certain ? "drops" : "may drop", i->name, tcp ? "TCP" : "UDP", ports, b->chain,
                certain ? "" : ": that depends on more than port and interface", b->chain, i->name,
                tcp ? "tcp" : "udp", ports);
}

static void check_filter(const struct doctor_facts *facts, const struct doctor_interface *i,
                         struct doctor_report *report)
{
    struct barrier barriers[DOCTOR_PORTS];
    bool well = true;
    for (size_t k = 0; k < i->port_count; k++) {
        struct doctor_inbound packet = {i->name, i->port[k].tcp, i->port[k].number};
        barriers[k].verdict = doctor_firewall(facts->ruleset, &packet, barriers[k].chain);
        well &= barriers[k].verdict == DOCTOR_LETS_IN;
    }
    for (size_t k = 0; k < i->port_count; k++) {
        struct buf ports = BUF_INIT;
        struct barrier same = barriers[k];
        if (same.verdict == DOCTOR_LETS_IN)
            continue;
        for (size_t n = k; n < i->port_count; n++)
            if (i->port[n].tcp == i->port[k].tcp && barriers[n].verdict == same.verdict &&
                text_equal(barriers[n].chain, same.chain)) {
                buf_format(&ports, "%s%u", ports.size ? ", " : "", i->port[n].number);
                barriers[n].verdict = DOCTOR_LETS_IN; /* told */
            }
        tell_barrier(i, &same, buf_text(&ports), i->port[k].tcp, report);
        buf_fini(&ports);
    }
    if (well)
        doctor_find(report, DOCTOR_OK, "this machine's firewall lets boot requests in on %s", i->name);
}

void doctor_check_firewall(const struct doctor_facts *facts, struct doctor_report *report)
{
    if (!facts->ruleset)
        doctor_find(report, DOCTOR_NOTE,
                    "whether this machine's firewall lets boot requests in is not known: %s",
                    facts->no_ruleset);
    for (size_t i = 0; facts->ruleset && i < facts->interface_count; i++)
        if (facts->interface[i].exists)
            check_filter(facts, &facts->interface[i], report);
    if (facts->legacy_rules)
        doctor_find(report, DOCTOR_NOTE,
                    "iptables rules of the old kind are loaded, which cannot be looked into here\n"
                    "iptables-legacy -S INPUT shows them: they must let in UDP 67, 69, 4011 and TCP 80");
}

/* --- clock and folder --- */

void doctor_check_clock(const struct doctor_facts *facts, struct doctor_report *report)
{
    char now[TEXT_TIME_MAX];
    text_time_utc(facts->now_ms, now);
    if (facts->now_ms < CLOCK_LEAST)
        doctor_find(
            report, DOCTOR_FAULT,
            "the clock says %s: leases and certificates would be long over when it is set right\n"
            "date -u -s 'YYYY-MM-DD hh:mm', or run a time service (apt-get install systemd-timesyncd)",
            now);
    else
        doctor_find(report, DOCTOR_OK, "the clock says %s", now);
}

static void check_space(const struct doctor_folder *f, struct doctor_report *report)
{
    char free_text[TEXT_SIZE_MAX];
    text_size(f->free_bytes, free_text);
    if (f->free_bytes < FREE_NONE)
        doctor_find(report, DOCTOR_FAULT,
                    "%s has %s left: a lease that cannot be written is not given\nmake room on its disk: "
                    "bootherd image remove NAME",
                    f->path, free_text);
    else if (f->free_bytes < FREE_LOW)
        doctor_find(
            report, DOCTOR_WARNING,
            "%s has %s left: an import may not fit\nmake room on its disk: bootherd image remove NAME",
            f->path, free_text);
    else
        doctor_find(report, DOCTOR_OK, "%s has %s left", f->path, free_text);
}

void doctor_check_folder(const struct doctor_facts *facts, struct doctor_report *report)
{
    const struct doctor_folder *f = &facts->folder;
    if (f->why[0]) {
        doctor_find(report, DOCTOR_WARNING, "%s could not be looked at: %s\nrun bootherd doctor as root",
                    f->path, f->why);
        return;
    }
    if (!f->exists) {
        doctor_find(
            report, DOCTOR_NOTE,
            "%s is not there yet, so there is no image and no node\nbootherd image import SOURCE makes "
            "it; --root chooses another",
            f->path);
        return;
    }
    if (f->owner != f->wanted && !(f->root && f->owner == 0))
        doctor_find(report, DOCTOR_FAULT,
                    "%s belongs to user %u, and the server's processes run as user %u\nchown -R %u %s",
                    f->path, (unsigned)f->owner, (unsigned)f->wanted, (unsigned)f->wanted, f->path);
    if (f->mode & 02)
        doctor_find(report, DOCTOR_WARNING,
                    "everybody may write into %s, and so change what machines boot\n"
                    "chmod o-w %s",
                    f->path, f->path);
    check_space(f, report);
}
