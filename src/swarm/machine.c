#include "swarm/machine.h"

#include <stdio.h>

void machine_init(struct machine *m, const struct machine_setup *setup, const struct habit *habit,
                  const struct mac *mac)
{
    *m = (struct machine){.setup = setup,
                          .dhcp = {.habit = habit, .mac = *mac, .file_needed = !setup->only_dhcp}};
}

static enum machine_action fail(struct machine *m, const char *what)
{
    snprintf(m->failure, sizeof m->failure, "%s", what);
    return MACHINE_FAILED;
}

enum machine_action machine_start(struct machine *m, uint32_t xid, int64_t now_us)
{
    m->boots++;
    m->failure[0] = 0;
    dhcp_client_start(&m->dhcp, xid, now_us);
    return MACHINE_SAY;
}

/* A machine takes an address of the network it is in, and none that is somebody's already. */
static bool may_have(const struct machine *m, uint32_t ip)
{
    const struct herd_interface *i = &m->setup->interface;
    uint32_t host = ip & ~ip4_mask(i->prefix);
    return ((ip ^ i->ip) & ip4_mask(i->prefix)) == 0 && ip != i->ip && ip != m->dhcp.lease.server &&
           host != 0 && host != ~ip4_mask(i->prefix);
}

static enum machine_action bound(struct machine *m)
{
    const struct dhcp_client *c = &m->dhcp;
    report_time(m->setup->report, REPORT_OFFER, c->offered_us - c->began_us);
    report_time(m->setup->report, REPORT_ACK, c->bound_us - c->requested_us);
    return MACHINE_BOOTED;
}

static enum machine_action dhcp_next(struct machine *m)
{
    switch (m->dhcp.state) {
    case DHCP_CLIENT_FAILED:
        return fail(m, m->dhcp.text);
    case DHCP_CLIENT_BOUND:
        return bound(m);
    case DHCP_CLIENT_DISCOVERING:
        return MACHINE_SAY;
    case DHCP_CLIENT_REQUESTING:
        if (!may_have(m, m->dhcp.lease.ip))
            return fail(m, "the address it was offered is not one of the interface's network");
        return MACHINE_SAY;
    case DHCP_CLIENT_IDLE:
    case DHCP_CLIENT_WAITING_PROXY:
        break;
    }
    return MACHINE_WAIT;
}

enum machine_action machine_answer(struct machine *m, const struct dhcp_message *answer, int64_t now_us)
{
    return dhcp_client_take(&m->dhcp, answer, now_us) ? dhcp_next(m) : MACHINE_WAIT;
}

enum machine_action machine_timer(struct machine *m, int64_t now_us)
{
    return dhcp_client_timer(&m->dhcp, now_us) ? dhcp_next(m) : MACHINE_WAIT;
}
