/* Checks of the network: addresses, the fleet's networks, and other DHCP servers. */
#include "base/text.h"
#include "proc/doctor.h"

#include <stdio.h>

static bool in_subnet(uint32_t ip, uint32_t base, unsigned prefix)
{
    return ((ip ^ base) & ip4_mask(prefix)) == 0;
}

static bool holds(const struct doctor_interface *i, uint32_t ip)
{
    for (size_t k = 0; k < i->address_count; k++)
        if (in_subnet(ip, i->address[k].ip, i->address[k].prefix))
            return true;
    return false;
}

/* The network that machines on this interface belong to; NULL: one made of its address. */
static const struct fleet_network *network_on(const struct doctor_facts *facts,
                                              const struct doctor_interface *i)
{
    const struct fleet_network *found =
        i->address_count ? fleet_network_of(facts->fleet, i->address[0].ip) : NULL;
    if (found && (!found->interface || text_equal(found->interface, i->name)))
        return found;
    for (size_t k = 0; k < facts->fleet->network_count; k++)
        if (text_equal(facts->fleet->networks[k].interface, i->name))
            return &facts->fleet->networks[k];
    return NULL;
}

/* --- addresses --- */

static void check_own(const struct doctor_facts *facts, const struct doctor_interface *i, uint32_t ip,
                      struct doctor_report *report)
{
    char text[IP4_TEXT_SIZE], first[IP4_TEXT_SIZE], last[IP4_TEXT_SIZE];
    ip4_format(ip, text);
    const struct fleet_network *n = fleet_network_of(facts->fleet, ip);
    const struct fleet_node *node = fleet_node_by_ip(facts->fleet, ip);
    if (node)
        doctor_find(report, DOCTOR_FAULT,
                    "%s is this machine's own address on %s, and node %s is to have it\nbootherd node set %s "
                    "--ip ADDR",
                    text, i->name, node->name, node->name);
    if (n && n->pool_first && n->pool_first <= ip && ip <= n->pool_last)
        doctor_find(
            report, DOCTOR_NOTE,
            "%s is this machine's own address on %s and lies in the pool of network %s (%s-%s): it is "
            "not given out\nbootherd network set %s --pool FIRST-LAST without it",
            text, i->name, n->name, ip4_format(n->pool_first, first), ip4_format(n->pool_last, last),
            n->name);
}

static bool owns(const struct fleet_node *node, const struct mac *mac)
{
    for (size_t i = 0; i < node->mac_count; i++)
        if (mac_equal(&node->macs[i], mac))
            return true;
    return false;
}

static void check_answer(const struct doctor_facts *facts, const struct doctor_answer *a,
                         struct doctor_report *report)
{
    char ip[IP4_TEXT_SIZE], mac[MAC_TEXT_SIZE];
    const struct fleet_node *node = fleet_node_by_ip(facts->fleet, a->ip);
    if (!node || owns(node, &a->mac))
        return;
    doctor_find(report, DOCTOR_WARNING,
                "%s is node %s's address, and somebody else has it now: %s on %s\ngive that machine another "
                "address; or, if it is the node by another card: bootherd node set %s --mac MAC,%s",
                ip4_format(a->ip, ip), node->name, mac_format(&a->mac, mac), a->interface, node->name, mac);
}

void doctor_check_address(const struct doctor_facts *facts, struct doctor_report *report)
{
    size_t before = report->count, looked = 0;
    for (size_t i = 0; i < facts->interface_count; i++) {
        looked += facts->interface[i].probed;
        for (size_t k = 0; k < facts->interface[i].address_count; k++)
            check_own(facts, &facts->interface[i], facts->interface[i].address[k].ip, report);
    }
    for (size_t i = 0; i < facts->answer_count; i++)
        check_answer(facts, &facts->answer[i], report);
    if (report->count == before && looked && facts->fleet->node_count)
        doctor_find(report, DOCTOR_OK, "nobody else answers for a node's address");
}

/* --- networks --- */

static void check_network(const struct doctor_facts *facts, const struct fleet_network *n,
                          struct doctor_report *report)
{
    char ip[IP4_TEXT_SIZE];
    ip4_format(n->subnet, ip);
    if (n->https == FLEET_ON && !facts->https_port)
        doctor_find(
            report, DOCTOR_NOTE,
            "network %s has https on, which needs a server that was started for it\n"
            "bootherd serve --https-port 443, and bootherd doctor --https-port 443 to look at that port",
            n->name);
    for (size_t i = 0; i < facts->interface_count; i++) {
        if (n->interface && text_equal(n->interface, facts->interface[i].name))
            return;
        if (!n->interface)
            for (size_t k = 0; k < facts->interface[i].address_count; k++)
                if (in_subnet(facts->interface[i].address[k].ip, n->subnet, n->prefix)) {
                    doctor_find(report, DOCTOR_OK, "network %s (%s/%u) is on %s", n->name, ip, n->prefix,
                                facts->interface[i].name);
                    return;
                }
    }
    if (n->interface)
        doctor_find(report, DOCTOR_WARNING,
                    "network %s belongs to interface %s, which was not among those looked at\nbootherd serve "
                    "--interface %s, or bootherd network set %s --interface ''",
                    n->name, n->interface, n->interface, n->name);
    else
        doctor_find(
            report, DOCTOR_NOTE,
            "no interface looked at has an address in network %s (%s/%u): only a DHCP relay brings "
            "its machines here\nif they are on this wire: ip addr add ADDR/%u dev IF, with an address "
            "of the network",
            n->name, ip, n->prefix, n->prefix);
}

static bool is_near(const struct doctor_facts *facts, uint32_t ip)
{
    for (size_t i = 0; i < facts->interface_count; i++)
        if (holds(&facts->interface[i], ip))
            return true;
    return false;
}

/* Without networks the server makes one of its interface's address; the fleet's own check takes over when
 * there are some. */
static void check_without(const struct doctor_facts *facts, struct doctor_report *report)
{
    struct doctor_some far = {0};
    doctor_find(
        report, DOCTOR_NOTE,
        "the fleet has no network: the subnet of the interface is taken, without gateway and DNS, and "
        "unknown machines get no address\nbootherd network set NAME --subnet ADDR/BITS --gateway ADDR "
        "--dns ADDR --pool FIRST-LAST");
    for (size_t i = 0; i < facts->fleet->node_count; i++)
        if (facts->fleet->nodes[i].ip && !is_near(facts, facts->fleet->nodes[i].ip))
            doctor_some_add(&far, facts->fleet->nodes[i].name);
    if (far.count)
        doctor_find(report, DOCTOR_FAULT,
                    "outside every subnet of the interfaces looked at: the address of %s\nbootherd node set "
                    "NAME --ip ADDR, or describe their network: bootherd network set NAME --subnet ADDR/BITS",
                    doctor_some_text(&far));
    buf_fini(&far.names);
}

/* Nodes that take what the pool has, when there is none. */
static void check_pools(const struct doctor_facts *facts, struct doctor_report *report)
{
    struct doctor_some none = {0};
    for (size_t i = 0; i < facts->fleet->network_count; i++)
        if (facts->fleet->networks[i].pool_first || fleet_network_is_proxy(&facts->fleet->networks[i]))
            return;
    for (size_t i = 0; i < facts->fleet->node_count; i++)
        if (!facts->fleet->nodes[i].ip)
            doctor_some_add(&none, facts->fleet->nodes[i].name);
    if (none.count)
        doctor_find(
            report, DOCTOR_FAULT,
            "no address for %s: they have none of their own, and no network has a pool\nbootherd node "
            "set NAME --ip ADDR, or bootherd network set NAME --pool FIRST-LAST",
            doctor_some_text(&none));
    buf_fini(&none.names);
}

void doctor_check_network(const struct doctor_facts *facts, struct doctor_report *report)
{
    for (size_t i = 0; i < facts->fleet->network_count; i++)
        check_network(facts, &facts->fleet->networks[i], report);
    if (!facts->fleet->network_count && !facts->no_fleet[0])
        check_without(facts, report);
    check_pools(facts, report);
}

/* --- other DHCP servers --- */

static const char *server_text(const struct doctor_offer *o, char out[static 64])
{
    char ip[IP4_TEXT_SIZE], mac[MAC_TEXT_SIZE];
    snprintf(out, 64, "%s (%s)", ip4_format(o->id ? o->id : o->server, ip), mac_format(&o->mac, mac));
    return out;
}

/* We give addresses, and so does it. */
static void rival(const struct doctor_interface *i, const struct doctor_offer *o,
                  const struct fleet_network *n, struct doctor_report *report)
{
    char server[64], ip[IP4_TEXT_SIZE], subnet[IP4_TEXT_SIZE], make[64] = "";
    unsigned prefix = i->address_count ? i->address[0].prefix : 24;
    if (!n) /* the fleet has none to put the mode on */
        snprintf(make, sizeof make, " --subnet %s/%u",
                 ip4_format((i->address_count ? i->address[0].ip : o->address) & ip4_mask(prefix), subnet),
                 prefix);
    doctor_find(report, DOCTOR_FAULT,
                "another DHCP server answers on %s: %s offers %s%s, and machines take whichever is first\n"
                "switch its DHCP off there, or let it give the addresses: bootherd network set %s%s --mode "
                "proxy",
                i->name, server_text(o, server), ip4_format(o->address, ip),
                o->file[0] ? " and a boot file of its own" : "", n ? n->name : "NAME", make);
}

static void check_offer(const struct doctor_interface *i, const struct doctor_offer *o,
                        const struct fleet_network *n, struct doctor_report *report)
{
    char server[64], ip[IP4_TEXT_SIZE];
    bool proxy = n && fleet_network_is_proxy(n);
    size_t before = report->count;
    server_text(o, server);
    if (o->waits && o->address) /* a ProxyDHCP server that wants to be asked is told of below */
        doctor_find(report, DOCTOR_FAULT,
                    "DHCP server %s on %s sends option 60 \"PXEClient\" without option 43 or a boot file: "
                    "firmware then asks it on port 4011, and waits there\ntake option 60 (vendor class "
                    "identifier) out of that server's configuration",
                    server, i->name);
    if (o->address && !proxy)
        rival(i, o, n, report);
    if (!o->address)
        doctor_find(report, DOCTOR_FAULT,
                    "another server says what to boot on %s: %s, a ProxyDHCP server%s%s\nswitch it off: "
                    "machines take either answer",
                    i->name, server, o->file[0] ? ", boot file " : "", o->file);
    if (o->address && proxy && o->file[0])
        doctor_find(
            report, DOCTOR_FAULT,
            "DHCP server %s on %s sends a boot file too, \"%s\", and firmware may take that instead of "
            "ours\ntake options 66 and 67, next-server and filename out of that server's configuration",
            server, i->name, o->file);
    if (report->count == before)
        doctor_find(report, DOCTOR_OK, "DHCP server %s gives addresses on %s (%s), as mode proxy wants",
                    server, i->name, ip4_format(o->address, ip));
}

/* What was not heard. */
static void check_silence(const struct doctor_facts *facts, const struct doctor_interface *i,
                          const struct fleet_network *n, struct doctor_report *report)
{
    bool any = false, address = false, proxy = n && fleet_network_is_proxy(n);
    for (size_t k = 0; k < facts->heard_count; k++)
        if (text_equal(facts->heard[k].interface, i->name)) {
            any = true;
            address |= facts->heard[k].offer.address != 0;
        }
    if (proxy && !address)
        doctor_find(
            report, DOCTOR_FAULT,
            "network %s has mode proxy, and on %s no DHCP server offered an address: machines will get "
            "none\nstart that server, or give addresses yourself: bootherd network set %s --mode dhcp",
            n->name, i->name, n->name);
    else if (!any)
        doctor_find(report, DOCTOR_OK, "no other DHCP server answers on %s", i->name);
}

void doctor_check_dhcp(const struct doctor_facts *facts, struct doctor_report *report)
{
    for (size_t i = 0; i < facts->interface_count; i++) {
        const struct doctor_interface *interface = &facts->interface[i];
        const struct fleet_network *n = network_on(facts, interface);
        if (!interface->probed) {
            if (interface->unprobed[0])
                doctor_find(report, DOCTOR_NOTE, "whether another DHCP server answers on %s is not known: %s",
                            interface->name, interface->unprobed);
            continue;
        }
        for (size_t k = 0; k < facts->heard_count; k++)
            if (text_equal(facts->heard[k].interface, interface->name))
                check_offer(interface, &facts->heard[k].offer, n, report);
        check_silence(facts, interface, n, report);
    }
}
