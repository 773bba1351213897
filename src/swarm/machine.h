/*
 * One simulated machine, pure: what happened in, what is to be done out. It boots as its firmware would: asks
 * by DHCP, then loads what it is told to. Times are microseconds, monotonic.
 */
#pragma once

#include "swarm/dhcp_client.h"
#include "swarm/herd.h"
#include "swarm/report.h"

/* What all machines of a herd share; borrowed. */
struct machine_setup {
    struct herd_interface interface;
    bool only_dhcp;
    struct report *report; /* steps are timed there */
};

enum machine_action {
    MACHINE_WAIT,   /* for an answer, or m->dhcp.deadline_us */
    MACHINE_SAY,    /* dhcp_client_message is to be sent; then wait */
    MACHINE_BOOTED, /* it is done */
    MACHINE_FAILED, /* m->failure says why */
};

struct machine {
    const struct machine_setup *setup; /* borrowed */
    unsigned boots;                    /* begun so far */
    struct dhcp_client dhcp;
    char failure[REPORT_CAUSE_MAX]; /* alike for all machines that fail alike */
};

void machine_init(struct machine *m, const struct machine_setup *setup, const struct habit *habit,
                  const struct mac *mac);

/* Power on, for the first time or again. xid as for dhcp_client_start. */
enum machine_action machine_start(struct machine *m, uint32_t xid, int64_t now_us);
enum machine_action machine_answer(struct machine *m, const struct dhcp_message *answer, int64_t now_us);
enum machine_action machine_timer(struct machine *m, int64_t now_us);
